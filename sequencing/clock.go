package sequencing

import (
	"fmt"
	"log/slog"
	"sync"
	"time"

	"github.com/bluesky-social/indigo/atproto/syntax"
)

// ClockOptions replaces the sources of a Clock. Zero values mean the defaults in parentheses.
type ClockOptions struct {
	Now    func() time.Time     // wall clock (time.Now)
	Boot   func() time.Duration // a clock that only runs forward and nobody can set (the runtime's monotonic clock)
	Logger *slog.Logger         // (slog.Default)
}

// MaxClockJump is how far the wall clock may run ahead of the boot clock before
// no rev is minted any more. Relays refuse revs five minutes ahead, and a rev
// too high cannot be taken back: every later one of the repo stands above it.
const MaxClockJump = 2 * time.Minute

// Clock mints times and revs that cannot run away. It compares the wall clock
// with the boot clock, never with the age of the last event: a server that was
// idle for a year has no skew. Safe for use from any goroutine.
type Clock struct {
	now  func() time.Time
	boot func() time.Duration
	log  *slog.Logger

	mu     sync.Mutex
	offset time.Duration // wall minus boot as last accepted, the wall clock in nanoseconds since 1970
	behind bool          // the warning about a clock behind was given
	ahead  bool          // the warning about a jump was given
}

// NewClock accepts the wall clock as it is at this moment.
func NewClock(o ClockOptions) *Clock {
	if o.Now == nil {
		o.Now = time.Now
	}
	if o.Boot == nil {
		start := time.Now()
		o.Boot = func() time.Duration { return time.Since(start) }
	}
	if o.Logger == nil {
		o.Logger = slog.Default()
	}
	c := &Clock{now: o.Now, boot: o.Boot, log: o.Logger}
	c.offset = c.skew(c.now())
	return c
}

// SystemClock is the clock of a server: wall time against the machine's boot
// clock, which keeps counting while the machine sleeps, so that waking up is no
// jump.
func SystemClock() *Clock { return NewClock(ClockOptions{Boot: bootTime}) }

func (c *Clock) skew(wall time.Time) time.Duration {
	return time.Duration(wall.UnixNano()) - c.boot()
}

// Now is the wall clock in UTC, or ErrClockJump.
func (c *Clock) Now() (time.Time, error) {
	wall := c.now().Round(0).UTC()
	c.mu.Lock()
	defer c.mu.Unlock()
	if jump := c.skew(wall) - c.offset; jump > MaxClockJump {
		if !c.ahead {
			c.ahead = true
			c.log.Error("the wall clock jumped ahead; nothing is signed until it is confirmed or set back", "jump", jump)
		}
		return time.Time{}, fmt.Errorf("%w by %s", ErrClockJump, jump.Round(time.Second))
	}
	// What was accepted stays the measure: many small steps forward make a jump
	// too, and a clock that went wrong backwards may be set right again.
	c.ahead = false
	return wall, nil
}

// Confirm accepts the wall clock as it is now, however far it jumped.
func (c *Clock) Confirm() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.offset = c.skew(c.now())
	c.ahead = false
}

// NextRev is the rev after prev ("" if none): max(prev + 1 µs, now) as a TID
// with clock id 0, or ErrClockJump. A clock that stands behind prev is warned
// about once.
func (c *Clock) NextRev(prev syntax.TID) (syntax.TID, error) {
	now, err := c.Now()
	if err != nil {
		return "", err
	}
	us := now.UnixMicro()
	if prev != "" {
		last := int64(prev.Integer() >> 10) // microseconds; the clock id of another server is below them
		if us <= last {
			c.warnBehind(time.Duration(last-us) * time.Microsecond)
			us = last + 1
		}
	}
	return syntax.NewTID(us, 0), nil
}

func (c *Clock) warnBehind(by time.Duration) {
	// Two commits within a microsecond, or a clock being slewed, are no news.
	if by < time.Second {
		return
	}
	c.mu.Lock()
	told := c.behind
	c.behind = true
	c.mu.Unlock()
	if !told {
		c.log.Warn("the wall clock is behind the newest entry; revs go on from there", "behind", by)
	}
}
