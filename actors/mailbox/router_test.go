package mailbox_test

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"testing"
	"time"

	"troupe/actors/mailbox"
)

func TestTheLeastRecentlyUsedLeaves(t *testing.T) {
	var mu sync.Mutex
	left := map[string]mailbox.Reason{}
	r := router(t, mailbox.RouterOptions{Shards: 1, Live: 2}, lives{stop: func(p *probe, why mailbox.Reason) {
		mu.Lock()
		defer mu.Unlock()
		left[p.key] = why
	}})
	for _, key := range []string{"a", "b", "a", "c"} {
		wants(t, r.Of(key), value(1), 1, nil)
	}
	eventually(t, func() bool { return r.Stats().Live == 2 })
	mu.Lock()
	defer mu.Unlock()
	if why, ok := left["b"]; len(left) != 1 || !ok || why != mailbox.Passivated {
		t.Errorf("left: %v", left)
	}
	if s := r.Stats(); s.Activations != 3 || s.Evictions != 1 {
		t.Errorf("%+v", s)
	}
}

func TestOneKeyIsBusyAtItsLimit(t *testing.T) {
	r := router(t, mailbox.RouterOptions{Shards: 1, Live: 4, PerKey: 3}, lives{})
	release := block(t, r.Of("k"))
	q1, q2 := post(t.Context(), r.Of("k"), value(1)), post(t.Context(), r.Of("k"), value(1))
	wants(t, r.Of("k"), value(1), 0, mailbox.ErrBusy)
	wants(t, r.Of("other"), value(1), 1, nil)
	release()
	<-q1.done
	<-q2.done
	wants(t, r.Of("k"), value(1), 1, nil)
	if s := r.Stats(); s.Busy != 1 || s.Queued != 0 {
		t.Errorf("%+v", s)
	}
}

func TestAllKeysTogetherAreBusyAtTheirLimit(t *testing.T) {
	r := router(t, mailbox.RouterOptions{Shards: 4, Live: 8, Total: 3}, lives{})
	var releases []func()
	for i := range 3 {
		releases = append(releases, block(t, r.Of(fmt.Sprint(i))))
	}
	wants(t, r.Of("k"), value(1), 0, mailbox.ErrBusy)
	for _, release := range releases {
		release()
	}
	wants(t, r.Of("k"), value(1), 1, nil)
}

// A full house of actors that cannot leave: newcomers wait, and the wait is bounded.
func TestActivationWaitsForRoomAndTheWaitIsBounded(t *testing.T) {
	r := router(t, mailbox.RouterOptions{Shards: 1, Live: 4}, lives{}) // hard cap 6, and 22 may wait
	var releases []func()
	for i := range 6 {
		releases = append(releases, block(t, r.Of(fmt.Sprintf("holder %d", i))))
	}
	var wait []*posted
	for i := range 40 {
		wait = append(wait, post(t.Context(), r.Of(fmt.Sprintf("newcomer %d", i)), value(1)))
	}
	eventually(t, func() bool { return r.Stats().Busy == 18 })
	if n := r.Stats().Live; n != 6 {
		t.Errorf("live %d above the hard cap", n)
	}
	for _, release := range releases {
		release()
	}
	for i, p := range wait {
		if err := <-p.done; (i < 22) != (err == nil) || err != nil && err != mailbox.ErrBusy {
			t.Errorf("newcomer %d: %v", i, err)
		}
	}
}

// Who gives up while waiting for room does not cost an activation.
func TestExpiredNewcomersAreNotActivated(t *testing.T) {
	r := router(t, mailbox.RouterOptions{Shards: 1, Live: 1}, lives{}) // hard cap 2
	releases := []func(){block(t, r.Of("a")), block(t, r.Of("b"))}
	ctx, cancel := context.WithCancel(t.Context())
	gaveUp := post(ctx, r.Of("c"), value(1))
	stayed := post(t.Context(), r.Of("d"), value(1))
	cancel()
	for _, release := range releases {
		release()
	}
	if err := <-gaveUp.done; !errors.Is(err, mailbox.ErrExpired) {
		t.Error(err)
	}
	if err := <-stayed.done; err != nil {
		t.Error(err)
	}
	if n := r.Stats().Activations; n != 3 {
		t.Errorf("%d activations, want a, b and d", n)
	}
}

