package mailbox

import "context"

// To marks a message: embedded in a struct, it says that actor A answers the
// message with an R. It takes no space.
//
//	type GetRecord struct {
//		mailbox.To[*Repo, Found]
//		Collection syntax.NSID
//	}
type To[A, R any] struct{}

func (To[A, R]) answeredBy(A) (r R) { return r }

// Message is anything that embeds To[A, R]. Messages are immutable values: no
// pointers to state, no channels, no handles.
type Message[A, R any] interface{ answeredBy(A) R }

// Address is where an A is asked: a singleton, or one key behind a router. It
// names the actor, never an instance, so it stays valid across restarts,
// passivation and activation. The zero Address answers ErrStopped.
type Address[A any] struct {
	door door
	key  string
}

// door is where letters are admitted or refused.
type door interface {
	// deliver takes the letter over: from here on it is answered exactly once,
	// be it with a refusal. It never blocks.
	deliver(key string, m mail)
}

// Ask sends m and waits for the answer. Requests that one goroutine sends to one
// address are read in that order. An actor that asks itself waits for ever (or
// for ctx): asks go one way. The error is the handler's own, or one
// of this package's; when ctx ends first it is ErrExpired, and the request may
// or may not take effect later.
func Ask[A, R any](ctx context.Context, to Address[A], m Message[A, R]) (R, error) {
	var zero R
	if ctx.Err() != nil {
		return zero, expiredBy(ctx)
	}
	if to.door == nil {
		return zero, ErrStopped
	}
	l := &letter[R]{envelope: envelope{ctx: ctx, msg: m}, slot: make(chan outcome[R], 1)}
	to.door.deliver(to.key, l)
	select {
	case o := <-l.slot:
		return o.value, o.err
	case <-ctx.Done():
	}
	// Both may have been ready: an answer that exists is the truth.
	select {
	case o := <-l.slot:
		return o.value, o.err
	default:
		return zero, expiredBy(ctx)
	}
}

// Post sends m and does not wait. done is called exactly once, on whatever
// goroutine answers (possibly this one, before Post returns), and must not
// block. When ctx has ended by the time the actor reads m, m is not handled and
// done gets ErrExpired.
func Post[A, R any](ctx context.Context, to Address[A], m Message[A, R], done func(R, error)) {
	l := &letter[R]{envelope: envelope{ctx: ctx, msg: m}, done: done}
	switch {
	case ctx.Err() != nil:
		l.refuse(expiredBy(ctx))
	case to.door == nil:
		l.refuse(ErrStopped)
	default:
		to.door.deliver(to.key, l)
	}
}
