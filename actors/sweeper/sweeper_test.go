package sweeper

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/bluesky-social/indigo/atproto/syntax"

	"troupe/actors/account"
	"troupe/actors/mailbox"
)

// An upload that no record uses goes when its time is up, an hour later at most, and
// only accounts that uploaded something are woken for it.
func TestAbandonedUploads(t *testing.T) {
	inWorld(t, func(w *world) {
		w.locked(func() {
			for i := range 1000 {
				w.owner(did(i))
			}
		})
		w.upload(did(1), cidOf(1), true)
		time.Sleep(12 * time.Hour)
		w.upload(did(1), cidOf(2), true)
		w.upload(did(2), cidOf(3), true)
		before := w.asks(did(3)) // the first round was here
		time.Sleep(11*time.Hour + 30*time.Minute)
		if !w.has(did(1), cidOf(1)) {
			t.Error("gone before its time")
		}
		time.Sleep(90 * time.Minute)
		if w.has(did(1), cidOf(1)) || !w.has(did(1), cidOf(2)) || !w.has(did(2), cidOf(3)) {
			t.Error("the first upload goes, and no other")
		}
		time.Sleep(12 * time.Hour)
		if w.has(did(1), cidOf(2)) || w.has(did(2), cidOf(3)) {
			t.Error("still there an hour after their time")
		}
		if n := w.asks(did(3)) - before; n > 1 { // the round of the second day
			t.Errorf("an account without uploads was woken %d times", n)
		}
	})
}

// What an earlier process was given, bytes that no row knows, and nothing else: the
// daily round finds it.
func TestTheDailyRound(t *testing.T) {
	inWorld(t, func(w *world) {
		w.upload(did(1), cidOf(1), false)
		var o *owner
		left := func() (n int) { w.locked(func() { n = len(o.bytes) }); return n }
		w.locked(func() {
			o = w.owner(did(2))
			for i := range 1000 { // several batches
				o.bytes[cidOf(i)] = time.Now()
				o.kept[cidOf(i)] = i%10 > 0
			}
		})
		time.Sleep(time.Hour)
		if n := left(); n != 1000 || !w.has(did(1), cidOf(1)) {
			t.Errorf("%d of 1000 are left of what is too young to be looked at", n)
		}
		time.Sleep(25 * time.Hour)
		if n := left(); n != 900 || w.has(did(1), cidOf(1)) {
			t.Errorf("%d blobs left, want 900", n)
		}
	})
}

// A row whose bytes never came, in an account that the store has nothing of: the weekly
// round finds it, and before that nobody does.
func TestTheWeeklyRound(t *testing.T) {
	inWorld(t, func(w *world) {
		w.locked(func() {
			for i := range 5 {
				w.owner(did(i)).rows[cidOf(i)] = time.Now()
			}
			w.unseen = true
		})
		left := func() (n int) {
			w.locked(func() {
				for _, o := range w.owners {
					n += len(o.rows)
				}
			})
			return n
		}
		time.Sleep(4 * time.Hour)
		if n := left(); n != 5 {
			t.Errorf("%d of 5 are left of what is too young", n)
		}
		time.Sleep(6 * 24 * time.Hour)
		if n := left(); n != 5 {
			t.Errorf("%d of 5 are left before the week is over", n)
		}
		time.Sleep(2 * 24 * time.Hour)
		if n := left(); n != 0 {
			t.Errorf("%d rows are left", n)
		}
	}, func(o *Options) {
		o.EachAccount = func(yield func(syntax.DID) bool) {
			for i := range 5 {
				if !yield(did(i)) {
					return
				}
			}
		}
	})
}

// An account that cannot be swept keeps nobody else from it, and is not forgotten.
func TestOneAccountFails(t *testing.T) {
	inWorld(t, func(w *world) {
		for i := range 10 {
			w.upload(did(i), cidOf(i), false)
		}
		broken := errors.New("disk on fire")
		w.locked(func() { w.owner(did(4)).fails = broken })
		time.Sleep(25 * time.Hour)
		_, err := mailbox.Ask(context.Background(), w.at, Sweep{Chore: Blobs})
		if !errors.Is(err, broken) {
			t.Errorf("%v", err)
		}
		for i := range 10 {
			if w.has(did(i), cidOf(i)) != (i == 4) {
				t.Errorf("account %d: %v", i, w.has(did(i), cidOf(i)))
			}
		}
		w.locked(func() { w.owner(did(4)).fails = nil })
		w.sweep(Blobs, Report{KindUpload: 1})
	})
}

