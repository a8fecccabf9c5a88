package bench

import (
	"context"
	"fmt"
	"sync/atomic"
	"time"

	"golang.org/x/sync/errgroup"
)

const (
	// timed is how many subscribers note the arrival of each event; the others
	// count. More would cost more memory than they would tell.
	timed = 64

	// flatWrites is the room for writes of which the arrivals are noted.
	flatWrites = 100_000

	// patience is how long deliveries may come after the last answer.
	patience = 10 * time.Second
)

// fanout is a set of writes and of subscribers that wait for them.
type fanout struct {
	keys     keyRange
	epoch    time.Time
	next     atomic.Int64   // writes that were sent
	done     atomic.Int64   // writes that were answered
	first    int            // first write that is measured
	answered []atomic.Int64 // nanoseconds since epoch; 0: not
	subs     []*subscriber
	stalled  []*subscriber
	herd     *herd // nil: none
}

// firehosePaced writes Rate records a second: the lag is that of a server that
// is not at its limit.
func firehosePaced(ctx context.Context, t *target, o Options) (tally, error) {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	pace := make(chan struct{}, o.Workers)
	go func() {
		tick := time.NewTicker(time.Duration(float64(time.Second) / o.Rate))
		defer tick.Stop()
		for {
			select {
			case <-ctx.Done():
				return
			case <-tick.C:
				select {
				case pace <- struct{}{}:
				default: // the server is slower than the pace, which its rate will show
				}
			}
		}
	}()
	return firehose(ctx, t, o, func() bool {
		select {
		case <-pace:
			return true
		case <-ctx.Done():
			return false
		}
	})
}

// firehoseFlat writes as fast as the server answers.
func firehoseFlat(ctx context.Context, t *target, o Options) (tally, error) {
	return firehose(ctx, t, o, func() bool { return true })
}

func firehose(ctx context.Context, t *target, o Options, wait func() bool) (tally, error) {
	all, err := t.accounts(ctx, o.Accounts)
	if err != nil {
		return tally{}, err
	}
	f := &fanout{keys: newKeyRange(), epoch: time.Now(), answered: make([]atomic.Int64, flatWrites)}
	ctx, cancel := context.WithCancel(ctx)
	defer f.wait()
	defer cancel()
	if err := f.connect(ctx, t, o); err != nil {
		return tally{}, fmt.Errorf("subscribeRepos: %w", err)
	}
	var before, events, bytes, herd int64
	sum, _, err := t.run(ctx, o, job{
		workers: o.Workers,
		op: func(w *worker) error {
			if !wait() {
				return errDone
			}
			w.start = time.Now()
			i := int(f.next.Add(1) - 1)
			a := w.pick(all)
			w.in = appendCreate(w.in[:0], a, f.keys.key(i), nextNumber())
			if _, err := w.post(nsidCreate, a); err != nil {
				return err
			}
			f.done.Add(1)
			if i < len(f.answered) {
				f.answered[i].Store(int64(time.Since(f.epoch)))
			}
			return nil
		},
		begin: func() {
			f.settle(ctx)
			f.first, before = int(f.next.Load()), f.delivered()
			if f.herd != nil {
				events, bytes, herd = f.subs[0].events.Load(), f.subs[0].bytes.Load(), f.herd.bytes.Load()
			}
		},
		settle: f.settle,
	})
	if err != nil {
		return sum, err
	}
	sum.delivered = int(f.delivered() - before)
	sum.lost = max(0, sum.ops*len(f.subs)-sum.delivered)
	if f.herd != nil {
		events, bytes = f.subs[0].events.Load()-events, f.subs[0].bytes.Load()-bytes
		sum.herd(f.herd.bytes.Load()-herd, events, bytes, o.quiet, int(f.herd.gone.Load()))
	}
	sum.lag = f.lags()
	for _, s := range f.subs {
		select {
		case <-s.ended:
			sum.failed(fmt.Errorf("subscriber: %w", s.err))
		default:
		}
	}
	return sum, nil
}

// connect opens every subscriber, those that never read included.
func (f *fanout) connect(ctx context.Context, t *target, o Options) error {
	all := make([]*subscriber, o.Subscribers+o.Stalled)
	g, dialling := errgroup.WithContext(ctx)
	g.SetLimit(16)
	for i := range all {
		g.Go(func() (err error) {
			if dialling.Err() != nil {
				return dialling.Err()
			}
			all[i], err = subscribe(ctx, t.URL, -1)
			return err
		})
	}
	err := g.Wait()
	if err == nil && o.quiet > 0 {
		f.herd, err = gather(ctx, t.to, o.quiet)
	}
	for i, s := range all {
		if s == nil {
			continue
		}
		if i >= o.Subscribers {
			f.stalled = append(f.stalled, s)
			continue
		}
		if s.keys = f.keys; i < timed {
			s.arrivals = make([]atomic.Int64, flatWrites)
		}
		f.subs = append(f.subs, s)
		go s.follow(ctx, f.epoch)
	}
	return err
}

// wait returns when nobody reads any more; the context has ended before.
func (f *fanout) wait() {
	for _, s := range f.subs {
		<-s.ended
	}
	for _, s := range f.stalled {
		s.ws.CloseNow()
	}
	if f.herd != nil {
		f.herd.close()
	}
}

func (f *fanout) delivered() (n int64) {
	for _, s := range f.subs {
		n += s.ours.Load()
	}
	return n
}

// settle waits until every write has reached every subscriber, or nothing
// comes any more.
func (f *fanout) settle(ctx context.Context) error {
	last, since := int64(-1), time.Now()
	for {
		n := f.delivered()
		if n >= f.done.Load()*int64(len(f.subs)) {
			if f.herd != nil {
				return f.herd.settle(ctx)
			}
			return nil
		}
		if n != last {
			last, since = n, time.Now()
		}
		if time.Since(since) > patience {
			return nil // what is missing is counted
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(time.Millisecond):
		}
	}
}

// lags is how long after its answer each measured write was at each timed
// subscriber; one that was there before its answer counts as 0.
func (f *fanout) lags() []time.Duration {
	var all []time.Duration
	end := min(int(f.next.Load()), len(f.answered))
	for _, s := range f.subs {
		if s.arrivals == nil {
			continue
		}
		for i := f.first; i < end; i++ {
			answered, arrived := f.answered[i].Load(), s.arrivals[i].Load()
			if answered > 0 && arrived > 0 {
				all = append(all, time.Duration(max(0, arrived-answered)))
			}
		}
	}
	return all
}
