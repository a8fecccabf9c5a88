package saga

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/bluesky-social/indigo/atproto/syntax"

	"troupe/actors/account"
	"troupe/actors/mailbox"
	"troupe/actors/repo"
	"troupe/sequencing"
	"troupe/storage/dag"
)

func TestDelete(t *testing.T) {
	w := newWorld(t, nil)
	alice, bob := w.resident("alice"), w.resident("bob")
	before := w.log.Last()
	if err := w.delete(alice); err != nil {
		t.Fatal(err)
	}
	w.gone(alice)
	if len(w.trash()) > 0 {
		t.Errorf("in the trash: %v", w.trash())
	}
	if w.log.Last() <= before {
		t.Errorf("number %d after %d", w.log.Last(), before)
	}
	if got := w.events(bob); got != "identity active commit sync commit commit commit " {
		t.Errorf("of somebody else the log has %q", got)
	}
	if err := w.write(bob, 4); err != nil {
		t.Error(err)
	}
	// What is gone is gone, and who never was is not announced.
	last := w.log.Last()
	for _, did := range []syntax.DID{alice, "did:web:never.test"} {
		if err := w.delete(did); err != nil {
			t.Errorf("%s once more: %v", did, err)
		}
	}
	if w.log.Last() != last {
		t.Error("a deletion of nothing was announced")
	}
	// The names are free.
	if _, err := w.signUp(person("alice")); err != nil {
		t.Error(err)
	}
}

// lives are the points between the steps of a deletion, in their order.
var lives = []string{"mark", "marked", "retired", "announced", "rows gone", "renamed", "discarded", "blobs gone", "ended"}

// A process dies between two steps of a deletion, and another one starts over
// the same folder: the account is there as it was, or it is gone.
func TestCrashOfADeletion(t *testing.T) {
	for _, point := range lives {
		t.Run(point, func(t *testing.T) {
			t.Parallel()
			w, crash := crashing(t)
			did := w.resident("alice")
			crash.at(point)
			if err := w.delete(did); !errors.Is(err, mailbox.ErrCrashed) {
				t.Fatalf("did not crash: %v", err)
			}
			w.restart(crash)
			w.settled()
			if point == "mark" {
				if a, ok := w.index.ByDID(did); !ok || !a.Active() {
					t.Errorf("index has %+v", a)
				}
				if err := w.write(did, 10); err != nil {
					t.Error(err)
				}
				w.must(w.delete(did))
			}
			w.gone(did)
			w.back(did)
		})
	}
}

// Recovery dies too, at each of its own steps, and the next one gets on.
func TestCrashOfAResumedDeletion(t *testing.T) {
	for i, first := range lives[1 : len(lives)-1] {
		for _, second := range append([]string{"resume"}, lives[i+2:]...) {
			if second == "renamed" && i >= 4 {
				continue // it was renamed before
			}
			t.Run(fmt.Sprintf("%s, then %s", first, second), func(t *testing.T) {
				t.Parallel()
				w, crash := crashing(t)
				did := w.resident("alice")
				crash.at(first)
				if err := w.delete(did); !errors.Is(err, mailbox.ErrCrashed) {
					t.Fatalf("did not crash: %v", err)
				}
				w.stop()
				crash.at(second)
				w.start()
				select {
				case <-crash.dead():
				case <-time.After(20 * time.Second):
					t.Fatal("did not come to the second crash")
				}
				w.restart(crash)
				w.settled()
				w.gone(did)
			})
		}
	}
}

// back brings a DID that was deleted home again.
func (w *world) back(did syntax.DID) {
	w.t.Helper()
	tombstone := w.head(did)
	m := person("again")
	m.DID = did
	s, err := w.signUp(m)
	if err != nil {
		w.t.Fatal(err)
	}
	if s.Account.Status != sequencing.StatusDeactivated {
		w.t.Errorf("came back as %+v", s.Account)
	}
	head := w.head(did)
	if head.Incarnation != tombstone.Incarnation+1 || head.Rev <= tombstone.Rev || head.Seq <= tombstone.Seq || head.Status != sequencing.StatusDeactivated {
		w.t.Errorf("head %+v after tombstone %+v", head, tombstone)
	}
	if got := w.events(did); got != "deleted (commit) " {
		w.t.Errorf("log has %q", got)
	}
	w.restartInOrder()
	n, err := mailbox.Ask(context.Background(), w.repos.Of(did.String()), repo.Count{})
	if err != nil || n.Records != 0 {
		w.t.Errorf("came back with %+v, %v", n, err)
	}
}

func (w *world) restartInOrder() {
	w.t.Helper()
	w.stop()
	w.start()
}

