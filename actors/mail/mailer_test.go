package mail

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"troupe/actors/mailbox"
)

// queue is what accounts keeps, in memory: it outlives the mailers of a test.
type queue struct {
	mu      sync.Mutex
	letters map[ID]*queued
	broken  error // what recording an outcome ends with
}

type queued struct {
	Letter
	after time.Time // zero: nothing to do
	last  Outcome
}

func (q *queue) add(templates ...string) (first ID) {
	q.mu.Lock()
	defer q.mu.Unlock()
	if q.letters == nil {
		q.letters = map[ID]*queued{}
	}
	first = ID(len(q.letters) + 1)
	for _, t := range templates {
		id := ID(len(q.letters) + 1)
		q.letters[id] = &queued{Letter: Letter{ID: id, To: fmt.Sprintf("%d@mail.test", id), Template: t, Data: []byte(`{"subject":"Hello","html":"<p>x</p>"}`)}, after: time.Now()}
	}
	return first
}

func (q *queue) due(_ context.Context, limit int, only string) (due []Letter, next time.Time, err error) {
	q.mu.Lock()
	defer q.mu.Unlock()
	now := time.Now()
	for id := ID(1); int(id) <= len(q.letters); id++ {
		switch l := q.letters[id]; {
		case l.after.IsZero() || only != "" && l.Template != only:
		case !l.after.After(now):
			if len(due) < limit {
				due = append(due, l.Letter)
			}
		case next.IsZero() || l.after.Before(next):
			next = l.after
		}
	}
	return due, next, nil
}

func (q *queue) settle(_ context.Context, id ID, o Outcome) error {
	q.mu.Lock()
	defer q.mu.Unlock()
	if q.broken != nil {
		return q.broken
	}
	l := q.letters[id]
	l.after, l.last = o.Again, o
	l.Attempts++
	return nil
}

func (q *queue) outcome(id ID) (Outcome, int64) {
	q.mu.Lock()
	defer q.mu.Unlock()
	return q.letters[id].last, q.letters[id].Attempts
}

// post is a transport that remembers.
type post struct {
	mu   sync.Mutex
	sent []string // recipients
	fn   func(Message) error
}

