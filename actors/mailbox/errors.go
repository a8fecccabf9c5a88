package mailbox

import (
	"context"
	"errors"
)

// Errors that an asker can get from the mailbox itself. Every other error is
// the handler's own and arrives as the handler returned it.
var (
	// ErrBusy: refused at the door, nothing was queued. Asking again later is safe.
	ErrBusy = errors.New("mailbox: too many requests are waiting")
	// ErrCrashed: the turn panicked, or the instance crashed before it answered.
	// Whether the request took effect is unknown; ask the restarted actor.
	ErrCrashed = errors.New("mailbox: actor crashed before it answered")
	// ErrExpired: the asker's context ended first. It always comes together with
	// the context's own cause: errors.Is(err, context.DeadlineExceeded) holds too.
	// A request still unread then is never handled; one already read may be.
	ErrExpired = errors.New("mailbox: request expired before it was answered")
	// ErrRetired: the key was retired and has not been released.
	ErrRetired = errors.New("mailbox: key is retired")
	// ErrQuarantined: the key crashed too often; it is refused for a while.
	ErrQuarantined = errors.New("mailbox: key is quarantined after repeated crashes")
	// ErrStopped: the actor or its router has been stopped.
	ErrStopped = errors.New("mailbox: actor is stopped")
	// ErrUnhandled: the actor's Receive has no case for the message.
	ErrUnhandled = errors.New("mailbox: actor has no handler for the message")
)

// expired is ErrExpired together with the reason why the context ended.
type expired struct{ cause error }

func expiredBy(ctx context.Context) error { return expired{context.Cause(ctx)} }

func (e expired) Error() string   { return ErrExpired.Error() + ": " + e.cause.Error() }
func (e expired) Unwrap() []error { return []error{ErrExpired, e.cause} }
