package mailbox_test

import (
	"context"
	"errors"
	"math/rand/v2"
	"strconv"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"troupe/actors/mailbox"
)

// tally is what became of the requests.
type tally struct {
	asked, answered, twice                                    atomic.Int64
	done, crashed, quarantined, retired, busy, left, timeouts atomic.Int64
}

// everything says that every kind of answer was given.
func (n *tally) everything() bool {
	return n.done.Load() > 0 && n.crashed.Load() > 0 && n.quarantined.Load() > 0 && n.retired.Load() > 0 && n.left.Load() > 0
}

// TestStorm is TestHandOver with everything at once: thousands of keys through a
// tiny LRU, panics in turns, in Start and in Stop, keys that are quarantined and
// retired, and askers who leave. Every request is answered exactly once, by a
// reply, a typed error or the end of its own context; no file ever has two
// owners; and what was not handled was not counted.
func TestStorm(t *testing.T) {
	const keys, live, shards, askers = 5000, 64, 8, 128
	l := &ledger{files: make([]file, keys), bad: 0.02}
	r := mailbox.NewRouter(system(t), mailbox.RouterOptions{
		Name: "clerk", Shards: shards, Live: live, Tick: time.Millisecond, PerKey: 32, Crashes: 3, Window: 50 * time.Millisecond,
	}, func(key string, self mailbox.Self) *clerk {
		i, _ := strconv.Atoi(key)
		return &clerk{l: l, f: &l.files[i], self: self}
	})
	far, cancel := context.WithTimeout(t.Context(), 10*time.Minute) // whoever runs into it was lost
	defer cancel()
	sure, unsure := make([]atomic.Int64, keys), make([]atomic.Int64, keys)
	var n tally
	var all, retirers sync.WaitGroup
	end := time.Now().Add(duration(t))
	for range askers {
		all.Go(func() {
			for time.Now().Before(end) || !n.everything() {
				if t.Failed() {
					return
				}
				i := int(keys * rand.Float64() * rand.Float64()) // skewed
				if rand.IntN(4) == 0 {
					i = rand.IntN(8) // hot enough for a quarantine
				}
				m := add{how: how(rand.IntN(3))}
				if rand.IntN(20) == 0 {
					m.how = panicking + how(rand.IntN(2))
				}
				_, err := n.ask(far, t, r.Of(strconv.Itoa(i)), m)
				switch {
				case err == nil:
					n.done.Add(1)
					sure[i].Add(1)
				case errors.Is(err, mailbox.ErrCrashed):
					n.crashed.Add(1)
					unsure[i].Add(1)
				case errors.Is(err, mailbox.ErrExpired):
					n.left.Add(1)
					unsure[i].Add(1)
				case errors.Is(err, mailbox.ErrQuarantined):
					n.quarantined.Add(1)
				case errors.Is(err, mailbox.ErrRetired):
					n.retired.Add(1)
				case errors.Is(err, mailbox.ErrBusy):
					n.busy.Add(1)
				default:
					t.Errorf("key %d: %v", i, err)
					return
				}
			}
		})
	}
	for range 4 {
		retirers.Go(func() {
			for time.Now().Before(end) || !n.everything() {
				i := rand.IntN(keys / 10)
				release, err := r.Retire(far, strconv.Itoa(i))
				if err != nil {
					if !errors.Is(err, mailbox.ErrRetired) { // by one of the others
						t.Errorf("retire %d: %v", i, err)
					}
					continue
				}
				if l.files[i].owned.Load() {
					t.Errorf("key %d is retired and has an owner", i)
				}
				release()
			}
		})
	}
	all.Wait()
	retirers.Wait()
	s := r.Stats()
	if limit := (live/shards+1)*5/4*shards + 2*shards; s.Live > limit {
		t.Errorf("%d live, at most %d", s.Live, limit)
	}
	if err := r.Close(far); err != nil {
		t.Fatal(err)
	}
	if left := r.Stats().Queued; left != 0 {
		t.Errorf("%d requests are still counted as waiting", left)
	}
	for i := range l.files {
		f := &l.files[i]
		if f.owned.Load() {
			t.Errorf("key %d is still open", i)
		}
		if lo, hi := sure[i].Load(), sure[i].Load()+unsure[i].Load(); f.count < lo || f.count > hi {
			t.Errorf("key %d counts %d, want %d to %d", i, f.count, lo, hi)
		}
	}
	if d, strays := l.doubles.Load(), l.strays.Load(); d != 0 || strays != 0 {
		t.Errorf("%d double owners, %d turns without the file", d, strays)
	}
	if asked, answered, twice := n.asked.Load(), n.answered.Load(), n.twice.Load(); asked != answered || twice != 0 {
		t.Errorf("%d asked, %d answered, %d more than once", asked, answered, twice)
	}
	if n.timeouts.Load() != 0 {
		t.Errorf("%d time-outs", n.timeouts.Load())
	}
	t.Logf("%d asked: %d done, %d crashed, %d quarantined, %d retired, %d busy, %d left; %+v", n.asked.Load(), n.done.Load(),
		n.crashed.Load(), n.quarantined.Load(), n.retired.Load(), n.busy.Load(), n.left.Load(), s)
}

// ask sends a request one way or the other, an eighth of them for somebody who
// leaves early, and counts the answers of each.
func (n *tally) ask(far context.Context, t *testing.T, at mailbox.Address[*clerk], m add) (int64, error) {
	ctx, cancel := far, context.CancelFunc(func() {})
	leaves := rand.IntN(8) == 0
	if leaves {
		ctx, cancel = context.WithTimeout(far, time.Duration(rand.IntN(2000))*time.Microsecond)
	}
	defer cancel()
	n.asked.Add(1)
	var value int64
	var err error
	if rand.IntN(2) == 0 {
		value, err = mailbox.Ask(ctx, at, m)
		n.answered.Add(1)
	} else {
		answer, times := make(chan struct{}), new(atomic.Int32)
		mailbox.Post(ctx, at, m, func(v int64, e error) {
			if times.Add(1) > 1 {
				n.twice.Add(1)
				return
			}
			n.answered.Add(1)
			value, err = v, e
			close(answer)
		})
		select {
		case <-answer: // also when ctx has ended: nobody but the actor answers
		case <-far.Done():
			t.Error("never answered")
		}
	}
	if errors.Is(err, mailbox.ErrExpired) && (!leaves || ctx.Err() == nil) {
		n.timeouts.Add(1)
	}
	return value, err
}
