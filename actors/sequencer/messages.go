package sequencer

import (
	"troupe/actors/mailbox"
	"troupe/sequencing"
)

// Append puts a chain into the log. It is answered once the chain is durable,
// or with sequencing.Refused, ErrFull, ErrQueueFull, ErrInvalid, ErrClosed. It
// cannot be cancelled.
type Append struct {
	mailbox.To[*Sequencer, sequencing.Committed]
	Chain sequencing.Append
}

// Subscribe opens a reader of public events after Cursor, or of what comes from
// now on. It is answered with sequencing.ErrFutureCursor. The asker must Close it.
type Subscribe struct {
	mailbox.To[*Sequencer, *sequencing.Subscription]
	Cursor *sequencing.Seq
}
