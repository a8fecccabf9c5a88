package mailbox_test

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"troupe/actors/mailbox"
)

// behind both kinds of doors
func eachDoor(t *testing.T, life func() lives, f func(t *testing.T, at mailbox.Address[*probe])) {
	t.Run("singleton", func(t *testing.T) { f(t, spawn(t, 64, life()).Address()) })
	t.Run("router", func(t *testing.T) {
		f(t, router(t, mailbox.RouterOptions{Shards: 1, Live: 4}, life()).Of("k"))
	})
}

func TestAPanicAnswersItsAskerAndSparesTheQueue(t *testing.T) {
	var stops []mailbox.Reason // only read behind an answered request
	eachDoor(t, func() lives {
		stops = nil
		return lives{stop: func(_ *probe, why mailbox.Reason) { stops = append(stops, why) }}
	}, func(t *testing.T, at mailbox.Address[*probe]) {
		wants(t, at, value(1), 1, nil)
		release := block(t, at)
		crash := post(t.Context(), at, boom)
		var queued []*posted
		for range 20 {
			queued = append(queued, post(t.Context(), at, value(1)))
		}
		release()
		if err := <-crash.done; err != mailbox.ErrCrashed {
			t.Fatalf("asker of the crash: %v", err)
		}
		for _, p := range queued {
			if err := <-p.done; err != nil {
				t.Fatalf("queued behind the crash: %v", err)
			}
		}
		n, err := ask(t, at, do{f: func(_ context.Context, p *probe) (int, error) { return p.n, nil }})
		if n != 21 || err != nil { // 20 of the queue and itself: nothing survived from before
			t.Errorf("turns of the new instance: %d, %v", n, err)
		}
		if len(stops) != 1 || stops[0] != mailbox.Crashed {
			t.Errorf("stops: %v", stops)
		}
	})
}

func TestAPanicInStopDoesNotBringTheActorBack(t *testing.T) {
	starts := 0
	life := lives{
		start: func(*probe) error { starts++; return nil },
		stop:  func(*probe, mailbox.Reason) { panic("in Stop") },
	}
	r := router(t, mailbox.RouterOptions{Shards: 1, Live: 4}, life)
	wants(t, r.Of("k"), value(1), 1, nil)
	release, err := r.Retire(t.Context(), "k")
	if err != nil {
		t.Fatal(err)
	}
	if n := r.Stats().Live; n != 0 || starts != 1 {
		t.Fatalf("live %d, starts %d", n, starts)
	}
	release()
	wants(t, r.Of("k"), boom, 0, mailbox.ErrCrashed) // Stop(Crashed) panics as well
	wants(t, r.Of("k"), value(2), 2, nil)
}

func TestAPanicInStartIsAStartError(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		bad, stops := true, 0
		r := router(t, mailbox.RouterOptions{Shards: 1, Live: 4}, lives{
			start: func(*probe) error {
				if bad {
					panic("out of memory")
				}
				return nil
			},
			stop: func(*probe, mailbox.Reason) { stops++ },
		})
		wants(t, r.Of("k"), value(1), 0, mailbox.ErrCrashed)
		synctest.Wait()
		if stops != 1 {
			t.Errorf("a half-started instance was stopped %d times", stops)
		}
		bad = false
		time.Sleep(time.Second)
		wants(t, r.Of("k"), value(1), 1, nil)
	})
}

func TestAPanicInRunOrIdleRestarts(t *testing.T) {
	eachDoor(t, func() lives { return lives{} }, func(t *testing.T, at mailbox.Address[*probe]) {
		wants(t, at, do{f: func(_ context.Context, p *probe) (int, error) {
			p.self.Run(func() { panic("in Run") })
			return 1, nil
		}}, 1, nil)
		n, err := ask(t, at, do{f: func(_ context.Context, p *probe) (int, error) { return p.n, nil }})
		if n != 1 || err != nil {
			t.Errorf("turns of the new instance: %d, %v", n, err)
		}
	})
}

func TestStartErrorsAnswerEverythingAndAreTriedAgain(t *testing.T) {
	broken := errors.New("broken file")
	synctest.Test(t, func(t *testing.T) {
		starts, good := 0, false
		r := router(t, mailbox.RouterOptions{Shards: 1, Live: 4}, lives{start: func(*probe) error {
			starts++
			if good {
				return nil
			}
			time.Sleep(time.Millisecond)
			return broken
		}})
		var all []*posted
		for range 10 {
			all = append(all, post(t.Context(), r.Of("k"), value(1)))
		}
		for _, p := range all {
			if err := <-p.done; err != broken {
				t.Fatal(err)
			}
		}
		// Asked a thousand times a second for ten seconds.
		for range 10_000 {
			wants(t, r.Of("k"), value(1), 0, broken)
			time.Sleep(time.Millisecond)
		}
		if starts < 3 || starts > 12 {
			t.Errorf("opened %d times in 10 s", starts)
		}
		wants(t, r.Of("other"), odd{}, 0, broken)
		good = true
		time.Sleep(5 * time.Second)
		wants(t, r.Of("k"), value(1), 1, nil)
		if n := r.Stats().Live; n != 1 {
			t.Errorf("live: %d", n)
		}
	})
}

func TestQuarantine(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := router(t, mailbox.RouterOptions{Shards: 1, Live: 4, Crashes: 3, Window: time.Minute}, lives{})
		at := r.Of("k")
		for range 2 { // spread wider than the window: no quarantine
			wants(t, at, boom, 0, mailbox.ErrCrashed)
			time.Sleep(61 * time.Second)
		}
		wants(t, at, boom, 0, mailbox.ErrCrashed)
		wants(t, at, value(1), 1, nil)
		wants(t, at, boom, 0, mailbox.ErrCrashed)
		release := block(t, at)
		third, queued := post(t.Context(), at, boom), post(t.Context(), at, value(1))
		release()
		if err := <-third.done; err != mailbox.ErrCrashed {
			t.Error(err)
		}
		if err := <-queued.done; err != mailbox.ErrQuarantined {
			t.Errorf("queued behind the last crash: %v", err)
		}
		synctest.Wait()
		if s := r.Stats(); s.Live != 0 || s.Quarantined != 1 || s.Queued != 0 {
			t.Errorf("%+v", s)
		}
		time.Sleep(59 * time.Second)
		wants(t, at, value(1), 0, mailbox.ErrQuarantined)
		wants(t, r.Of("other"), value(1), 1, nil) // everybody else lives
		time.Sleep(2 * time.Second)
		wants(t, at, value(1), 1, nil)
		wants(t, at, boom, 0, mailbox.ErrCrashed) // and starts from zero
		wants(t, at, value(1), 1, nil)
	})
}
