package dpop

import (
	"crypto/sha256"
	"sync"
	"time"
)

// remembered is how long a proof cannot be used again: longer than any nonce is
// good.
const remembered = 4 * rotation

// generation bounds the proofs of half that time: 5,000 a second for two minutes.
const generation = 600_000

// Replays remembers what may be used once. The zero value is empty.
type Replays struct {
	mu         sync.Mutex
	since      time.Time
	young, old map[[16]byte]struct{}
}

// First reports whether an identifier is seen for the first time in a while.
func (r *Replays) First(now time.Time, id ...string) bool {
	h := sha256.New()
	for _, s := range id {
		h.Write([]byte(s))
		h.Write([]byte{0})
	}
	key := [16]byte(h.Sum(nil))
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.young == nil || now.Sub(r.since) >= remembered/2 || len(r.young) >= generation {
		r.old, r.young, r.since = r.young, make(map[[16]byte]struct{}), now
	}
	if _, seen := r.young[key]; seen {
		return false
	}
	if _, seen := r.old[key]; seen {
		return false
	}
	r.young[key] = struct{}{}
	return true
}