// Only one owner is asked at a time, whatever is asked of the sweeper meanwhile.
func TestOneAtATime(t *testing.T) {
	inWorld(t, func(w *world) {
		for i := range 50 {
			w.upload(did(i), cidOf(i), true)
		}
		time.Sleep(24*time.Hour - time.Minute)
		began := time.Now()
		for _, c := range []Chore{Blobs, Uploads, Blobs, Rows, Uploads} {
			mailbox.Post(context.Background(), w.at, Sweep{Chore: c}, func(Report, error) {})
		}
		time.Sleep(time.Hour)
		w.locked(func() {
			if w.most != 1 {
				t.Errorf("%d owners at a time", w.most)
			}
		})
		if passed := time.Since(began); passed < 50*w.options.withDefaults().Pause {
			t.Errorf("50 accounts in %v", passed)
		}
	})
}

func TestRows(t *testing.T) {
	inWorld(t, func(w *world) {
		w.locked(func() { w.tokens, w.piece, w.trims = 2500, 1000, []int{1000, 3, 0, 7} })
		w.sweep(Rows, Report{KindRefreshToken: 2500})
		w.sweep(Rows, Report{})
		w.sweep(Identities, Report{KindIdentity: 1003})
		w.sweep(Identities, Report{KindIdentity: 7})
		w.locked(func() { w.tokens = 5 })
		time.Sleep(7 * time.Hour) // and of its own accord
		w.locked(func() {
			if w.tokens != 0 {
				t.Errorf("%d left", w.tokens)
			}
		})
	})
}

func TestTrash(t *testing.T) {
	inWorld(t, func(w *world) {
		for i := range 3 {
			dir := filepath.Join(w.options.Trash, fmt.Sprint(i), "deep")
			if err := os.MkdirAll(dir, 0o700); err != nil {
				t.Fatal(err)
			}
			if err := os.WriteFile(filepath.Join(dir, "store.sqlite"), nil, 0o600); err != nil {
				t.Fatal(err)
			}
		}
		w.sweep(Trash, Report{KindTrash: 3})
		if left, err := os.ReadDir(w.options.Trash); err != nil || len(left) > 0 {
			t.Errorf("left: %v, %v", left, err)
		}
		if err := os.Remove(w.options.Trash); err != nil {
			t.Fatal(err)
		}
		w.sweep(Trash, Report{}) // a server on which nobody was deleted has none
	})
}

func TestNoChore(t *testing.T) {
	inWorld(t, func(w *world) {
		for _, c := range []Chore{"", "nonsense", Rows} {
			if _, err := mailbox.Ask(context.Background(), w.at, Sweep{Chore: c}); !errors.Is(err, ErrNoChore) {
				t.Errorf("%q: %v", c, err)
			}
		}
	}, func(o *Options) { o.SweepExpired = nil })
}

// A panic of a chore is an error of that run; the next one does what it left.
func TestAPanicOfAChore(t *testing.T) {
	inWorld(t, func(w *world) {
		for i := range 10 {
			w.upload(did(i), cidOf(i), false)
		}
		time.Sleep(25 * time.Hour)
		w.locked(func() { w.panics = 1 })
		if _, err := mailbox.Ask(context.Background(), w.at, Sweep{Chore: Blobs}); err == nil {
			t.Error("a chore that panicked came to its end")
		}
		time.Sleep(25 * time.Hour)
		for i := range 10 {
			if w.has(did(i), cidOf(i)) {
				t.Errorf("blob %d is still there", i)
			}
		}
	})
}

