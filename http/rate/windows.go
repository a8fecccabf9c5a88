package rate

import (
	"hash/maphash"
	"net/netip"
	"sync"

	"github.com/hashicorp/golang-lru/v2/simplelru"
)

// key is whose points are counted, and in which bucket. It holds no pointer, so a full table costs the garbage
// collector little.
type key struct {
	bucket uint32
	who    subject
}

// subject is an address, or the hash of a text. A Limiter that has no address or no account to count by has none.
type subject struct {
	a, b uint64
	some bool
}

// ofAddress counts IPv4 by address and IPv6 by /64.
func ofAddress(a netip.Addr) subject {
	switch {
	case !a.IsValid():
		return subject{}
	case a.Is4():
		b := a.As4()
		return subject{uint64(b[0])<<24 | uint64(b[1])<<16 | uint64(b[2])<<8 | uint64(b[3]), 4, true}
	}
	b := a.As16()
	var n uint64
	for _, octet := range b[:8] {
		n = n<<8 | uint64(octet)
	}
	return subject{n, 6, true}
}

// hasher makes subjects of texts.
type hasher struct{ a, b maphash.Seed }

func newHasher() hasher { return hasher{maphash.MakeSeed(), maphash.MakeSeed()} }

func (h hasher) of(text string) subject {
	return subject{maphash.String(h.a, text), maphash.String(h.b, text), true}
}

// and joins two subjects. Both are there.
func (h hasher) and(s, t subject) subject {
	both := [2]subject{s, t}
	return subject{maphash.Comparable(h.a, both), maphash.Comparable(h.b, both), true}
}

// window is what a key has used since it was opened.
type window struct {
	used int64
	ends int64 // nanoseconds of the limiter's clock
}

const shards = 16

// windows is the memory of one kind of key.
type windows struct{ shard [shards]shard }

type shard struct {
	mu   sync.Mutex
	open *simplelru.LRU[key, *window] // guarded by mu
	_    [40]byte                     // two locks are not in one cache line
}

func newWindows(keys int) *windows {
	w := new(windows)
	for i := range w.shard {
		w.shard[i].open, _ = simplelru.NewLRU[key, *window](max(keys/shards, 1), nil) // fails for no size alone
	}
	return w
}

func (w *windows) of(k key) *shard {
	return &w.shard[(k.who.a^k.who.a>>32^k.who.b^uint64(k.bucket))%shards]
}

// take takes points of a key if it has as many left, and says how many are left then and when its window ends.
func (w *windows) take(k key, points, limit, length, now int64) (left, ends int64, ok bool) {
	s := w.of(k)
	s.mu.Lock()
	defer s.mu.Unlock()
	at, found := s.open.Get(k)
	if !found {
		at = &window{ends: now + length}
		s.open.Add(k, at)
	} else if at.ends <= now {
		*at = window{ends: now + length}
	}
	if at.used+points > limit {
		return limit - at.used, at.ends, false
	}
	at.used += points
	return limit - at.used, at.ends, true
}

// give gives points back, unless their window is over.
func (w *windows) give(k key, points, ends int64) {
	s := w.of(k)
	s.mu.Lock()
	defer s.mu.Unlock()
	if at, found := s.open.Peek(k); found && at.ends == ends {
		at.used -= points
	}
}
