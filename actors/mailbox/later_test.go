package mailbox_test

import (
	"context"
	"testing"
	"testing/synctest"
	"time"

	"troupe/actors/mailbox"
)

// park keeps the answer function in *into.
func park(into *func(int, error)) keep {
	return keep{f: func(_ *probe, answer func(int, error)) { *into = answer }}
}

func TestLaterIsAnsweredInALaterTurn(t *testing.T) {
	at := spawn(t, 8, lives{}).Address()
	wants(t, at, keep{f: func(p *probe, answer func(int, error)) {
		go p.self.Run(func() { answer(p.n+10, nil) })
	}}, 10, nil)
}

func TestACrashAnswersWhatWasHeldOnce(t *testing.T) {
	eachDoor(t, func() lives { return lives{} }, func(t *testing.T, at mailbox.Address[*probe]) {
		var kept func(int, error)
		held := post(t.Context(), at, park(&kept))
		wants(t, at, keep{f: func(*probe, func(int, error)) { panic("boom") }}, 0, mailbox.ErrCrashed)
		if err := <-held.done; err != mailbox.ErrCrashed {
			t.Error(err)
		}
		kept(1, nil) // the callback of the old instance comes late
		wants(t, at, value(1), 1, nil)
		if n := held.times.Load(); n != 1 {
			t.Errorf("answered %d times", n)
		}
	})
}

func TestStopMayAnswerWhatItHolds(t *testing.T) {
	var kept func(int, error)
	r := router(t, mailbox.RouterOptions{Shards: 1, Live: 4}, lives{
		stop: func(*probe, mailbox.Reason) { kept(3, nil) },
	})
	held := post(t.Context(), r.Of("k"), park(&kept))
	wants(t, r.Of("k"), boom, 0, mailbox.ErrCrashed)
	if err := <-held.done; err != nil { // the actor's answer wins over the safety net
		t.Error(err)
	}
}

func TestPassivationWaitsForHeldAnswers(t *testing.T) {
	stopped := false
	r := router(t, mailbox.RouterOptions{Shards: 1, Live: 4}, lives{
		stop: func(*probe, mailbox.Reason) { stopped = true },
	})
	self := make(chan func(), 1)
	held := post(t.Context(), r.Of("k"), keep{f: func(p *probe, answer func(int, error)) {
		self <- func() { p.self.Run(func() { answer(p.n, nil) }) }
	}})
	answer := <-self
	gone := make(chan error, 1)
	go func() {
		_, err := r.Retire(context.Background(), "k")
		gone <- err
	}()
	select {
	case err := <-gone:
		t.Fatalf("gone (%v) with an answer owed", err)
	case <-time.After(20 * time.Millisecond):
	}
	answer() // Run still works while the actor leaves
	if err := <-held.done; err != nil {
		t.Error(err)
	}
	if err := <-gone; err != nil || !stopped {
		t.Error(err, stopped)
	}
}

// The result of an append comes in as a turn, then its asker is answered: an
// actor that was told to leave meanwhile still takes the result in.
func TestWhatWasRunBeforeTheLastAnswerIsTakenIn(t *testing.T) {
	for range 50 {
		var ran, stopped bool
		r := router(t, mailbox.RouterOptions{Shards: 1, Live: 4}, lives{stop: func(*probe, mailbox.Reason) {
			stopped = true
			if !ran {
				t.Error("stopped before the turn that was queued")
			}
		}})
		type kept struct {
			self   mailbox.Self
			answer func(int, error)
		}
		k := make(chan kept, 1)
		held := post(t.Context(), r.Of("k"), keep{f: func(p *probe, answer func(int, error)) {
			k <- kept{p.self, answer}
		}})
		c := <-k
		release := block(t, r.Of("k"))
		gone := make(chan error, 1)
		go func() { _, err := r.Retire(context.Background(), "k"); gone <- err }()
		go func() {
			c.self.Run(func() { ran = true })
			c.answer(1, nil)
		}()
		if err := <-held.done; err != nil {
			t.Error(err)
		}
		release()
		if err := <-gone; err != nil || !stopped {
			t.Error(err, stopped)
		}
	}
}

func TestAForgottenAnswerDoesNotHoldTheKeyForEver(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := router(t, mailbox.RouterOptions{Shards: 1, Live: 4}, lives{})
		var kept func(int, error)
		held := post(t.Context(), r.Of("k"), park(&kept))
		synctest.Wait()
		begun := time.Now()
		if _, err := r.Retire(t.Context(), "k"); err != nil {
			t.Fatal(err)
		}
		if err := <-held.done; err != mailbox.ErrStopped {
			t.Error(err)
		}
		if d := time.Since(begun); d != 30*time.Second {
			t.Errorf("waited %v", d)
		}
	})
}

func TestACrashWhileLeavingStillEnds(t *testing.T) {
	r := router(t, mailbox.RouterOptions{Shards: 1, Live: 4}, lives{})
	self := make(chan mailbox.Self, 1)
	held := post(t.Context(), r.Of("k"), keep{f: func(p *probe, _ func(int, error)) { self <- p.self }})
	me := <-self
	gone := make(chan error, 1)
	go func() { _, err := r.Retire(context.Background(), "k"); gone <- err }()
	time.Sleep(10 * time.Millisecond) // usually long enough that leave was read
	me.Run(func() { panic("while leaving") })
	if err := <-held.done; err != mailbox.ErrCrashed {
		t.Error(err)
	}
	if err := <-gone; err != nil {
		t.Error(err)
	}
}

func TestManyHeldAnswersAreForgottenWhenGiven(t *testing.T) {
	at := spawn(t, 2048, lives{}).Address()
	answers := make(chan func(int, error), 1024)
	var all []*posted
	for range 1000 {
		all = append(all, post(t.Context(), at, keep{f: func(_ *probe, a func(int, error)) { answers <- a }}))
		if len(all)%3 != 0 { // keep a third of them open
			(<-answers)(1, nil)
		}
	}
	wants(t, at, boom, 0, mailbox.ErrCrashed)
	crashed := 0
	for _, p := range all {
		if err := <-p.done; err == mailbox.ErrCrashed {
			crashed++
		} else if err != nil {
			t.Fatal(err)
		}
	}
	if crashed != 333 {
		t.Errorf("%d were still open", crashed)
	}
}

func TestRunOfARestartedInstanceIsDropped(t *testing.T) {
	eachDoor(t, func() lives { return lives{} }, func(t *testing.T, at mailbox.Address[*probe]) {
		var old mailbox.Self
		ran := make(chan string, 4)
		wants(t, at, do{f: func(_ context.Context, p *probe) (int, error) {
			old = p.self
			p.self.Run(func() { ran <- "queued before the crash" })
			panic("boom")
		}}, 0, mailbox.ErrCrashed)
		wants(t, at, value(1), 1, nil)
		old.Run(func() { ran <- "after the restart" })
		wants(t, at, do{f: func(_ context.Context, p *probe) (int, error) {
			p.self.Run(func() { ran <- "new" })
			return 1, nil
		}}, 1, nil)
		wants(t, at, value(1), 1, nil)
		close(ran)
		for s := range ran {
			if s != "new" {
				t.Errorf("ran %s", s)
			}
		}
	})
}
