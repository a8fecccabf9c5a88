package mail

import (
	"context"
	"fmt"
	"log/slog"
	"runtime/debug"
	"sync"
	"time"

	"troupe/actors/mailbox"
)

const (
	admitted = 4096             // messages that wait
	asking   = 10 * time.Second // a question to the queue
	farewell = 3 * time.Second  // what a letter that is being sent has left when the server stops
)

// Mailer is the actor.
type Mailer struct {
	o    Options
	self mailbox.Self

	// owned by the turns of this instance
	state

	// set by Start, read by what runs beside the turns
	life  context.Context
	end   context.CancelFunc
	works sync.WaitGroup
}

// Spawn starts the mailer.
func Spawn(s *mailbox.System, o Options) (*mailbox.Handle[*Mailer], error) {
	o = o.withDefaults()
	return mailbox.Spawn(s, "mailer", admitted, func(self mailbox.Self) *Mailer { return &Mailer{o: o, self: self} })
}

// Start implements mailbox.Actor.
func (a *Mailer) Start(ctx context.Context) error {
	a.life, a.end = context.WithCancel(ctx)
	a.state = state{flying: map[ID]bool{}, left: map[ID]bool{}}
	a.look()
	return nil
}

// Receive implements mailbox.Actor.
func (a *Mailer) Receive(t *mailbox.Turn) {
	switch m := t.Message().(type) {
	case Wake:
		mailbox.Reply(a, t, m, a.wake)
	case Settled:
		mailbox.Later(a, t, m, a.settled)
	}
}

// Stop implements mailbox.Actor. Letters that are being sent have a moment to
// get there; the others are tried again at the next start. Never are there two
// instances that send: the next one starts when this has returned.
func (a *Mailer) Stop(mailbox.Reason) {
	if a.end == nil {
		return
	}
	if a.timer != nil {
		a.timer.Stop()
	}
	late := time.AfterFunc(farewell, a.end)
	a.works.Wait()
	late.Stop()
	a.end()
	for _, answer := range a.waiting {
		answer(Done{}, mailbox.ErrStopped)
	}
}

func (a *Mailer) wake(context.Context, Wake) (Done, error) {
	a.look()
	return Done{}, nil
}

func (a *Mailer) settled(_ context.Context, _ Settled, answer func(Done, error)) {
	a.waiting = append(a.waiting, answer)
	a.look()
}

// look asks the queue, beside the turns; one question at a time.
func (a *Mailer) look() {
	only := ""
	switch {
	case a.o.Route.Transport != nil:
	case a.o.Moderation != nil:
		only = templateModeration
	default: // nobody to give it to
		a.rest()
		return
	}
	if a.looking {
		a.again = true
		return
	}
	a.looking, a.again = true, false
	limit := a.o.Parallel + len(a.flying)
	a.works.Go(func() {
		ctx, cancel := context.WithTimeout(a.life, asking)
		defer cancel()
		due, next, err := a.o.Due(ctx, limit, only)
		a.self.Run(func() { a.found(due, next, err) })
	})
}

// found is the turn in which the queue has answered.
func (a *Mailer) found(due []Letter, next time.Time, err error) {
	a.looking = false
	if a.life.Err() != nil {
		return
	}
	if err != nil {
		a.o.Log.Warn("mail: the queue does not answer", slog.Any("error", err))
	}
	for _, l := range choose(due, a.flying, a.o.Parallel-len(a.flying)) {
		a.begin(l)
	}
	if a.again {
		a.look()
		return
	}
	pause := a.o.Poll
	if wait := next.Sub(a.o.Now()); err == nil && !next.IsZero() && wait < pause {
		pause = max(wait, 10*time.Millisecond)
	}
	if a.timer != nil {
		a.timer.Stop()
	}
	a.timer = time.AfterFunc(pause, func() { a.self.Run(a.look) })
	if err == nil && len(a.flying) == 0 && len(due) == 0 {
		a.rest()
	}
}

// rest answers those who wait for an empty queue.
func (a *Mailer) rest() {
	for _, answer := range a.waiting {
		answer(Done{}, nil)
	}
	a.waiting = nil
}

// begin sends a letter beside the turns. One that has left already is only
// recorded: the queue did not hear of it the first time.
func (a *Mailer) begin(l Letter) {
	a.flying[l.ID] = true
	gone := a.left[l.ID]
	a.works.Go(func() {
		var err error
		if !gone {
			err = a.attempt(l)
		}
		o := settle(err, l.Attempts, a.o.Now(), a.o.Pause)
		// The server may be stopping, and what has happened is recorded still.
		ctx, cancel := context.WithTimeout(context.WithoutCancel(a.life), asking)
		defer cancel()
		unheard := a.o.Settle(ctx, l.ID, o)
		a.self.Run(func() { a.ended(l, o, unheard) })
	})
}

// attempt renders and sends one letter. A panic is an attempt that failed:
// nobody supervises its goroutine.
func (a *Mailer) attempt(l Letter) (err error) {
	defer func() {
		if p := recover(); p != nil {
			a.o.Log.Error("mail: panic while sending", slog.Any("panic", p), slog.String("stack", string(debug.Stack())))
			err = fmt.Errorf("mail: panic: %v", p)
		}
	}()
	ctx, cancel := context.WithTimeout(a.life, a.o.Timeout)
	defer cancel()
	route := a.o.Route
	if l.Template == templateModeration && a.o.Moderation != nil {
		route = *a.o.Moderation
	}
	m, err := a.o.Brand.Compose(l, route.From)
	if err != nil {
		return fmt.Errorf("%w: %w", errContent, err)
	}
	return route.Transport.Send(ctx, m)
}

// ended is the turn in which an attempt comes back.
func (a *Mailer) ended(l Letter, o Outcome, unheard error) {
	delete(a.flying, l.ID)
	delete(a.left, l.ID)
	count(o)
	switch {
	case unheard != nil && o.Sent:
		a.left[l.ID] = true
		a.o.Log.Warn("mail: sent, and the queue does not know", slog.Int64("mail", int64(l.ID)), slog.Any("error", unheard))
	case o.Sent:
		a.o.Log.Debug("mail: sent", slog.Int64("mail", int64(l.ID)), slog.String("template", l.Template))
	default: // neither the address nor the code: this is a log
		a.o.Log.Warn("mail: not sent", slog.Int64("mail", int64(l.ID)), slog.String("template", l.Template), slog.Int64("attempt", l.Attempts+1),
			slog.String("why", o.Failure), slog.Bool("final", o.Again.IsZero()))
	}
	if a.life.Err() != nil {
		return
	}
	if unheard != nil { // not at once: the disk may be full
		a.timer = time.AfterFunc(time.Second, func() { a.self.Run(a.look) })
		return
	}
	a.look()
}
