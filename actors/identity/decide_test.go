package identity

import (
	"testing"
	"time"
)

func TestDecide(t *testing.T) {
	const fresh, stale = time.Hour, 24 * time.Hour
	for _, c := range []struct {
		age    time.Duration
		forced bool
		want   course
	}{
		{0, false, serve},
		{fresh - 1, false, serve},
		{fresh, false, serveAndRefresh},
		{stale - 1, false, serveAndRefresh},
		{stale, false, fetch},
		{1000 * stale, false, fetch},
		{0, true, fetch},
		{-time.Second, false, serveAndRefresh}, // the clock was set back
		{-1000 * stale, false, serveAndRefresh},
	} {
		if got := decide(c.age, fresh, stale, c.forced); got != c.want {
			t.Errorf("age %s forced %v: %d, want %d", c.age, c.forced, got, c.want)
		}
	}
}
