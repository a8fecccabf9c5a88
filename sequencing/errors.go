package sequencing

import "errors"

var (
	// ErrFull: the disk is full. Nothing of the append was kept; the log serves
	// reads and takes appends again by itself once there is space.
	ErrFull = errors.New("sequencing: disk full")
	// ErrClosed: the log is shut, or stopped after an error of its disk.
	ErrClosed = errors.New("sequencing: log closed")
	// ErrQueueFull: refused at the door, more bytes are waiting than allowed.
	ErrQueueFull = errors.New("sequencing: queue full")
	// ErrInvalid: the append contradicts itself (no entries, a commit without
	// rev, an expectation that is missing). A fault of the caller.
	ErrInvalid = errors.New("sequencing: invalid append")
	// ErrCorrupt: a row does not match its checksum, or cannot be decoded.
	ErrCorrupt = errors.New("sequencing: corrupt row")
	// ErrClockJump: the wall clock ran ahead of the boot clock.
	ErrClockJump = errors.New("sequencing: clock jumped ahead")
	// ErrFutureCursor: the cursor is above every number ever given out.
	ErrFutureCursor = errors.New("sequencing: cursor in the future")
	// ErrTooSlow: the subscriber is too many bytes or too long behind.
	ErrTooSlow = errors.New("sequencing: consumer too slow")
	// ErrHistory: what comes next is in the log and not in memory.
	ErrHistory = errors.New("sequencing: behind the ring")
)

// Refused is the error of an append whose expectation does not hold. Nothing
// was written. Head is what stands in the log now; without Exists there is none.
// It is returned by value: var r Refused; errors.As(err, &r).
type Refused struct {
	Head   Head
	Exists bool
}

func (r Refused) Error() string {
	if !r.Exists {
		return "sequencing: append refused: unknown DID"
	}
	return "sequencing: append refused: head of " + r.Head.DID.String() + " is at rev " + r.Head.Rev.String() + ", " + r.Head.Status.String()
}
