package saga

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/bluesky-social/indigo/atproto/syntax"

	"troupe/actors/mailbox"
	"troupe/actors/repo"
	"troupe/sequencing"
)

// rotating leaves an account with a rotation whose outcome nobody knows, in a process
// that can be killed.
func rotating(t *testing.T, mode int32) (*world, *crasher, syntax.DID) {
	t.Helper()
	c := &crasher{gone: make(chan struct{})}
	w := newWorld(t, func(o *Options) { impatient(o); o.probe = c.probe })
	did := w.resident("alice")
	w.plc.onPost.Store(mode) // it can be read until then
	if err := asked(w, RotateKey{DID: did}); !errors.Is(err, ErrUnconfirmed) {
		t.Fatalf("answered %v", err)
	}
	w.staged(did, true)
	return w, c, did
}

// staged checks whether a rotation holds the account's writes.
func (w *world) staged(did syntax.DID, want bool) {
	w.t.Helper()
	_, err := os.Lstat(filepath.Join(w.folder(did), "key.next"))
	if (err == nil) != want {
		w.t.Errorf("key.next: %v", err)
	}
}

// answering lets the directory answer again, with every copy of an operation lost.
func (w *world) answering() {
	w.plc.onPost.Store(answers)
	w.plc.mode.Store(answers)
	w.clock.Add((3 * time.Minute).Microseconds())
}

// since tells the events of an account behind an entry, as told does.
func (w *world) since(did syntax.DID, seq sequencing.Seq) (all string) {
	w.t.Helper()
	err := w.log.Replay(w.t.Context(), did, seq, func(e sequencing.Event) error {
		if e.Visibility == sequencing.Public {
			all += e.Kind.String() + " "
		} else {
			all += "(" + e.Kind.String() + ") "
		}
		return nil
	})
	w.must(err)
	return all
}

// Moderation takes an account down, and lifts that, while nobody knows which key it
// has. The rotation settles under whatever status it finds.
func TestModerationDuringARotation(t *testing.T) {
	for _, mode := range []int32{swallows, down} {
		for _, lifted := range []bool{false, true} {
			t.Run(fmt.Sprintf("mode %d, lifted %v", mode, lifted), func(t *testing.T) {
				t.Parallel()
				w, _, did := rotating(t, mode)
				before := w.head(did)
				w.must(w.change(did, Moderate{Takedown: Applied, Ref: "x"}))
				if s := w.standing(did); s.Takedown != "x" || w.head(did).Status != sequencing.StatusTakendown {
					t.Errorf("stands as %+v, head %+v", s, w.head(did))
				}
				if lifted {
					w.restartInOrder() // the next process finds the key staged, and the account taken down
					w.must(w.change(did, Moderate{Takedown: Lifted}))
					if err := w.write(did, 20); !errors.Is(err, repo.ErrRotating) {
						t.Errorf("a write: %v", err)
					}
				}
				w.staged(did, true)
				w.answering()
				w.settled()
				w.staged(did, false)
				want := "account "
				if lifted {
					want += "account "
				}
				if mode == swallows {
					want += "(commit) identity "
					if lifted {
						want += "sync "
					}
				}
				if got := w.since(did, before.Seq); got != want {
					t.Errorf("told %q, want %q", got, want)
				}
				w.agrees(did, "alice.pds.test")
				var inactive repo.NotActive
				if err := w.write(did, 21); !lifted && !errors.As(err, &inactive) || lifted && err != nil {
					t.Errorf("a write: %v", err)
				}
				w.must(w.change(did, Moderate{Takedown: Lifted}))
				w.must(w.write(did, 22))
			})
		}
	}
}

// A process dies in a takedown during a rotation, or while the rotation settles
// under one: what was appended stands, and the next one gets on with both.
func TestCrashOfModerationDuringARotation(t *testing.T) {
	for _, c := range []struct {
		mode  int32
		point string
		done  bool // the takedown is announced
	}{
		{swallows, "stand", false},
		{swallows, "stood", true},
		{down, "stood", true},
		{down, "followed", true},
		{swallows, "settle", true},
		{swallows, "looked up", true},
		{swallows, "adopted", true},
		{swallows, "ended", true},
		{down, "looked up", true},
		{down, "undo", true},
		{down, "undone", true},
		{down, "ended", true},
	} {
		t.Run(fmt.Sprintf("%s, mode %d", c.point, c.mode), func(t *testing.T) {
			t.Parallel()
			w, crash, did := rotating(t, c.mode)
			before := w.head(did)
			ruling := strings.HasPrefix(c.point, "st") || c.point == "followed"
			if ruling {
				crash.at(c.point)
			}
			if err := w.change(did, Moderate{Takedown: Applied, Ref: "x"}); ruling != errors.Is(err, mailbox.ErrCrashed) {
				t.Fatalf("the takedown: %v", err)
			}
			if !ruling {
				crash.at(c.point)
				w.answering()
				select {
				case <-crash.dead():
				case <-time.After(20 * time.Second):
					t.Fatal("did not come to the crash")
				}
			}
			w.restart(crash)
			w.answering()
			w.settled()
			w.staged(did, false)
			w.agrees(did, "alice.pds.test")
			if taken := w.standing(did).Takedown == "x"; taken != c.done {
				t.Errorf("taken down: %v", taken)
			}
			if c.done {
				if got := w.since(did, before.Seq); strings.Contains(got, "sync") || !strings.HasPrefix(got, "account ") {
					t.Errorf("told %q", got)
				}
			}
			w.must(w.change(did, Moderate{Takedown: Lifted}))
			w.must(w.write(did, 20))
		})
	}
}

// A deletion takes the place of a rotation, with the key that was staged.
func TestCrashOfADeletionDuringARotation(t *testing.T) {
	for _, mode := range []int32{swallows, down} {
		for _, point := range append([]string{""}, lives...) {
			t.Run(fmt.Sprintf("%q, mode %d", point, mode), func(t *testing.T) {
				t.Parallel()
				w, crash, did := rotating(t, mode)
				crash.at(point)
				if err := w.delete(did); (point == "") != (err == nil) {
					t.Fatalf("answered %v", err)
				}
				w.restart(crash)
				w.answering()
				w.settled()
				if point == "mark" { // nothing had happened: the rotation ended, and the account is used
					w.agrees(did, "alice.pds.test")
					w.must(w.write(did, 20))
					w.must(w.delete(did))
				}
				w.gone(did)
				w.back(did)
				w.staged(did, false)
			})
		}
	}
}
