package sequencing

import (
	"bytes"
	"errors"
	"log/slog"
	"strings"
	"testing"
	"time"

	"github.com/bluesky-social/indigo/atproto/syntax"
)

// hands are the two clocks of a test.
type hands struct {
	wall time.Time
	boot time.Duration
}

func (h *hands) pass(d time.Duration) { h.wall = h.wall.Add(d); h.boot += d }

func newHands() (*hands, *Clock, *bytes.Buffer) {
	h := &hands{wall: time.Date(2026, 1, 2, 3, 4, 5, 6000, time.UTC), boot: 90 * time.Second}
	var out bytes.Buffer
	c := NewClock(ClockOptions{
		Now: func() time.Time { return h.wall }, Boot: func() time.Duration { return h.boot },
		Logger: slog.New(slog.NewTextHandler(&out, nil)),
	})
	return h, c, &out
}

func TestClockJump(t *testing.T) {
	h, c, out := newHands()
	year := 365 * 24 * time.Hour
	ok := func(what string) {
		t.Helper()
		now, err := c.Now()
		if err != nil || !now.Equal(h.wall) {
			t.Errorf("%s: %v, %v; want %v", what, now, err, h.wall)
		}
	}
	ok("at start")
	h.pass(10 * year)
	ok("after ten idle years")
	h.wall = h.wall.Add(MaxClockJump)
	ok("a step of two minutes")
	h.wall = h.wall.Add(time.Second)
	for range 2 {
		if _, err := c.Now(); !errors.Is(err, ErrClockJump) {
			t.Errorf("after a jump: %v", err)
		}
		if _, err := c.NextRev(""); !errors.Is(err, ErrClockJump) {
			t.Errorf("rev after a jump: %v", err)
		}
	}
	if n := strings.Count(out.String(), "jumped"); n != 1 {
		t.Errorf("told %d times: %s", n, out)
	}
	h.pass(time.Hour)
	if _, err := c.Now(); !errors.Is(err, ErrClockJump) {
		t.Errorf("time does not heal it: %v", err)
	}
	h.wall = h.wall.Add(-MaxClockJump)
	ok("set back")
	h.wall = h.wall.Add(-time.Hour)
	ok("an hour behind")
	h.wall = h.wall.Add(time.Hour)
	ok("right again")
	h.wall = h.wall.Add(10 * year)
	if _, err := c.Now(); !errors.Is(err, ErrClockJump) {
		t.Errorf("ten years ahead: %v", err)
	}
	c.Confirm()
	ok("confirmed")
	h.wall = h.wall.Add(MaxClockJump + time.Second)
	if _, err := c.Now(); !errors.Is(err, ErrClockJump) {
		t.Errorf("the next jump: %v", err)
	}
}

func TestNextRev(t *testing.T) {
	h, c, out := newHands()
	rev := func(prev syntax.TID) syntax.TID {
		t.Helper()
		r, err := c.NextRev(prev)
		if err != nil || r <= prev {
			t.Fatalf("rev %s after %s, %v", r, prev, err)
		}
		if _, err := syntax.ParseTID(string(r)); err != nil {
			t.Fatal(err)
		}
		return r
	}
	micros := func(r syntax.TID) int64 { return int64(r.Integer() >> 10) }

	first := rev("")
	if micros(first) != h.wall.UnixMicro() || first.Integer()&0x3ff != 0 {
		t.Errorf("first rev %s is %d µs", first, micros(first))
	}
	second := rev(first) // the same microsecond
	if micros(second) != micros(first)+1 {
		t.Errorf("%d follows %d", micros(second), micros(first))
	}
	h.pass(time.Second)
	if third := rev(second); micros(third) != h.wall.UnixMicro() {
		t.Errorf("%d µs, the clock says %d", micros(third), h.wall.UnixMicro())
	}
	// Another server's rev of this very microsecond, with a clock id.
	if r := rev(syntax.NewTID(h.wall.UnixMicro(), 1023)); micros(r) != h.wall.UnixMicro()+1 {
		t.Errorf("%d µs", micros(r))
	}
	if strings.Contains(out.String(), "behind") {
		t.Errorf("warned about nothing: %s", out)
	}
	ahead := syntax.NewTID(h.wall.Add(time.Hour).UnixMicro(), 7)
	for range 3 {
		next := rev(ahead)
		if micros(next) != micros(ahead)+1 {
			t.Errorf("%d follows %d", micros(next), micros(ahead))
		}
		ahead = next
	}
	if n := strings.Count(out.String(), "behind the newest"); n != 1 {
		t.Errorf("warned %d times: %s", n, out)
	}
}

func TestSystemClockRuns(t *testing.T) {
	c := SystemClock()
	if now, err := c.Now(); err != nil || time.Since(now).Abs() > time.Minute {
		t.Errorf("now %v, %v", now, err)
	}
	a := bootTime()
	time.Sleep(time.Millisecond)
	if bootTime() <= a {
		t.Error("the boot clock stands still")
	}
}
