package saga

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"troupe/actors/account"
	"troupe/actors/mailbox"
)

// tell is the one message that the actor of a story gets.
type tell struct {
	mailbox.To[*teller, told]
	How  how
	ID   account.SagaID
	Kind Kind
	In   any // of begin: the message that asked for the story
}

// how says which way into a story is taken: see plot.
type how int

const (
	begin how = iota
	rejoin
	settle
)

// teller is the actor of one story. It has one turn, which lasts as long as the
// story goes on; nobody shares it.
type teller struct {
	o    Options
	life context.Context // ends when the server stops: the story stops between two steps

	// owned by the turn
	client context.Context // of the person who waits; nil: nobody does
	row    account.Saga    // as it was stored last
}

// Start implements mailbox.Actor.
func (w *teller) Start(context.Context) error { return nil }

// Stop implements mailbox.Actor.
func (w *teller) Stop(mailbox.Reason) {}

// Receive implements mailbox.Actor.
func (w *teller) Receive(t *mailbox.Turn) {
	switch m := t.Message().(type) {
	case tell:
		mailbox.Reply(w, t, m, w.tell)
	}
}

func (w *teller) tell(client context.Context, m tell) (told, error) {
	p := kinds[m.Kind].plot(w)
	if m.How != settle {
		w.client = client
	}
	switch m.How {
	case begin:
		return p.begin(m.ID, m.In), nil
	case rejoin:
		return p.rejoin(m.ID), nil
	}
	return p.settle(m.ID), nil
}

// newRow is the row of a story that is about to begin.
func (w *teller) newRow(id account.SagaID, k Kind) {
	now := w.o.Now().UTC()
	w.row = account.Saga{ID: id, Kind: string(k), CreatedAt: now, UpdatedAt: now}
}

// at is the row of the story with another step and the data of that.
func (w *teller) at(step string, data any) account.Saga {
	row := w.row
	row.Step = step
	b, err := json.Marshal(data)
	if err != nil {
		panic(err) // JSON that we made, and text
	}
	row.Data = b
	return row
}

// read takes the story as it was stored. ErrNoSaga: it has ended.
func (w *teller) read(id account.SagaID, data any) (err error) {
	w.row, err = query(w, account.FindSaga{ID: id})
	if err == nil {
		err = load(w.row, data)
	}
	if err != nil && !errors.Is(err, account.ErrNoSaga) {
		w.o.Logger.Error("story cannot go on", slog.String("saga", string(id)), slog.Any("error", err))
	}
	return err
}

func load(row account.Saga, data any) error {
	if err := json.Unmarshal(row.Data, data); err != nil {
		return fmt.Errorf("saga: story %s cannot be read: %w", row.ID, err)
	}
	return nil
}

// waits reports whether somebody still waits for the outcome.
func (w *teller) waits() bool { return w.client != nil && w.client.Err() == nil && w.life.Err() == nil }

// askLimit is how long a step may take inside this server. Where it is passed
// the outcome is unknown, and every step may be taken again.
const askLimit = 30 * time.Second

func query[R any, M mailbox.Message[*account.Accounts, R]](w *teller, m M) (R, error) {
	// Not the client's context: a step that has begun is finished.
	ctx, cancel := context.WithTimeout(context.Background(), askLimit)
	defer cancel()
	return mailbox.Ask(ctx, w.o.Accounts, m)
}

func ask[M mailbox.Message[*account.Accounts, account.Done]](w *teller, m M) error {
	_, err := query(w, m)
	return err
}

// end forgets a story that is complete.
func (w *teller) end() error { return ask(w, account.EndSaga{ID: w.row.ID}) }

// unknown reports whether a request may have taken effect in spite of its error.
func unknown(err error) bool {
	return errors.Is(err, mailbox.ErrCrashed) || errors.Is(err, mailbox.ErrExpired) || errors.Is(err, mailbox.ErrStopped)
}

// tries is how often a step inside this server is taken before the story is
// left to settle.
const tries = 3

// insistently takes a step that is inside this server and idempotent.
func (w *teller) insistently(name string, step func() error) (err error) {
	for i := range tries {
		if err = step(); err == nil || w.life.Err() != nil || refusal(err) {
			break
		}
		w.pause(w.o.Retry << i / 10)
	}
	if err != nil {
		w.o.Logger.Error("story is stuck", w.attrs(slog.String("at", name), slog.Any("error", err))...)
	}
	return err
}

// refusal reports whether asking again would be answered the same.
func refusal(err error) bool {
	return errors.Is(err, account.ErrDIDTaken) || errors.Is(err, account.ErrNoSaga)
}

// pause waits, unless the server stops first.
func (w *teller) pause(d time.Duration) {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
	case <-w.life.Done():
	}
}

func (w *teller) attrs(more ...any) []any {
	return append([]any{
		slog.String("saga", string(w.row.ID)), slog.String("kind", w.row.Kind), slog.String("did", w.row.DID.String()), slog.String("step", w.row.Step),
	}, more...)
}