// A DID that comes back while it is being deleted waits for that. While blobs
// of the old account are left, which the store does not give away, it is
// refused: they would take those of the new one with them.
func TestComingBackWaits(t *testing.T) {
	var inside, goOn = make(chan struct{}), make(chan struct{})
	var once sync.Once
	w := newWorld(t, func(o *Options) {
		o.probe = func(point string) {
			if point == "retired" {
				once.Do(func() { close(inside); <-goOn })
			}
		}
	})
	did := w.resident("alice")
	deleted, back := make(chan error, 1), make(chan error, 1)
	go func() { deleted <- w.delete(did) }()
	<-inside
	go func() {
		m := person("again")
		m.DID = did
		_, err := w.signUp(m)
		back <- err
	}()
	select {
	case err := <-back:
		t.Fatalf("did not wait: %v", err)
	case <-time.After(50 * time.Millisecond):
	}
	close(goOn)
	if err := errors.Join(<-deleted, <-back); err != nil {
		t.Fatal(err)
	}
	if head := w.head(did); head.Incarnation != 2 || head.Status != sequencing.StatusDeactivated {
		t.Errorf("head %+v", head)
	}
}

func TestBlobsThatStay(t *testing.T) {
	var broken atomic.Bool
	w := newWorld(t, nil)
	did := w.resident("alice")
	w.stop()
	w.options = func(o *Options) { o.Blobs = stubborn{o.Blobs, &broken} }
	w.start()
	broken.Store(true)
	if err := w.delete(did); err != nil {
		t.Errorf("the account is gone, but: %v", err)
	}
	if _, ok := w.index.ByDID(did); ok || w.head(did).Status != sequencing.StatusDeleted {
		t.Error("the account is not gone")
	}
	m := person("again")
	m.DID = did
	if _, err := w.signUp(m); !errors.Is(err, ErrBusyAccount) {
		t.Errorf("came back: %v", err)
	}
	w.restartInOrder()
	if _, err := w.signUp(m); !errors.Is(err, ErrBusyAccount) {
		t.Errorf("came back after a restart: %v", err)
	}
	broken.Store(false)
	w.settled()
	w.gone(did)
	w.back(did)
}

// The log is full: the account stays, is answered for, and goes later.
func TestADeletionThatCannotBeAnnounced(t *testing.T) {
	var full atomic.Bool
	w := newWorld(t, func(o *Options) {
		to := o.Append
		o.Append = func(a sequencing.Append, done func(sequencing.Committed, error)) {
			if full.Load() {
				done(sequencing.Committed{}, sequencing.ErrFull)
				return
			}
			to(a, done)
		}
	})
	did := w.resident("alice")
	full.Store(true)
	if err := w.delete(did); !errors.Is(err, ErrDeleting) {
		t.Fatal(err)
	}
	if _, err := mailbox.Ask(t.Context(), w.repos.Of(did.String()), repo.Describe{}); err != nil {
		t.Errorf("a read meanwhile: %v", err)
	}
	for what, err := range map[string]error{
		"deactivate": second(tellTo(w, Deactivate{DID: did})), "activate": second(tellTo(w, Activate{DID: did})), "moderate": second(tellTo(w, Moderate{DID: did})),
	} {
		if !errors.Is(err, ErrBusyAccount) {
			t.Errorf("%s meanwhile: %v", what, err)
		}
	}
	full.Store(false)
	w.settled()
	w.gone(did)
}

func second[T any](_ T, err error) error { return err }

// Exports under way end.
func TestDeletionEndsExports(t *testing.T) {
	w := newWorld(t, nil)
	did := w.resident("alice")
	s, err := mailbox.Ask(t.Context(), w.repos.Of(did.String()), repo.OpenSnapshot{})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	w.must(w.delete(did))
	var out strings.Builder
	if err := s.WriteCAR(t.Context(), &out, ""); !errors.Is(err, errDeleted) {
		t.Errorf("%d bytes, %v", out.Len(), err)
	}
	w.gone(did)
}

// A write that races the deletion is answered before it or refused, and what is
// acknowledged stands in the log in front of it: numbers tell.
func TestWritesRaceADeletion(t *testing.T) {
	for range 5 {
		w := newWorld(t, nil)
		did := w.resident("alice")
		var all sync.WaitGroup
		var refused, taken atomic.Int64
		start := make(chan struct{})
		for i := range 64 {
			all.Go(func() {
				<-start
				switch err := w.write(did, 100+i); {
				case err == nil:
					taken.Add(1)
				case errors.Is(err, mailbox.ErrRetired), errors.Is(err, repo.ErrNotFound):
					refused.Add(1)
				default:
					t.Errorf("a write: %v", err)
				}
			})
		}
		for range 4 { // together they are one deletion
			all.Go(func() {
				<-start
				if err := w.delete(did); err != nil {
					t.Errorf("a deletion: %v", err)
				}
			})
		}
		close(start)
		all.Wait()
		if n := taken.Load() + refused.Load(); n != 64 {
			t.Errorf("%d of 64 were answered", n)
		}
		w.settled()
		w.gone(did)
		w.stop()
	}
}

