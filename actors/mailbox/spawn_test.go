package mailbox_test

import (
	"context"
	"errors"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"troupe/actors/mailbox"
)

func TestSpawnReturnsTheErrorOfStart(t *testing.T) {
	broken := errors.New("broken")
	sys, stops := system(t), 0
	fail := lives{start: func(*probe) error { return broken }, stop: func(*probe, mailbox.Reason) { stops++ }}
	for range 2 { // twice: the name is free again
		_, err := mailbox.Spawn(sys, "one", 4, func(self mailbox.Self) *probe { return &probe{life: fail} })
		if err != broken {
			t.Fatalf("got %v", err)
		}
	}
	if stops != 2 {
		t.Errorf("half-started instances were stopped %d times", stops)
	}
}

func TestASingletonHasOneName(t *testing.T) {
	sys := system(t)
	h, err := mailbox.Spawn(sys, "one", 4, func(mailbox.Self) *probe { return &probe{} })
	if err != nil {
		t.Fatal(err)
	}
	if _, err := mailbox.Spawn(sys, "one", 4, func(mailbox.Self) *probe { return &probe{} }); err == nil {
		t.Error("a second owner was started")
	}
	wants(t, h.Address(), value(1), 1, nil)
	if err := h.Stop(t.Context()); err != nil {
		t.Error(err)
	}
}

func TestASingletonIsBusyAtItsLimit(t *testing.T) {
	at := spawn(t, 3, lives{}).Address()
	var kept func(int, error)
	held := post(t.Context(), at, park(&kept)) // an answer that is owed counts
	release := block(t, at)
	last := post(t.Context(), at, value(1))
	wants(t, at, value(1), 0, mailbox.ErrBusy)
	release()
	<-last.done
	kept(1, nil)
	<-held.done
	wants(t, at, value(1), 1, nil)
}

func TestStopFinishesWhatWasAdmitted(t *testing.T) {
	sys := system(t)
	var why mailbox.Reason
	h, err := mailbox.Spawn(sys, "one", 64, func(mailbox.Self) *probe {
		return &probe{life: lives{stop: func(_ *probe, r mailbox.Reason) { why = r }}}
	})
	if err != nil {
		t.Fatal(err)
	}
	release := block(t, h.Address())
	var queued []*posted
	for range 10 {
		queued = append(queued, post(t.Context(), h.Address(), value(1)))
	}
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Millisecond)
	defer cancel()
	if err := h.Stop(ctx); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("stop under load: %v", err)
	}
	wants(t, h.Address(), value(1), 0, mailbox.ErrStopped)
	release()
	if err := h.Stop(t.Context()); err != nil {
		t.Error(err)
	}
	for _, p := range queued {
		if err := <-p.done; err != nil {
			t.Error(err)
		}
	}
	if why != mailbox.ShuttingDown {
		t.Error(why)
	}
}

func TestASingletonTriesAFailedStartAgain(t *testing.T) {
	broken := errors.New("broken")
	synctest.Test(t, func(t *testing.T) {
		var bad atomic.Bool // Start is tried by the clock, behind no message
		var starts atomic.Int32
		h := spawn(t, 8, lives{start: func(*probe) error {
			starts.Add(1)
			if bad.Load() {
				return broken
			}
			return nil
		}})
		bad.Store(true)
		wants(t, h.Address(), boom, 0, mailbox.ErrCrashed)
		for range 100 {
			wants(t, h.Address(), value(1), 0, broken)
			time.Sleep(100 * time.Millisecond)
		}
		if n := starts.Load(); n < 4 || n > 12 {
			t.Errorf("started %d times in 10 s", n)
		}
		bad.Store(false)
		time.Sleep(5 * time.Second)
		wants(t, h.Address(), value(1), 1, nil)
	})
}

func TestASingletonThatKeepsCrashingIsRestartedLaterAndLater(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		starts := 0
		h := spawn(t, 8, lives{start: func(*probe) error { starts++; return nil }})
		for end := time.Now().Add(time.Minute); time.Now().Before(end); {
			wants(t, h.Address(), boom, 0, mailbox.ErrCrashed) // waits out each pause, is never lost
		}
		if starts < 5 || starts > 30 {
			t.Errorf("started %d times in a minute", starts)
		}
	})
}

func TestIdleComesOnceAfterWork(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var idles atomic.Int64
		life := lives{idle: func(*probe) { idles.Add(1) }}
		h, err := mailbox.Spawn(system(t), "idler", 8, func(self mailbox.Self) *idler {
			return &idler{probe{self: self, life: life}}
		})
		if err != nil {
			t.Fatal(err)
		}
		testIdle(t, h.Address(), &idles)
		if err := h.Stop(t.Context()); err != nil {
			t.Error(err)
		}
	})
	synctest.Test(t, func(t *testing.T) {
		var idles atomic.Int64
		life := lives{idle: func(*probe) { idles.Add(1) }}
		r := mailbox.NewRouter(system(t), mailbox.RouterOptions{Live: 2, Shards: 1, Tick: time.Second},
			func(_ string, self mailbox.Self) *idler { return &idler{probe{self: self, life: life}} })
		testIdle(t, r.Of("k"), &idles)
		if err := r.Close(t.Context()); err != nil {
			t.Error(err)
		}
	})
}

func testIdle(t *testing.T, at mailbox.Address[*idler], idles *atomic.Int64) {
	expect := func(when string, n int64) {
		t.Helper()
		synctest.Wait()
		if got := idles.Load(); got != n {
			t.Fatalf("%s: Idle ran %d times, want %d", when, got, n)
		}
	}
	time.Sleep(100 * time.Millisecond) // between two ticks
	for range 5 {
		if _, err := mailbox.Ask(t.Context(), at, doIdler{}); err != nil {
			t.Fatal(err)
		}
		expect("under work", 0)
		time.Sleep(time.Second)
	}
	time.Sleep(10 * time.Second)
	expect("after the burst", 1)

	var self mailbox.Self
	if _, err := mailbox.Ask(t.Context(), at, keepIdler{f: func(p *idler, answer func(int, error)) {
		self = p.self
		answer(0, nil)
	}}); err != nil {
		t.Fatal(err)
	}
	time.Sleep(10 * time.Second)
	expect("after the next", 2)
	self.Run(func() {})
	time.Sleep(10 * time.Second)
	expect("after work of its own accord", 3)
}
