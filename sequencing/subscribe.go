package sequencing

import (
	"context"
	"time"
)

// SubscribeOptions tunes a Subscription. Zero values mean the defaults in parentheses.
type SubscribeOptions struct {
	Window    time.Duration    // how far back a cursor may reach (24 h)
	MaxBehind int              // bytes a live subscriber may be behind (ring size)
	MaxAge    time.Duration    // how long a live subscriber may sit on an event (1 minute)
	BatchSize int              // bytes of frames per Next, at least one frame (256 KiB)
	Now       func() time.Time // (time.Now)
}

// Subscription is one reader's position in the public history.
// It belongs to one goroutine.
type Subscription struct{}

// Subscribe starts after cursor; nil means live only. ErrFutureCursor if the
// cursor is above everything ever sent.
func Subscribe(log Log, ring *Ring, cursor *Seq, o SubscribeOptions) (*Subscription, error) {
	panic("skeleton")
}

// Info is the frame to send first: #info OutdatedCursor, or nil.
func (s *Subscription) Info() []byte { panic("skeleton") }

// Next waits for the next batch of wire frames, in order, without gap or
// duplicate. Errors: ErrTooSlow, ctx's, or the log's.
func (s *Subscription) Next(ctx context.Context) ([][]byte, error) { panic("skeleton") }

// Close ends the subscription.
func (s *Subscription) Close() { panic("skeleton") }
