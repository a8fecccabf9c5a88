package saga

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"github.com/bluesky-social/indigo/atproto/syntax"

	"troupe/actors/account"
	"troupe/actors/mailbox"
)

// signup is the actor of one sign-up. It has one turn, which lasts as long as
// the story goes on; nobody shares it.
type signup struct {
	o    Options
	life context.Context // ends when the server stops: the story stops between two steps

	// owned by the turn
	client context.Context // of the person who waits; nil: nobody does
	story  story
	doubt  bool          // a sending was not answered
	grant  account.Grant // stored with the account, for the person who waits
	acct   account.Account
}

// Start implements mailbox.Actor.
func (w *signup) Start(context.Context) error { return nil }

// Stop implements mailbox.Actor.
func (w *signup) Stop(mailbox.Reason) {}

// Receive implements mailbox.Actor.
func (w *signup) Receive(t *mailbox.Turn) {
	switch m := t.Message().(type) {
	case tell:
		mailbox.Reply(w, t, m, w.tell)
	case rejoin:
		mailbox.Reply(w, t, m, w.rejoin)
	case settle:
		mailbox.Reply(w, t, m, w.settle)
	}
}

// tell begins a sign-up: checks, then the steps.
func (w *signup) tell(client context.Context, m tell) (told, error) {
	w.client = client
	key, err := w.prepare(m)
	if err != nil {
		return told{refused: err, ended: true}, nil
	}
	w.o.probe("reserve")
	err = ask(w, account.ReserveSignup{Saga: w.story.at(stepReserved), Handle: w.story.Handle, Email: w.story.Email, Invite: w.story.Invite})
	var pending account.Pending
	switch {
	case errors.As(err, &pending):
		return w.same(pending, m.In), nil
	case unknown(err):
		return told{refused: err}, nil // it may have been stored: settle finds out
	case err != nil:
		return told{refused: err, ended: true}, nil
	}
	w.story.row.Step = stepReserved
	w.o.probe("reserved")
	if err := w.writeKey(key); err != nil {
		return w.undo(err), nil
	}
	w.o.probe("keyed")
	if w.story.brought() {
		return w.complete(), nil
	}
	return w.register(), nil
}

// rejoin goes on with a story for the person who began it and proved it.
func (w *signup) rejoin(client context.Context, m rejoin) (told, error) {
	w.client = client
	if err := w.read(m.ID); err != nil {
		// It ended meanwhile, one way or the other.
		return told{refused: account.ErrHandleTaken, ended: errors.Is(err, account.ErrNoSaga)}, nil
	}
	switch w.story.row.Step {
	case stepSending:
		w.doubt = true
		return w.register(), nil
	case stepInserted:
		return w.complete(), nil
	}
	// Nothing was sent, so nothing is lost: the next try begins anew. Leaving it
	// to settle would let somebody who tries again and again keep settle waiting.
	return w.undo(ErrUnconfirmed), nil
}

// settle goes on with a story that nobody waits for. It never sends: see doc.go.
func (w *signup) settle(_ context.Context, m settle) (told, error) {
	if err := w.read(m.ID); err != nil {
		return told{ended: errors.Is(err, account.ErrNoSaga)}, nil
	}
	w.o.probe("settle")
	switch w.story.row.Step {
	case stepInserted:
		return w.complete(), nil
	case stepReserved:
		return w.undo(nil), nil
	case stepSending:
		return w.lookUp(), nil
	}
	w.o.Logger.Error("sign-up in an unknown step", w.attrs()...)
	return told{}, nil
}

// same lets the person behind an unfinished sign-up go on with it: who knows
// its handle, its address and its password is that person.
func (w *signup) same(p account.Pending, in SignUp) told {
	taken := told{refused: account.ErrHandleTaken, ended: true}
	old, err := load(p.Saga)
	if err != nil || old.brought() != w.story.brought() || (old.brought() && old.row.DID != w.story.row.DID) || old.Recovery != w.story.Recovery {
		return taken
	}
	ok, _, err := w.o.Passwords.Verify(w.client, old.Password, in.Password)
	if err != nil || !ok {
		return taken
	}
	return told{join: p.Saga.ID, ended: true}
}

func (w *signup) read(id account.SagaID) error {
	row, err := query(w, account.FindSaga{ID: id})
	if err == nil {
		w.story, err = load(row)
	}
	if err != nil && !errors.Is(err, account.ErrNoSaga) {
		w.o.Logger.Error("sign-up cannot go on", slog.String("saga", string(id)), slog.Any("error", err))
	}
	return err
}

// waits reports whether somebody still waits for the outcome.
func (w *signup) waits() bool { return w.client != nil && w.client.Err() == nil && w.life.Err() == nil }

// askLimit is how long a step may take inside this server. Where it is passed
// the outcome is unknown, and every step may be taken again.
const askLimit = 30 * time.Second

func query[R any, M mailbox.Message[*account.Accounts, R]](w *signup, m M) (R, error) {
	// Not the client's context: a step that has begun is finished.
	ctx, cancel := context.WithTimeout(context.Background(), askLimit)
	defer cancel()
	return mailbox.Ask(ctx, w.o.Accounts, m)
}

func ask[M mailbox.Message[*account.Accounts, account.Done]](w *signup, m M) error {
	_, err := query(w, m)
	return err
}

// unknown reports whether a request may have taken effect in spite of its error.
func unknown(err error) bool {
	return errors.Is(err, mailbox.ErrCrashed) || errors.Is(err, mailbox.ErrExpired) || errors.Is(err, mailbox.ErrStopped)
}

// pause waits, unless the server stops first.
func (w *signup) pause(d time.Duration) {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
	case <-w.life.Done():
	}
}

func (w *signup) attrs(more ...any) []any {
	return append([]any{slog.String("saga", string(w.story.row.ID)), slog.String("did", w.story.row.DID.String()), slog.String("step", w.story.row.Step)}, more...)
}

// resolve makes sure that a handle of another domain belongs to the DID.
func (w *signup) resolve(h syntax.Handle, did syntax.DID) error {
	if did == "" || w.o.ResolveHandle == nil {
		return account.ErrUnsupportedDomain
	}
	got, err := w.o.ResolveHandle(w.client, h)
	if err != nil {
		return fmt.Errorf("%w: %w", ErrHandleNotResolved, err)
	}
	if got != did {
		return ErrHandleNotResolved
	}
	return nil
}
