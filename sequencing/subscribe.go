package sequencing

import (
	"context"
	"errors"
	"fmt"
	"time"
)

// SubscribeOptions tunes a Subscription. Zero values mean the defaults in parentheses.
type SubscribeOptions struct {
	Window    time.Duration    // how far back a cursor may reach (24 h)
	MaxBehind int              // bytes a live subscriber may be behind (the size of the ring)
	MaxAge    time.Duration    // how long an event may wait for a live subscriber (1 minute)
	BatchSize int              // bytes of frames per Next, at least one frame (256 KiB)
	Now       func() time.Time // (time.Now)
}

// DefaultWindow is how far back a cursor may reach unless configured
// (PDS_REPO_BACKFILL_LIMIT_MS).
const DefaultWindow = 24 * time.Hour

// PruneGrace is how much longer than the window an entry is kept. A subscriber
// that reads history has half of it to stay ahead of the pruning; one that does
// not is too slow, never served with a gap.
const PruneGrace = time.Hour

const batchEvents = 500 // per page of history

func (o SubscribeOptions) withDefaults(r *Ring) SubscribeOptions {
	if o.Window == 0 {
		o.Window = DefaultWindow
	}
	if o.MaxBehind == 0 {
		o.MaxBehind = r.max
	}
	if o.MaxAge == 0 {
		o.MaxAge = time.Minute
	}
	if o.BatchSize == 0 {
		o.BatchSize = 256 << 10
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	return o
}

// Subscription is one reader's position in the public history. It holds no
// queue: a slow reader costs no memory beyond the batch it is sending.
// It belongs to one goroutine.
type Subscription struct {
	log     Log
	ring    *Ring
	options SubscribeOptions
	info    []byte
	pos     Seq   // every public event up to here was handed out, or is not wanted
	live    bool  // has once caught up; from then on it is judged by how far it falls behind
	total   int64 // bytes published up to pos; kept while live
	closed  bool
}

// Subscribe starts behind cursor; nil means live only. A cursor whose next event
// left the window starts at the first event inside it, and Info says so.
// ErrFutureCursor if the cursor is above everything ever sent.
//
// The rules are those of com.atproto.sync.subscribeRepos; cursor 0 is no
// exception to them.
func Subscribe(log Log, ring *Ring, cursor *Seq, o SubscribeOptions) (*Subscription, error) {
	s := &Subscription{log: log, ring: ring, options: o.withDefaults(ring)}
	if err := s.position(cursor); err != nil {
		return nil, err
	}
	subscribersGauge.Inc()
	ring.readers.Add(1)
	return s, nil
}

func (s *Subscription) position(cursor *Seq) error {
	now, _ := s.ring.look() // before the log is asked: nothing that comes meanwhile is missed
	if cursor == nil {
		s.pos, s.live, s.total = now.last, true, now.total
		return nil
	}
	s.pos = max(*cursor, 0)
	if s.pos > s.log.Last() {
		return fmt.Errorf("%w: %d", ErrFutureCursor, s.pos)
	}
	ctx := context.Background()
	next, err := s.log.Events(ctx, s.pos, 1, 0)
	if err != nil {
		return err
	}
	since := s.options.Now().Add(-s.options.Window)
	if len(next) == 0 || !next[0].Time.Before(since) {
		return nil
	}
	s.info = InfoFrame("OutdatedCursor", "Requested cursor exceeded limit. Possibly missing events")
	first, found, err := s.log.Earliest(ctx, since)
	if err != nil {
		return err
	}
	if found {
		// Not below the cursor, even if a clock ran wrong: that would repeat events.
		s.pos = max(s.pos, first-1)
	} else {
		s.pos = max(s.pos, now.last)
	}
	return nil
}

// Info is the frame to send first: #info OutdatedCursor, or nil.
func (s *Subscription) Info() []byte { return s.info }

// Cursor is the number up to which everything was handed out.
func (s *Subscription) Cursor() Seq { return s.pos }

// Batch is a run of events of the ring, the same for every subscription that
// stands in front of it.
type Batch struct {
	Frames [][]byte // shared; must not be changed

	after, last Seq
	total       int64         // bytes published up to its end
	at          time.Duration // when its first event was published, after Ring.began
	newest      bool          // nothing newer was there when it was made
}

// Next waits for the next batch of wire frames, in order, without gap or
// duplicate. The frames are shared and must not be changed. The caller sends
// one batch before it asks for the next; the time between is how it is judged.
// Errors: ErrTooSlow, the cause of ctx, or the log's (ErrCorrupt, ErrClosed).
func (s *Subscription) Next(ctx context.Context) ([][]byte, error) {
	for {
		if ctx.Err() != nil {
			return nil, context.Cause(ctx)
		}
		batch, more, err := s.Poll(nil)
		switch {
		case errors.Is(err, ErrHistory):
			frames, err := s.backfill(ctx)
			if err != nil || len(frames) > 0 {
				return frames, err
			}
		case err != nil:
			return nil, err
		case batch != nil:
			return batch.Frames, nil
		default:
			select {
			case <-more:
			case <-ctx.Done():
			}
		}
	}
}

// Poll is Next for one goroutine that serves many: it neither waits nor reads
// the log. If shared begins where s stands, s takes it as its own, so that a
// batch is made once for all who are equally far; nil is none. A nil batch says
// that nothing is there, and more is closed when something is; all subscriptions
// to one ring may wait for the same. Errors: ErrTooSlow, and ErrHistory if Next
// has to be called.
func (s *Subscription) Poll(shared *Batch) (batch *Batch, more <-chan struct{}, err error) {
	v, more := s.ring.look()
	if behind := v.total - s.total; s.live && behind > int64(s.options.MaxBehind) {
		return nil, nil, s.tooSlow(fmt.Sprintf("%d bytes behind", behind))
	}
	if shared == nil || shared.after != s.pos {
		if s.pos < v.floor {
			return nil, nil, ErrHistory
		}
		i := v.after(s.pos)
		if i == len(v.items) {
			s.live, s.total = true, v.total
			return nil, more, nil
		}
		shared = v.batch(i, s.options.BatchSize)
		shared.after = s.pos
	}
	if age := time.Since(s.ring.began) - shared.at; s.live && age > s.options.MaxAge {
		return nil, nil, s.tooSlow(fmt.Sprintf("%s behind", age.Round(time.Millisecond)))
	}
	s.pos, s.total = shared.last, shared.total
	s.live = s.live || shared.newest
	return shared, more, nil
}

// CaughtUp reports that Next would wait.
func (s *Subscription) CaughtUp() bool {
	v := s.ring.view.Load()
	return s.pos >= v.floor && v.after(s.pos) == len(v.items)
}

// backfill reads a page of history. Every event up to the ring's floor is in the
// log: the ring dropped it, or began above it. What the page holds beyond the
// floor is good too, and the ring is entered behind it.
func (s *Subscription) backfill(ctx context.Context) ([][]byte, error) {
	floor := s.ring.view.Load().floor // before the log is read
	events, err := s.log.Events(ctx, s.pos, batchEvents, s.options.BatchSize)
	if err != nil {
		return nil, err
	}
	if len(events) == 0 {
		s.pos = floor // the rest is internal, purged or pruned
		return nil, nil
	}
	if oldest := s.options.Now().Add(-s.options.Window - PruneGrace/2); events[0].Time.Before(oldest) {
		return nil, s.tooSlow("reading what is about to be pruned")
	}
	batch := make([][]byte, len(events))
	for i := range events {
		batch[i] = events[i].Frame
		s.total += int64(len(events[i].Frame))
	}
	s.pos = events[len(events)-1].Seq
	return batch, nil
}

func (s *Subscription) tooSlow(why string) error {
	tooSlowTotal.Inc()
	return fmt.Errorf("%w: %s", ErrTooSlow, why)
}

// Close ends the subscription.
func (s *Subscription) Close() {
	if !s.closed {
		s.closed = true
		subscribersGauge.Dec()
		s.ring.readers.Add(-1)
	}
}
