package sequencing

import (
	"context"
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

// Next waits for the next batch of wire frames, in order, without gap or
// duplicate. The frames are shared and must not be changed. The caller sends
// one batch before it asks for the next; the time between is how it is judged.
// Errors: ErrTooSlow, the cause of ctx, or the log's (ErrCorrupt, ErrClosed).
func (s *Subscription) Next(ctx context.Context) ([][]byte, error) {
	for {
		if ctx.Err() != nil {
			return nil, context.Cause(ctx)
		}
		v, wake := s.ring.look()
		if behind := v.total - s.total; s.live && behind > int64(s.options.MaxBehind) {
			return nil, s.tooSlow(fmt.Sprintf("%d bytes behind", behind))
		}
		if s.pos < v.floor {
			batch, err := s.backfill(ctx, v.floor)
			if err != nil || len(batch) > 0 {
				return batch, err
			}
			continue
		}
		i := v.after(s.pos)
		if i < len(v.items) {
			return s.fromRing(v, i)
		}
		s.live, s.total = true, v.total
		select {
		case <-wake:
		case <-ctx.Done():
		}
	}
}

func (s *Subscription) fromRing(v *ringView, i int) ([][]byte, error) {
	first := &v.items[i]
	if age := time.Since(s.ring.began) - first.at; s.live && age > s.options.MaxAge {
		return nil, s.tooSlow(fmt.Sprintf("%s behind", age.Round(time.Millisecond)))
	}
	limit := first.before + int64(s.options.BatchSize)
	end := i + 1
	for end < len(v.items) && v.items[end].before+int64(len(v.items[end].frame)) <= limit {
		end++
	}
	batch := make([][]byte, 0, end-i)
	for _, item := range v.items[i:end] {
		batch = append(batch, item.frame)
	}
	last := &v.items[end-1]
	s.pos, s.total = last.seq, last.before+int64(len(last.frame))
	s.live = s.live || end == len(v.items)
	return batch, nil
}

// backfill reads a page of history. Every event up to floor is in the log: the
// ring dropped it, or began above it. What the page holds beyond the floor is
// good too, and the ring is entered behind it.
func (s *Subscription) backfill(ctx context.Context, floor Seq) ([][]byte, error) {
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
