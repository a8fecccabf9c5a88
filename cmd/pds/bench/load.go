package bench

import (
	"context"
	"errors"
	"math/rand/v2"
	"sync"
	"sync/atomic"
	"time"

	"github.com/bluesky-social/indigo/atproto/syntax"
)

// job is a load: what the workers repeat, and what happens around it.
type job struct {
	workers int
	op      func(w *worker) error
	begin   func()                          // between warm-up and measurement; may be nil
	settle  func(ctx context.Context) error // before the last reading of the counts; may be nil
}

// errDone ends a worker that has nothing left to do.
var errDone = errors.New("nothing left to do")

// retreat is how long a worker stays away after a failure, so that a server
// that refuses everything is not also hammered.
const retreat = 10 * time.Millisecond

// worker is one client. It belongs to one goroutine.
type worker struct {
	*conn
	t     *target
	id    int
	rand  *rand.Rand
	in    []byte    // body that is being built
	out   []byte    // request that is being built
	bytes int64     // what op adds for bodies
	start time.Time // of the operation; op may set it anew after waiting for its turn
	acks  []ack
	tally tally
}

// ack is a create that the server said it did.
type ack struct {
	rkey syntax.RecordKey
	cid  string
}

var numbers atomic.Uint64

// nextNumber makes a record unlike those of this and of earlier runs. There is
// room for a batch between two of them.
func nextNumber() uint64 { return uint64(started)*1_000_000_000 + numbers.Add(1000) }

var started = time.Now().Unix()

// get asks as nobody, or with the token of a.
func (w *worker) get(method, query string, a *account) ([]byte, error) {
	token := ""
	if a != nil {
		token = a.Access
	}
	w.out = appendGet(w.out[:0], w.to, method, query, token)
	body, size, err := w.call(w.out, false)
	w.bytes += size
	return body, err
}

// post sends w.in as a.
func (w *worker) post(method string, a *account) ([]byte, error) {
	w.out = appendPost(w.out[:0], w.to, method, "Bearer ", a.Access, w.in)
	body, _, err := w.call(w.out, false)
	return body, err
}

// pick is any account.
func (w *worker) pick(all []*account) *account { return all[w.rand.IntN(len(all))] }

// run warms a server up, then measures: every operation that is counted begins
// after the first reading of the counts and ends before the last.
func (t *target) run(ctx context.Context, o Options, j job) (tally, []*worker, error) {
	workers := make([]*worker, j.workers)
	for i := range workers {
		workers[i] = &worker{
			conn: newConn(ctx, t.to), t: t, id: i, rand: rand.New(rand.NewPCG(uint64(i), 17)),
		}
		defer workers[i].close()
	}
	phase(ctx, workers, j.op, o.Warmup)
	for _, w := range workers {
		w.tally, w.bytes = tally{}, 0
	}
	if j.begin != nil {
		j.begin()
	}
	profiled := t.profile(ctx, o)
	var sum tally
	before := measure(t.PID)
	phase(ctx, workers, j.op, o.Duration)
	worked := time.Since(before.at)
	var err error
	if j.settle != nil {
		err = j.settle(ctx)
	}
	after := measure(t.PID)
	for _, w := range workers {
		w.tally.bytes = w.bytes
		sum.add(w.tally)
	}
	sum.spent(before, after)
	sum.elapsed = worked // settling is paid for, but is not the writers' time
	sum.rates = []float64{sum.rate()}
	profiled()
	return sum, workers, errors.Join(err, ctx.Err())
}

// phase lets every worker repeat op for a while and waits for the last answer.
func phase(ctx context.Context, workers []*worker, op func(*worker) error, d time.Duration) {
	var wg sync.WaitGroup
	end := time.Now().Add(d)
	for _, w := range workers {
		wg.Go(func() {
			w.start = time.Now()
			for ctx.Err() == nil && w.start.Before(end) {
				err := op(w)
				now := time.Now()
				switch {
				case err == nil:
					w.tally.ops++
					w.tally.latency = append(w.tally.latency, now.Sub(w.start))
				case errors.Is(err, errDone):
					return
				case ctx.Err() == nil:
					w.tally.failed(err)
					time.Sleep(retreat)
					now = time.Now()
				}
				w.start = now
			}
		})
	}
	wg.Wait()
}
