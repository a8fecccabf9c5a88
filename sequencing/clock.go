package sequencing

import (
	"log/slog"
	"time"

	"github.com/bluesky-social/indigo/atproto/syntax"
)

// ClockOptions replaces the sources of a Clock. Zero values mean the defaults in parentheses.
type ClockOptions struct {
	Now    func() time.Time     // wall clock (time.Now)
	Boot   func() time.Duration // a clock that only runs forward and cannot be set (the runtime's monotonic clock)
	Logger *slog.Logger         // (slog.Default)
}

// Clock mints times and revs that cannot run away.
type Clock struct{}

// NewClock takes the wall clock as right at this moment.
func NewClock(o ClockOptions) *Clock { panic("skeleton") }

// SystemClock is the clock of a server: wall time against the machine's boot
// clock, which keeps counting while the machine sleeps.
func SystemClock() *Clock { panic("skeleton") }

// Now is the wall clock, or ErrClockJump.
func (c *Clock) Now() (time.Time, error) { panic("skeleton") }

// NextRev is max(prev + 1 µs, now) as a TID with clock id 0, or ErrClockJump.
func (c *Clock) NextRev(prev syntax.TID) (syntax.TID, error) { panic("skeleton") }

// Confirm accepts the wall clock as it is now.
func (c *Clock) Confirm() { panic("skeleton") }
