package upstream

import (
	"sync"
	"time"
)

// breaking is when a breaker opens and for how long.
type breaking struct {
	failures       int           // in a row
	first, longest time.Duration // closed again after first, then twice as long each time
}

var usualBreaking = breaking{failures: 10, first: time.Second, longest: 30 * time.Second}

// breaker keeps requests from waiting for an upstream that is not there.
type breaker struct {
	mu       sync.Mutex
	failed   int           // in a row
	pause    time.Duration // of the opening to come; 0: it is closed
	until    time.Time     // nobody is let through before
	trying   bool          // one is on its way to find out
	tryUntil time.Time     // and is given up by then
}

// admit says whether a request may go out. try: it is the one that finds out.
func (b *breaker) admit(now time.Time, rules breaking) (ok bool) {
	b.mu.Lock()
	defer b.mu.Unlock()
	switch {
	case b.pause == 0:
		return true
	case now.Before(b.until), b.trying && now.Before(b.tryUntil):
		return false
	}
	// A try whose outcome is never told (its client went away) frees the way again.
	b.trying, b.tryUntil = true, now.Add(rules.longest)
	return true
}

// answered is told of any answer: somebody is there.
func (b *breaker) answered() {
	b.mu.Lock()
	b.failed, b.pause, b.trying = 0, 0, false
	b.mu.Unlock()
}

// silent is told when nobody answered.
func (b *breaker) silent(now time.Time, rules breaking) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.failed++
	if b.failed < rules.failures || b.pause > 0 && !b.trying {
		return // the requests that were under way when it opened say nothing new
	}
	b.pause = min(max(2*b.pause, rules.first), rules.longest)
	b.until, b.trying = now.Add(b.pause), false
}

// undecided is told when the request ended for reasons of its own.
func (b *breaker) undecided() {
	b.mu.Lock()
	b.trying = false
	b.mu.Unlock()
}
