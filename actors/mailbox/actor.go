package mailbox

import (
	"context"
	"fmt"
)

// Actor is what runs behind an address. All three methods run in turns: one at
// a time, never two at once, so an actor's fields need no lock.
type Actor interface {
	// Start opens what the actor owns. On an error (or a panic) Stop(Crashed) is
	// called and every request is answered with that error until a later
	// activation, after a short backoff, succeeds. ctx ends at Shutdown.
	Start(ctx context.Context) error
	// Receive is a table: one Reply or Later per message, no logic. t is valid
	// until Receive returns. A panic answers the asker with ErrCrashed; then
	// Stop(Crashed) is called and a fresh instance takes the next request.
	Receive(t *Turn)
	// Stop closes what Start opened and answers what is held. It is called
	// exactly once per instance, also after a failed Start, so it must cope with
	// a half-opened one. After it returned, nothing of this instance runs.
	Stop(why Reason)
}

// Idler is an actor that wants to know when it has time: Idle is called in a
// turn of its own, once after each burst of work, when a whole tick passed
// without any.
type Idler interface{ Idle() }

// Reason says why an instance is stopped.
type Reason uint8

const (
	Passivated   Reason = iota // left the LRU, or its key was retired; everything was answered
	Crashed                    // a turn or Start failed: trust nothing in memory
	ShuttingDown               // the router or the singleton is being closed
)

func (r Reason) String() string {
	switch r {
	case Passivated:
		return "passivated"
	case Crashed:
		return "crashed"
	case ShuttingDown:
		return "shutting down"
	}
	return fmt.Sprintf("Reason(%d)", r)
}

// Turn is one request being handled.
type Turn struct {
	mail mail
	in   *instance
}

// Message is the request, as it was asked.
func (t *Turn) Message() any { return t.mail.head().msg }

// Context is the asker's context.
func (t *Turn) Context() context.Context { return t.mail.head().ctx }

// Reply answers m with what h returns, in this turn.
func Reply[A, R any, M Message[A, R]](a A, t *Turn, m M, h func(context.Context, M) (R, error)) {
	l := t.mail.(*letter[R]) // Ask made it of the same Message[A, R]
	l.answer(h(l.ctx, m))
}

// Later hands m to h together with the function that answers it. The answer is
// given at most once, in this turn, in a later one (Self.Run) or from any other
// goroutine; a second answer is ignored. Passivation waits for it. If the
// instance ends first it is answered with ErrCrashed or ErrStopped.
func Later[A, R any, M Message[A, R]](a A, t *Turn, m M, h func(context.Context, M, func(R, error))) {
	l := t.mail.(*letter[R])
	t.in.hold(l)
	h(l.ctx, m, l.answer)
}

// Self is an instance's way back into its own mailbox.
type Self struct{ in *instance }

// Run makes fn a turn of this very instance: behind what is queued, never
// concurrently with another turn. It never blocks and may be called from any
// goroutine. fn is dropped if the instance has ended by then; it has not while
// an answer given with Later is owed, so Run first and answer second.
func (s Self) Run(fn func()) { s.in.post(fn) }
