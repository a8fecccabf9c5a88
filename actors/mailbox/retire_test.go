package mailbox_test

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"troupe/actors/mailbox"
)

func TestRetireRefusesUntilRelease(t *testing.T) {
	r := router(t, mailbox.RouterOptions{Shards: 1, Live: 4}, lives{})
	for _, key := range []string{"never seen", "live"} {
		if key == "live" {
			wants(t, r.Of(key), value(1), 1, nil)
		}
		release, err := r.Retire(t.Context(), key)
		if err != nil {
			t.Fatal(err)
		}
		wants(t, r.Of(key), value(1), 0, mailbox.ErrRetired)
		if _, err := r.Retire(t.Context(), key); err != mailbox.ErrRetired {
			t.Errorf("retired twice: %v", err)
		}
		wants(t, r.Of("other"), value(1), 1, nil)
		release()
		release() // harmless
		wants(t, r.Of(key), value(1), 1, nil)
	}
}

func TestRetireFinishesWhatTheActorHas(t *testing.T) {
	r := router(t, mailbox.RouterOptions{Shards: 1, Live: 4}, lives{})
	release := block(t, r.Of("k"))
	queued := post(t.Context(), r.Of("k"), value(1))
	time.Sleep(10 * time.Millisecond)
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Millisecond)
	defer cancel()
	if _, err := r.Retire(ctx, "k"); !errors.Is(err, context.DeadlineExceeded) {
		t.Fatalf("retire of a busy actor: %v", err)
	}
	// The attempt was given up: the key is not refused, only handed over.
	next := post(t.Context(), r.Of("k"), value(1))
	release()
	for _, p := range []*posted{queued, next} {
		if err := <-p.done; err != nil {
			t.Error(err)
		}
	}
}

// Retire is what deletion stands on: between its return and release no instance
// of the key exists, whatever askers and evictions do meanwhile.
func TestRetireRaces(t *testing.T) {
	const keys = 6
	var open [keys]atomic.Int32
	index := func(key string) (i int) { fmt.Sscan(key, &i); return i }
	r := router(t, mailbox.RouterOptions{Shards: 2, Live: 3}, lives{
		start: func(p *probe) error { open[index(p.key)].Add(1); return nil },
		stop:  func(p *probe, _ mailbox.Reason) { open[index(p.key)].Add(-1) },
	})
	done, cancel := context.WithTimeout(t.Context(), 500*time.Millisecond)
	defer cancel()
	var all sync.WaitGroup
	var retired, answered, refused atomic.Int64
	for range 16 {
		all.Go(func() {
			for done.Err() == nil {
				key := fmt.Sprint(rand.IntN(keys))
				m := value(1)
				if rand.IntN(50) == 0 {
					m = boom
				}
				switch _, err := ask(t, r.Of(key), m); {
				case err == nil:
					answered.Add(1)
				case errors.Is(err, mailbox.ErrRetired):
					refused.Add(1)
				case errors.Is(err, mailbox.ErrCrashed), errors.Is(err, mailbox.ErrQuarantined), errors.Is(err, mailbox.ErrBusy):
				default:
					t.Error(err)
				}
			}
		})
	}
	for range 4 {
		all.Go(func() {
			for done.Err() == nil {
				i := rand.IntN(keys)
				release, err := r.Retire(t.Context(), fmt.Sprint(i))
				if errors.Is(err, mailbox.ErrRetired) {
					continue
				}
				if err != nil {
					t.Error(err)
					return
				}
				retired.Add(1)
				for range 3 {
					if n := open[i].Load(); n != 0 {
						t.Errorf("%d instances of a retired key", n)
					}
					time.Sleep(50 * time.Microsecond)
				}
				release()
			}
		})
	}
	all.Wait()
	if retired.Load() == 0 || answered.Load() == 0 || refused.Load() == 0 {
		t.Errorf("retired %d, answered %d, refused %d: nothing raced", retired.Load(), answered.Load(), refused.Load())
	}
}