func (p *post) Send(ctx context.Context, m Message) error {
	if p.fn != nil {
		if err := p.fn(m); err != nil {
			return err
		}
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	p.sent = append(p.sent, m.To)
	return nil
}

func (p *post) all() []string {
	p.mu.Lock()
	defer p.mu.Unlock()
	return slices.Clone(p.sent)
}

type running struct {
	t   *testing.T
	sys *mailbox.System
	h   *mailbox.Handle[*Mailer]
}

func start(t *testing.T, q *queue, o Options) *running {
	t.Helper()
	o.Due, o.Settle, o.Brand, o.Log = q.due, q.settle, brand, slog.New(slog.DiscardHandler)
	if o.Poll == 0 {
		o.Poll = time.Hour
	}
	if o.Pause == nil {
		o.Pause = func(int64) time.Duration { return time.Millisecond }
	}
	r := &running{t: t, sys: mailbox.NewSystem(slog.New(slog.DiscardHandler))}
	var err error
	if r.h, err = Spawn(r.sys, o); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(r.stop)
	return r
}

func (r *running) stop() {
	if r.h == nil {
		return
	}
	if err := r.h.Stop(context.Background()); err != nil {
		r.t.Error(err)
	}
	r.sys.Shutdown()
	r.h = nil
}

func (r *running) settle() {
	r.t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	if _, err := mailbox.Ask(ctx, r.h.Address(), Settled{}); err != nil {
		r.t.Fatal(err)
	}
}

func TestEverythingDueIsSentOnce(t *testing.T) {
	q, p := &queue{}, &post{}
	var now, most atomic.Int64
	p.fn = func(Message) error {
		n := now.Add(1)
		for m := most.Load(); n > m && !most.CompareAndSwap(m, n); m = most.Load() {
		}
		time.Sleep(time.Millisecond)
		now.Add(-1)
		return nil
	}
	q.add(slices.Repeat([]string{"notice"}, 30)...)
	r := start(t, q, Options{Route: Route{Transport: p}, Parallel: 3})
	r.settle()
	q.add("notice")
	if _, err := mailbox.Ask(context.Background(), r.h.Address(), Wake{}); err != nil {
		t.Fatal(err)
	}
	r.settle()
	all := p.all()
	slices.Sort(all)
	if n := len(slices.Compact(all)); n != 31 || len(p.all()) != 31 || most.Load() > 3 {
		t.Errorf("%d mails to %d people, %d at a time", len(p.all()), n, most.Load())
	}
}

func TestFailuresAreTriedAgain(t *testing.T) {
	q, p := &queue{}, &post{}
	failures := 3
	p.fn = func(Message) error {
		if failures--; failures >= 0 {
			return errors.New("451 try later")
		}
		return nil
	}
	id := q.add("notice")
	r := start(t, q, Options{Route: Route{Transport: p}})
	for o, _ := q.outcome(id); !o.Sent; o, _ = q.outcome(id) {
		r.settle()
	}
	if o, n := q.outcome(id); n != 4 || !o.Sent || len(p.all()) != 1 {
		t.Errorf("%+v after %d attempts", o, n)
	}
}

func TestWhatIsHopelessIsGivenUp(t *testing.T) {
	q, p := &queue{}, &post{}
	bad := q.add("no such template", "notice")
	p.fn = func(m Message) error {
		if m.To == "2@mail.test" {
			panic("a transport that panics")
		}
		return nil
	}
	r := start(t, q, Options{Route: Route{Transport: p}, Pause: func(int64) time.Duration { return time.Hour }})
	r.settle()
	if o, n := q.outcome(bad); n != 1 || o.Sent || !o.Again.IsZero() || o.Failure == "" {
		t.Errorf("%+v after %d attempts", o, n)
	}
	if o, _ := q.outcome(bad + 1); o.Sent || o.Again.IsZero() {
		t.Errorf("a panic is an attempt that failed, not %+v", o)
	}
}

// A mail server that never answers holds one place until its deadline.
func TestASlowServerHoldsOnePlace(t *testing.T) {
	q, p := &queue{}, &post{}
	q.add("notice", "notice", "notice")
	r := start(t, q, Options{Route: Route{Transport: TransportFunc(func(ctx context.Context, m Message) error {
		if m.To == "1@mail.test" {
			<-ctx.Done()
			return ctx.Err()
		}
		return p.Send(ctx, m)
	})}, Parallel: 2, Timeout: 100 * time.Millisecond, Pause: func(int64) time.Duration { return time.Hour }})
	r.settle()
	if o, n := q.outcome(1); o.Sent || n != 1 || len(p.all()) != 2 {
		t.Errorf("%+v, %v", o, p.all())
	}
}

func TestRoutes(t *testing.T) {
	for name, c := range map[string]struct {
		ordinary, own     bool
		toOrdinary, toOwn int
	}{
		"none": {}, "ordinary alone": {true, false, 2, 0}, "both": {true, true, 1, 1}, "moderation alone": {false, true, 0, 1},
	} {
		t.Run(name, func(t *testing.T) {
			q, ordinary, own := &queue{}, &post{}, &post{}
			q.add("notice", templateModeration)
			o := Options{}
			if c.ordinary {
				o.Route.Transport = ordinary
			}
			if c.own {
				o.Moderation = &Route{Transport: own}
			}
			r := start(t, q, o)
			r.settle()
			if len(ordinary.all()) != c.toOrdinary || len(own.all()) != c.toOwn {
				t.Errorf("%v, %v", ordinary.all(), own.all())
			}
		})
	}
}

// What left and could not be recorded is recorded later, and not sent again by
// the same process; another process may send it once more, and never not at all.
func TestAtLeastOnce(t *testing.T) {
	q, p := &queue{}, &post{}
	q.broken = errors.New("disk full")
	id := q.add("notice")
	first := start(t, q, Options{Route: Route{Transport: p}})
	for len(p.all()) == 0 {
		time.Sleep(time.Millisecond)
	}
	first.stop() // between sending and recording
	second := start(t, q, Options{Route: Route{Transport: p}})
	for len(p.all()) < 2 {
		time.Sleep(time.Millisecond)
	}
	q.mu.Lock()
	q.broken = nil
	q.mu.Unlock()
	for o, _ := q.outcome(id); !o.Sent; o, _ = q.outcome(id) {
		time.Sleep(time.Millisecond)
	}
	second.settle()
	if len(p.all()) != 2 {
		t.Errorf("sent %d times by two processes", len(p.all()))
	}
}

// Stopped at any moment of many letters, again and again: each is sent at least
// once, and twice only if the stop fell between its two steps.
func TestStopsLoseNothing(t *testing.T) {
	q, p := &queue{}, &post{}
	const n = 60
	q.add(slices.Repeat([]string{"notice"}, n)...)
	p.fn = func(Message) error { time.Sleep(time.Millisecond); return nil }
	for i := range 10 {
		r := start(t, q, Options{Route: Route{Transport: p}, Parallel: 2})
		time.Sleep(time.Duration(i) * time.Millisecond)
		r.stop()
	}
	start(t, q, Options{Route: Route{Transport: p}}).settle()
	seen := map[string]int{}
	for _, to := range p.all() {
		seen[to]++
	}
	if len(seen) != n {
		t.Errorf("%d of %d letters left", len(seen), n)
	}
	for to, times := range seen {
		if times > 1 { // an orderly stop waits for the record
			t.Errorf("%s was sent %d times", to, times)
		}
	}
}

func TestBackoff(t *testing.T) {
	last := time.Duration(0)
	for n := int64(1); n < 20; n++ {
		pause := Backoff(n)
		if pause < firstPause*7/8 || pause > longestPause*9/8 || n < 6 && pause < last {
			t.Errorf("after %d failures %v", n, pause)
		}
		last = pause
	}
}
