package mailbox_test

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"runtime"
	"strconv"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"troupe/actors/mailbox"
)

// ledger stands for the files: one per key, each with an exclusive flag that
// says that an actor has it open, and a count that only its owner may touch.
type ledger struct {
	files   []file
	bad     float64      // share of Starts that panic, half of them with the file open
	doubles atomic.Int64 // a second owner opened an open file
	strays  atomic.Int64 // a turn or a close without the file
}

type file struct {
	owned atomic.Bool
	count int64 // plain on purpose: under -race a second owner is a data race
}

// clerk owns one file of the ledger.
type clerk struct {
	l    *ledger
	f    *file
	self mailbox.Self
	open bool
	held []func(int64, error)
}

// add counts one up and answers with the count. how says what else happens.
type add struct {
	mailbox.To[*clerk, int64]
	how how
}

type how uint8

const (
	plainly how = iota
	fromATurn
	fromACallback
	panicking          // before counting
	panickingAfterward // counted, but the asker learns only ErrCrashed
)

func (c *clerk) Start(context.Context) error {
	bad := rand.Float64()
	if bad < c.l.bad/2 {
		panic("in Start")
	}
	if !c.f.owned.CompareAndSwap(false, true) {
		c.l.doubles.Add(1)
		return errors.New("file is open already")
	}
	c.open = true
	if bad < c.l.bad {
		panic("in Start, with the file open")
	}
	if rand.IntN(4) == 0 {
		time.Sleep(time.Duration(rand.IntN(300)) * time.Microsecond)
	}
	return nil
}

func (c *clerk) Stop(mailbox.Reason) {
	if !c.open {
		return
	}
	if rand.IntN(4) == 0 {
		time.Sleep(time.Duration(rand.IntN(300)) * time.Microsecond)
	}
	if !c.f.owned.CompareAndSwap(true, false) {
		c.l.strays.Add(1)
	}
	if rand.IntN(100) == 0 {
		panic("in Stop")
	}
}

func (c *clerk) Receive(t *mailbox.Turn) {
	switch m := t.Message().(type) {
	case add:
		mailbox.Later(c, t, m, c.add)
	}
}

func (c *clerk) add(_ context.Context, m add, answer func(int64, error)) {
	if !c.open || !c.f.owned.Load() {
		c.l.strays.Add(1)
	}
	if m.how == panicking {
		panic("injected")
	}
	c.f.count++
	n := c.f.count
	switch m.how {
	case panickingAfterward:
		panic("injected")
	case fromATurn: // as an append does: the callback comes back as a turn
		go func() {
			runtime.Gosched()
			c.self.Run(func() { answer(n, nil) })
		}()
	case fromACallback:
		go answer(n, nil)
	default:
		answer(n, nil)
	}
}

// TestHandOver drives thousands of keys through an LRU far too small for them,
// with panics, and looks for what must never happen: two owners of one file, a
// request that is lost, counted twice, or left waiting.
func TestHandOver(t *testing.T) {
	for _, c := range []struct {
		name               string
		keys, live, shards int
		panics             float64
	}{
		{"thrash", 4000, 64, 16, 0.01},
		{"one at a time", 300, 1, 1, 0.01},
		{"mostly hits", 200, 128, 8, 0.005},
		{"panic storm", 500, 32, 4, 0.2},
	} {
		t.Run(c.name, func(t *testing.T) {
			handOver(t, c.keys, c.live, c.shards, c.panics)
		})
	}
}

func handOver(t *testing.T, keys, live, shards int, panics float64) {
	const askers = 128
	l := &ledger{files: make([]file, keys)}
	r := mailbox.NewRouter(system(t), mailbox.RouterOptions{
		Name: "clerk", Shards: shards, Live: live, Tick: time.Millisecond, Crashes: 1 << 30,
	}, func(key string, self mailbox.Self) *clerk {
		i, _ := strconv.Atoi(key)
		return &clerk{l: l, f: &l.files[i], self: self}
	})
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute) // far off: whoever runs into it was lost
	defer cancel()
	sure, unsure := make([]atomic.Int64, keys), make([]atomic.Int64, keys)
	var busy, crashed atomic.Int64
	end := time.Now().Add(duration(t))
	var all sync.WaitGroup
	for range askers {
		all.Go(func() {
			for time.Now().Before(end) || crashed.Load() == 0 {
				i := int(float64(keys) * rand.Float64() * rand.Float64()) // skewed
				m := add{how: how(rand.IntN(3))}
				if rand.Float64() < panics {
					m.how = panicking + how(rand.IntN(2))
				}
				switch n, err := mailbox.Ask(ctx, r.Of(strconv.Itoa(i)), m); {
				case err == nil && n > 0:
					sure[i].Add(1)
				case errors.Is(err, mailbox.ErrCrashed):
					crashed.Add(1)
					unsure[i].Add(1)
				case errors.Is(err, mailbox.ErrBusy):
					busy.Add(1)
				default:
					t.Errorf("key %d: %d, %v", i, n, err)
					return
				}
			}
		})
	}
	all.Wait()
	s := r.Stats()
	if s.Queued != 0 {
		t.Errorf("%d requests are still counted as waiting", s.Queued)
	}
	if limit := (live/shards+1)*5/4*shards + 2*shards; s.Live > limit {
		t.Errorf("%d live, at most %d", s.Live, limit)
	}
	if err := r.Close(ctx); err != nil {
		t.Error(err)
	}
	total := int64(0)
	for i := range l.files {
		f := &l.files[i]
		if f.owned.Load() {
			t.Errorf("key %d is still open", i)
		}
		// Answered writes are all there; a crash may or may not have counted.
		if lo, hi := sure[i].Load(), sure[i].Load()+unsure[i].Load(); f.count < lo || f.count > hi {
			t.Errorf("key %d counts %d, want %d to %d", i, f.count, lo, hi)
		}
		total += sure[i].Load()
	}
	if d, s := l.doubles.Load(), l.strays.Load(); d != 0 || s != 0 {
		t.Errorf("%d double owners, %d turns without the file", d, s)
	}
	if total == 0 || crashed.Load() == 0 || s.Activations == 0 {
		t.Error("nothing happened")
	}
	t.Logf("%d answered, %d crashed, %d busy; %s", total, crashed.Load(), busy.Load(), fmt.Sprintf("%+v", s))
}

// duration of one stress case: short unless TROUPE_STRESS says otherwise ("1m").
func duration(t *testing.T) time.Duration {
	s := os.Getenv("TROUPE_STRESS")
	if s == "" {
		return 400 * time.Millisecond
	}
	d, err := time.ParseDuration(s)
	if err != nil {
		t.Fatal(err)
	}
	return d
}
