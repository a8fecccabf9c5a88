package saga

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/bluesky-social/indigo/atproto/syntax"

	"troupe/actors/mailbox"
	"troupe/actors/repo"
	"troupe/sequencing"
)

// A story that panics concerns one person. That one is answered, and the story
// is brought to an end; the others get their accounts.
func TestAPanicOfOneStory(t *testing.T) {
	for _, c := range []struct {
		point    string
		accounts int // of the person it happens to, once the story has settled
	}{{"keyed", 0}, {"inserted", 1}, {"created", 1}} {
		t.Run(c.point, func(t *testing.T) {
			var armed atomic.Bool
			armed.Store(true)
			w := newWorld(t, func(o *Options) {
				o.probe = func(point string) {
					if point == c.point && armed.CompareAndSwap(true, false) {
						panic("injected")
					}
				}
			})
			const people = 8
			var all sync.WaitGroup
			var crashed atomic.Int64
			for i := range people {
				all.Go(func() { // without a deadline: an answer that stays away ends the test
					_, err := mailbox.Ask(context.Background(), w.sagas.Address(), person(fmt.Sprintf("p%02d", i)))
					switch {
					case errors.Is(err, mailbox.ErrCrashed):
						crashed.Add(1)
					case err != nil:
						t.Errorf("another sign-up: %v", err)
					}
				})
			}
			all.Wait()
			if crashed.Load() != 1 {
				t.Errorf("%d were told that it crashed", crashed.Load())
			}
			w.settled()
			w.absent(people - 1 + c.accounts)
			for _, did := range w.plc.dids() {
				w.complete(did, sequencing.StatusActive)
			}
		})
	}
}

// The supervisor of the stories panics in the middle of one. Whoever waits is
// answered, the story comes to its end, and the next sign-ups are taken.
func TestAPanicOfTheSupervisor(t *testing.T) {
	var armed atomic.Bool
	reached, goOn := make(chan struct{}, 1), make(chan struct{})
	w := newWorld(t, func(o *Options) {
		now := o.Now
		o.Now = func() time.Time { // asked by every tick of the supervisor
			if armed.CompareAndSwap(true, false) {
				panic("injected")
			}
			return now()
		}
		create := o.CreateRepo
		o.CreateRepo = func(ctx context.Context, did syntax.DID, m repo.Create) (repo.Commit, error) {
			select {
			case reached <- struct{}{}:
			default:
			}
			<-goOn
			return create(ctx, did, m)
		}
	})
	asked := make(chan error, 1)
	go func() {
		_, err := mailbox.Ask(context.Background(), w.sagas.Address(), person("alice"))
		asked <- err
	}()
	<-reached
	armed.Store(true)
	for armed.Load() { // until the supervisor has met it
		time.Sleep(time.Millisecond)
	}
	close(goOn)
	if err := <-asked; err != nil && !errors.Is(err, mailbox.ErrCrashed) && !errors.Is(err, ErrUnfinished) {
		t.Errorf("who waited was answered with %v", err)
	}
	w.check(1)
	if _, err := w.signUp(person("bob")); err != nil {
		t.Errorf("the next sign-up: %v", err)
	}
	w.check(2)
}