// Only an account that is deactivated and whose time has come is swept.
func TestOverdue(t *testing.T) {
	w := newWorld(t, nil)
	soon := w.now().Add(time.Hour)
	overdue := func() []syntax.DID {
		all, err := mailbox.Ask(t.Context(), w.accounts.Address(), account.ListOverdue{Limit: 10})
		w.must(err)
		return all
	}
	for name, c := range map[string]struct {
		change []any
		goes   bool
	}{
		"leaving":   {[]any{Deactivate{DeleteAfter: soon}}, true},
		"resting":   {[]any{Deactivate{}}, false},
		"untouched": {nil, false},
		"returned":  {[]any{Deactivate{DeleteAfter: soon}, Activate{}}, false},
		"barred":    {[]any{Deactivate{DeleteAfter: soon}, Moderate{Takedown: Applied}}, false},
		"pardoned":  {[]any{Deactivate{DeleteAfter: soon}, Moderate{Takedown: Applied}, Moderate{Takedown: Lifted}}, true},
		"changed":   {[]any{Deactivate{DeleteAfter: soon}, Deactivate{}}, false},
	} {
		t.Run(name, func(t *testing.T) {
			did := w.resident(name)
			for _, m := range c.change {
				w.must(w.change(did, m))
			}
			w.must(second(tellTo(w, Delete{DID: did, If: Overdue})))
			if _, here := w.index.ByDID(did); !here {
				t.Error("was deleted before its time")
			}
			w.clock.Add((2 * time.Hour).Microseconds())
			defer w.clock.Add(-(2 * time.Hour).Microseconds())
			w.must(second(tellTo(w, Delete{DID: did, If: Overdue})))
			if _, here := w.index.ByDID(did); here == c.goes {
				t.Errorf("is here: %v", here)
			}
		})
	}
	if all := overdue(); len(all) != 0 {
		t.Errorf("overdue before their time: %v", all)
	}
}

// change asks for a change of an account.
func (w *world) change(did syntax.DID, m any) error {
	switch m := m.(type) {
	case Activate:
		m.DID = did
		return second(tellTo(w, m))
	case Deactivate:
		m.DID = did
		return second(tellTo(w, m))
	case Moderate:
		m.DID = did
		return second(tellTo(w, m))
	}
	panic(m)
}

// Who brings a DID along and never activates the account is taken off the list
// after three days, and not before.
func TestNeverActivated(t *testing.T) {
	const did = "did:web:brought.test"
	w := newWorld(t, nil)
	m := person("alice")
	m.DID = did
	if _, err := w.signUp(m); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		days int
		goes bool
	}{{2, false}, {2, true}} {
		w.clock.Add((time.Duration(c.days) * 24 * time.Hour).Microseconds())
		w.must(second(tellTo(w, Delete{DID: did, If: Overdue})))
		if _, here := w.index.ByDID(did); here == c.goes {
			t.Errorf("%d days later it is here: %v", c.days, here)
		}
	}
	w.gone(did)
}

// What a client puts into the store while its account is deleted is found, and
// taken away; that of an account which is there, or was never here, is not.
func TestRemains(t *testing.T) {
	w := newWorld(t, nil)
	alice, bob := w.resident("alice"), w.resident("bob")
	w.must(w.delete(alice))
	late := []byte("an upload that came late")
	for _, did := range []syntax.DID{alice, bob, "did:web:never.test"} {
		w.must(w.blobs.Put(t.Context(), did, dag.SumRaw(late), int64(len(late)), reader(late)))
		w.must(second(tellTo(w, Delete{DID: did, If: Gone})))
	}
	w.gone(alice)
	w.complete(bob, sequencing.StatusActive, "commit commit commit ")
	for _, did := range []syntax.DID{bob, "did:web:never.test"} {
		if has, err := w.blobs.Has(t.Context(), did, dag.SumRaw(late)); err != nil || !has {
			t.Errorf("%s lost its blob: %v", did, err)
		}
	}
}

// A folder that cannot be unlinked is out of the way, and the sweeper's.
func TestTrashThatStays(t *testing.T) {
	if os.Getuid() == 0 {
		t.Skip("root unlinks everything")
	}
	w := newWorld(t, nil)
	did := w.resident("alice")
	inner := filepath.Join(w.folder(did), "inner")
	w.must(os.MkdirAll(filepath.Join(inner, "x"), 0o700))
	w.must(os.Chmod(inner, 0o500))
	w.must(w.delete(did))
	w.gone(did)
	if len(w.trash()) != 1 {
		t.Errorf("trash %v", w.trash())
	}
}