// A panic in a turn costs what was remembered of uploads, and the daily round finds
// those. The chore under way ends first: there are never two.
func TestAPanicInATurn(t *testing.T) {
	var poisoned atomic.Bool
	inWorld(t, func(w *world) {
		for i := range 100 {
			w.upload(did(i), cidOf(i), true)
		}
		time.Sleep(23 * time.Hour)
		w.locked(func() { w.takes = 10 * time.Second })
		under := make(chan error, 1)
		go func() {
			_, err := mailbox.Ask(context.Background(), w.at, Sweep{Chore: Blobs})
			under <- err
		}()
		time.Sleep(w.options.withDefaults().Pause * 10)
		poisoned.Store(true)
		if _, err := mailbox.Ask(context.Background(), w.at, Uploaded{DID: did(1)}); !errors.Is(err, mailbox.ErrCrashed) {
			t.Errorf("%v, want ErrCrashed", err)
		}
		if err := <-under; !errors.Is(err, mailbox.ErrCrashed) {
			t.Errorf("who had asked for a chore got %v", err)
		}
		mailbox.Post(context.Background(), w.at, Sweep{Chore: Blobs}, func(Report, error) {}) // the owner asked before still has its turn
		time.Sleep(time.Minute)
		w.locked(func() { w.takes = 0 })
		time.Sleep(26 * time.Hour)
		for i := range 100 {
			if w.has(did(i), cidOf(i)) {
				t.Errorf("blob %d is still there", i)
			}
		}
		w.locked(func() {
			if w.most != 1 {
				t.Errorf("%d owners at a time", w.most)
			}
		})
	}, func(o *Options) {
		o.Now = func() time.Time {
			if poisoned.CompareAndSwap(true, false) {
				panic("injected")
			}
			return time.Now()
		}
	})
}

// A stop does not wait for a round to end: it ends between two accounts.
func TestStopInTheMiddle(t *testing.T) {
	var w *world
	inWorld(t, func(in *world) {
		w = in
		w.locked(func() {
			for i := range 10_000 {
				w.owner(did(i))
			}
		})
		go mailbox.Ask(context.Background(), w.at, Sweep{Chore: Blobs})
		time.Sleep(10 * time.Second)
	})
	if n := len(w.asked); n == 0 || n > 500 {
		t.Errorf("%d accounts were asked in ten seconds and a stop", n)
	}
}

func TestRipe(t *testing.T) {
	var s state
	s.uploads = map[syntax.DID]upload{}
	now := time.Now()
	s.uploaded(did(1), now)
	s.uploaded(did(2), now.Add(time.Hour))
	s.uploaded(did(1), now.Add(2*time.Hour))
	for _, c := range []struct {
		at   time.Duration
		want int
	}{{23 * time.Hour, 0}, {24 * time.Hour, 1}, {24 * time.Hour, 0}, {25 * time.Hour, 1}, {26 * time.Hour, 1}, {100 * time.Hour, 0}} {
		if got := s.ripe(now.Add(c.at), 24*time.Hour); len(got) != c.want {
			t.Errorf("after %v: %v", c.at, got)
		}
	}
	for i := range uploaders + 10 {
		s.uploaded(did(i), now)
	}
	if len(s.uploads) != uploaders {
		t.Errorf("%d accounts remembered", len(s.uploads))
	}
}

// Accounts whose time has come go, page after page; one that cannot be deleted
// keeps none of the others from it and does not make the chore run for ever. Bytes
// of nobody are offered to who knows whether they are remains.
func TestAccounts(t *testing.T) {
	var mu sync.Mutex
	due := map[syntax.DID]bool{}
	for i := range 250 {
		due[did(i)] = true
	}
	var remains []syntax.DID
	inWorld(t, func(w *world) {
		time.Sleep(10 * time.Minute)
		if mu.Lock(); len(due) != 250 {
			t.Errorf("%d are left right after the start", len(due))
		}
		mu.Unlock()
		time.Sleep(time.Hour)
		mu.Lock()
		if len(due) != 1 || !due[did(7)] {
			t.Errorf("%d are left", len(due))
		}
		mu.Unlock()
		time.Sleep(24 * time.Hour)
		mu.Lock()
		defer mu.Unlock()
		if len(remains) == 0 || remains[0] != did(999_999) {
			t.Errorf("remains of %v", remains)
		}
	}, func(o *Options) {
		o.ListOverdue = func(_ context.Context, m account.ListOverdue) ([]syntax.DID, error) {
			mu.Lock()
			defer mu.Unlock()
			all := slices.Sorted(maps.Keys(due))
			return all[:min(len(all), m.Limit)], nil
		}
		o.DeleteOverdue = func(_ context.Context, d syntax.DID) error {
			mu.Lock()
			defer mu.Unlock()
			if d == did(7) {
				return mailbox.ErrBusy
			}
			delete(due, d)
			return nil
		}
		o.DeleteRemains = func(_ context.Context, d syntax.DID) error {
			mu.Lock()
			defer mu.Unlock()
			remains = append(remains, d)
			return nil
		}
	})
}
