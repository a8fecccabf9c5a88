package sequencing

import (
	"sort"
	"sync"
	"sync/atomic"
	"time"

	"github.com/bluesky-social/indigo/atproto/syntax"
)

const defaultRingBytes = 64 << 20

// Ring holds the newest public events in memory, bounded by bytes, for any
// number of readers. The bytes of a frame exist once, however many read it.
//
// Readers never hold a lock: each publication is a new immutable view. A reader
// that the scheduler puts aside in the middle of its work therefore cannot make
// the committer wait.
type Ring struct {
	max   int
	began time.Time // ages are measured from here, on the monotonic clock
	view  atomic.Pointer[ringView]

	// wake is closed when something was published after it was read; a new one
	// stands in its place. waking is set while a goroutine is about to do that:
	// a thousand readers are woken off the publisher's path, and a publication
	// that comes meanwhile needs no second round.
	wake    atomic.Pointer[chan struct{}]
	waking  atomic.Bool
	woken   atomic.Int64 // when the readers were last woken, after began
	readers atomic.Int64 // open subscriptions

	mu sync.Mutex // one publisher at a time
}

// ringView is what a reader sees at one moment.
type ringView struct {
	floor Seq        // every public event above it, up to the newest published, is in items
	last  Seq        // newest number published, or floor if none
	total int64      // bytes published since the ring began
	items []ringItem // ascending
}

type ringItem struct {
	seq    Seq
	before int64         // bytes published in front of it
	at     time.Duration // when it was published, after Ring.began
	did    syntax.DID
	frame  []byte
}

// NewRing makes an empty ring of at most maxBytes of frames (0: 64 MiB). The
// memory it keeps from being freed is at most a quarter more.
func NewRing(maxBytes int) *Ring {
	if maxBytes <= 0 {
		maxBytes = defaultRingBytes
	}
	r := &Ring{max: maxBytes, began: time.Now()}
	r.view.Store(&ringView{})
	wake := make(chan struct{})
	r.wake.Store(&wake)
	return r
}

// start says that everything up to last is in the log and nothing is here.
func (r *Ring) start(last Seq) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.view.Store(&ringView{floor: last, last: last})
	r.notify()
}

// Publish hands durable events to the subscribers. Their numbers ascend, from
// call to call too. Internal events are passed over. It never waits for a
// reader, and keeps the frames but not the slice.
func (r *Ring) Publish(events []Event) {
	r.mu.Lock()
	defer r.mu.Unlock()
	v := *r.view.Load()
	at := time.Since(r.began)
	published := false
	for i := range events {
		ev := &events[i]
		if ev.Visibility != Public || len(ev.Frame) == 0 {
			continue
		}
		r.push(&v, ringItem{seq: ev.Seq, before: v.total, at: at, did: ev.DID, frame: ev.Frame})
		v.total += int64(len(ev.Frame))
		v.last = ev.Seq
		published = true
	}
	if !published {
		return
	}
	drop := 0
	for drop < len(v.items) && v.total-v.items[drop].before > int64(r.max) {
		drop++
	}
	if drop > 0 {
		v.floor = v.items[drop-1].seq
		v.items = v.items[drop:]
	}
	r.store(&v)
	r.notify()
}

// push appends behind what readers of older views can see: they share the array
// and look at their own length of it. When the array is
// full the live items move to a new one, a quarter larger: what was dropped
// stays in memory until then, and not longer.
func (r *Ring) push(v *ringView, item ringItem) {
	if len(v.items) == cap(v.items) {
		next := make([]ringItem, len(v.items), len(v.items)+len(v.items)/4+64)
		copy(next, v.items)
		v.items = next
	}
	v.items = append(v.items, item)
}

// forget removes the events of did below seq: the account was deleted, and what
// it wrote is not handed out any more.
func (r *Ring) forget(did syntax.DID, below Seq) {
	r.mu.Lock()
	defer r.mu.Unlock()
	v := *r.view.Load()
	kept := make([]ringItem, 0, len(v.items)+64)
	for _, item := range v.items {
		if item.did != did || item.seq >= below {
			kept = append(kept, item)
		}
	}
	if len(kept) == len(v.items) {
		return
	}
	v.items = kept
	r.store(&v)
}

func (r *Ring) store(v *ringView) {
	r.view.Store(v)
	if len(v.items) == 0 {
		ringBytes.Set(0)
		return
	}
	ringBytes.Set(float64(v.total - v.items[0].before))
}

// notify wakes the waiting readers, soon.
func (r *Ring) notify() {
	if r.waking.CompareAndSwap(false, true) {
		go r.wakeAll()
	}
}

func (r *Ring) wakeAll() {
	if wait := r.pause() - (time.Since(r.began) - time.Duration(r.woken.Load())); wait > 0 {
		time.Sleep(wait)
	}
	r.woken.Store(int64(time.Since(r.began)))
	r.waking.Store(false) // before the swap: what is published from here on is seen or woken for again
	next := make(chan struct{})
	close(*r.wake.Swap(&next))
}

// A crowd is woken less often, and gets more each time: a thousand readers that
// run for every batch would keep the processors from the committer. The first
// event after a pause wakes everybody at once.
const (
	crowd          = 64
	pausePerReader = 5 * time.Microsecond
	longestPause   = 10 * time.Millisecond
)

// pause is how long readers are left alone after they were woken.
func (r *Ring) pause() time.Duration {
	n := r.readers.Load()
	if n < crowd {
		return 0
	}
	return min(time.Duration(n)*pausePerReader, longestPause)
}

// look returns a view, and a channel that is closed once there is a newer one.
// The channel is taken first, so that no publication falls between the two.
func (r *Ring) look() (*ringView, <-chan struct{}) {
	wake := *r.wake.Load()
	return r.view.Load(), wake
}

// after is the index of the first item above seq.
func (v *ringView) after(seq Seq) int {
	// Nearly every reader is at the end.
	if n := len(v.items); n == 0 || v.items[n-1].seq <= seq {
		return n
	}
	return sort.Search(len(v.items), func(i int) bool { return v.items[i].seq > seq })
}

// batch is what the items from i on hold, up to so many bytes but at least one.
func (v *ringView) batch(i, maxBytes int) *Batch {
	limit := v.items[i].before + int64(maxBytes)
	end := i + 1
	for end < len(v.items) && v.items[end].before+int64(len(v.items[end].frame)) <= limit {
		end++
	}
	last := &v.items[end-1]
	b := &Batch{
		Frames: make([][]byte, 0, end-i), last: last.seq, total: last.before + int64(len(last.frame)),
		at: v.items[i].at, newest: end == len(v.items),
	}
	for _, item := range v.items[i:end] {
		b.Frames = append(b.Frames, item.frame)
	}
	return b
}
