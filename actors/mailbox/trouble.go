package mailbox

import "time"

// trouble is what a shard remembers of a key that crashed or failed to start,
// beyond the life of its actor.
type trouble struct {
	crashes crashes
	fails   int // failed Starts in a row
	failed  time.Time
	until   time.Time // refuse activation before
	refusal error     // with this
}

// startFailed sets the pause before the next activation. Failures that lie
// further apart than the longest pause do not add up.
func (t *trouble) startFailed(now time.Time, err error) {
	if now.Sub(t.failed) > 2*maxBackoff {
		t.fails = 0
	}
	t.failed = now
	t.refuse(now.Add(backoff(t.fails)), err)
	t.fails++
}

func (t *trouble) refuse(until time.Time, err error) {
	if until.After(t.until) {
		t.until, t.refusal = until, err
	}
}

// crashes are the times of recent crashes, oldest first.
type crashes []time.Time

// add records one and says how many lie within the window.
func (c *crashes) add(now time.Time, window time.Duration) int {
	kept := (*c)[:0]
	for _, t := range *c {
		if now.Sub(t) < window {
			kept = append(kept, t)
		}
	}
	*c = append(kept, now)
	return len(*c)
}

const (
	minBackoff = 50 * time.Millisecond
	maxBackoff = 5 * time.Second
)

// backoff is the pause after n failures before this one: 50 ms, doubling, at
// most 5 s. A broken file is opened a few times a second at first, not a
// thousand times.
func backoff(n int) time.Duration {
	return min(minBackoff<<min(n, 10), maxBackoff)
}