// Requests of one sender to one key keep their order, also across hand-overs.
func TestOrderSurvivesHandOver(t *testing.T) {
	r := router(t, mailbox.RouterOptions{Shards: 1, Live: 1, PerKey: 4096}, lives{})
	var all sync.WaitGroup
	for _, key := range []string{"a", "b", "c"} { // they push one another out
		all.Go(func() {
			last, wrong := -1, 0 // owned by whoever owns the key
			var sent []*posted
			for i := range 2000 {
				sent = append(sent, post(t.Context(), r.Of(key), do{f: func(context.Context, *probe) (int, error) {
					if i != last+1 {
						wrong++
					}
					last = i
					return i, nil
				}}))
			}
			for _, p := range sent {
				if err := <-p.done; err != nil {
					t.Error(err)
					return
				}
			}
			if wrong != 0 {
				t.Errorf("key %s: %d out of order", key, wrong)
			}
		})
	}
	all.Wait()
	if n := r.Stats().Evictions; n == 0 {
		t.Error("nothing was handed over")
	}
}

func TestCloseDrains(t *testing.T) {
	var mu sync.Mutex
	stops := map[mailbox.Reason]int{}
	r := router(t, mailbox.RouterOptions{Shards: 4, Live: 64, Tick: time.Millisecond}, lives{stop: func(_ *probe, why mailbox.Reason) {
		mu.Lock()
		defer mu.Unlock()
		stops[why]++
	}})
	for i := range 30 {
		wants(t, r.Of(fmt.Sprint(i)), value(1), 1, nil)
	}
	release := block(t, r.Of("0"))
	queued := post(t.Context(), r.Of("0"), value(1))
	time.Sleep(10 * time.Millisecond) // behind the shard
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Millisecond)
	defer cancel()
	if err := r.Close(ctx); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("close with work: %v", err)
	}
	wants(t, r.Of("1"), value(1), 0, mailbox.ErrStopped)
	if _, err := r.Retire(t.Context(), "1"); err != mailbox.ErrStopped {
		t.Errorf("retire: %v", err)
	}
	release()
	if err := r.Close(t.Context()); err != nil {
		t.Error(err)
	}
	if err := <-queued.done; err != nil {
		t.Errorf("admitted before Close: %v", err)
	}
	if stops[mailbox.ShuttingDown] != 30 || len(stops) != 1 || r.Stats().Live != 0 {
		t.Error(stops, r.Stats())
	}
}

// Requests race with Close: each is answered, by the actor or with ErrStopped.
func TestCloseLosesNoRequest(t *testing.T) {
	for range 20 {
		r := router(t, mailbox.RouterOptions{Shards: 2, Live: 4}, lives{})
		var all sync.WaitGroup
		for w := range 8 {
			all.Go(func() {
				for i := 0; ; i++ {
					switch _, err := ask(t, r.Of(fmt.Sprint((w+i)%16)), value(1)); err {
					case nil, mailbox.ErrBusy:
					case mailbox.ErrStopped:
						return
					default:
						t.Error(err)
						return
					}
				}
			})
		}
		time.Sleep(time.Millisecond)
		if err := r.Close(t.Context()); err != nil {
			t.Error(err)
		}
		all.Wait()
	}
}

func eventually(t *testing.T, cond func() bool) {
	t.Helper()
	for range 2000 {
		if cond() {
			return
		}
		time.Sleep(5 * time.Millisecond)
	}
	t.Fatal("never became true")
}
