package account

import (
	"errors"
	"log/slog"
	"path/filepath"
	"testing"
	"time"

	"github.com/bluesky-social/indigo/atproto/syntax"

	"troupe/sequencing"
	"troupe/storage/accountdb"
)

func openLog(t *testing.T) *sequencing.SQLiteLog {
	t.Helper()
	log, err := sequencing.OpenLog(t.Context(), filepath.Join(t.TempDir(), "sequencer.sqlite"), sequencing.LogOptions{Logger: slog.New(slog.DiscardHandler)})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { log.Close() })
	return log
}

// emit appends a chain and returns its last number.
func (w *world) emit(d syntax.DID, expect sequencing.Expect, entries ...sequencing.Entry) sequencing.Seq {
	w.t.Helper()
	type answer struct {
		c   sequencing.Committed
		err error
	}
	answered := make(chan answer, 1)
	w.log.Append(sequencing.Append{DID: d, Expect: expect, Entries: entries}, func(c sequencing.Committed, err error) { answered <- answer{c, err} })
	a := <-answered
	if a.err != nil {
		w.t.Fatal(a.err)
	}
	return a.c.Seqs[len(a.c.Seqs)-1]
}

func identityOf(d syntax.DID, h syntax.Handle) sequencing.Entry {
	f := sequencing.IdentityFrame{DID: d, Handle: h, Time: noon}
	return sequencing.Entry{Kind: sequencing.KindIdentity, Visibility: sequencing.Public, Frame: f.Encode(), Time: noon}
}

func accountOf(d syntax.DID, s sequencing.Status) sequencing.Entry {
	f := sequencing.AccountFrame{DID: d, Active: s == sequencing.StatusActive, Status: s, Time: noon}
	return sequencing.Entry{
		Kind: sequencing.KindAccount, Visibility: sequencing.Public, Frame: f.Encode(), Time: noon,
		Next: sequencing.Change{Status: s},
	}
}

var fresh = sequencing.Expect{New: true}

func in(s sequencing.Status) sequencing.Expect { return sequencing.Expect{Status: s} }

func TestFollow(t *testing.T) {
	w := newWorld(t, openLog(t))
	a, _ := w.person("a", "hash")
	b, _ := w.person("b", "hash")
	w.emit(a, fresh, identityOf(a, "a.test"), accountOf(a, sequencing.StatusActive))
	w.emit(b, fresh, identityOf(b, "b.test"), accountOf(b, sequencing.StatusActive))

	show := func() (s string) {
		for _, d := range []syntax.DID{a, b} {
			x, ok := w.index.ByDID(d)
			if !ok {
				s += "gone "
				continue
			}
			s += x.Handle.String() + ":" + x.Status.String() + " "
			if owner, _ := w.index.ByHandle(x.Handle); x.Handle != "" && owner.DID != d {
				t.Errorf("%s leads to %s", x.Handle, owner.DID)
			}
		}
		return s
	}
	for _, c := range []struct {
		name string
		emit func() sequencing.Seq
		want string
	}{
		{"a new handle", func() sequencing.Seq { return w.emit(a, sequencing.Expect{}, identityOf(a, "New.test")) }, "new.test:active b.test:active "},
		{"no handle said", func() sequencing.Seq { return w.emit(a, sequencing.Expect{}, identityOf(a, "")) }, "new.test:active b.test:active "},
		{"deactivated", func() sequencing.Seq {
			return w.emit(a, in(sequencing.StatusActive), accountOf(a, sequencing.StatusDeactivated))
		}, "new.test:deactivated b.test:active "},
		{"taken down", func() sequencing.Seq {
			return w.emit(b, in(sequencing.StatusActive), accountOf(b, sequencing.StatusTakendown))
		}, "new.test:deactivated b.test:takendown "},
		{"a handle changes hands", func() sequencing.Seq { return w.emit(a, sequencing.Expect{}, identityOf(a, "b.test")) }, "b.test:deactivated :takendown "},
		{"and is lost", func() sequencing.Seq { return w.emit(a, sequencing.Expect{}, identityOf(a, syntax.HandleInvalid)) }, ":deactivated :takendown "},
		{"activated, with a handle", func() sequencing.Seq {
			return w.emit(a, in(sequencing.StatusDeactivated), accountOf(a, sequencing.StatusActive), identityOf(a, "a.test"))
		}, "a.test:active :takendown "},
		{"deleted", func() sequencing.Seq {
			return w.emit(b, in(sequencing.StatusTakendown), accountOf(b, sequencing.StatusDeleted))
		}, "a.test:active gone "},
	} {
		seq := c.emit()
		if got := must(w, CatchUp{}); got != seq {
			t.Errorf("%s: applied %d, want %d", c.name, got, seq)
		}
		if got := show(); got != c.want {
			t.Errorf("%s: %q, want %q", c.name, got, c.want)
		}
		w.stop() // the same is in the file
		w.start()
		if got := show(); got != c.want {
			t.Errorf("%s, after a restart: %q, want %q", c.name, got, c.want)
		}
	}
}

// A database that is older than the log (restored from a copy, or lost) knows
// the newer accounts again, without credentials.
func TestUnknownAccounts(t *testing.T) {
	w := newWorld(t, openLog(t))
	w.stop()
	a, b, c := did("a"), did("b"), did("c")
	w.emit(a, fresh, identityOf(a, "a.test"), accountOf(a, sequencing.StatusActive))
	w.emit(b, fresh, identityOf(b, "b.test"), accountOf(b, sequencing.StatusActive))
	w.emit(b, in(sequencing.StatusActive), accountOf(b, sequencing.StatusTakendown))
	w.emit(c, fresh, identityOf(c, "c.test"), accountOf(c, sequencing.StatusActive))
	w.emit(c, in(sequencing.StatusActive), accountOf(c, sequencing.StatusDeleted))
	w.start()
	for d, want := range map[syntax.DID]sequencing.Status{a: sequencing.StatusActive, b: sequencing.StatusTakendown} {
		got, ok := w.index.ByDID(d)
		if !ok || !got.Locked || got.HasPassword || got.Status != want || got.Handle == "" || got.CreatedAt.IsZero() {
			t.Errorf("%s: %+v", d, got)
		}
	}
	if got, ok := w.index.ByDID(c); ok {
		t.Errorf("a deleted account is back: %+v", got)
	}
	refuse(w, ErrHandleTaken, reservation("a", ""))
}

// A story restored from before its last steps takes over the row that the log made.
func TestInsertOverLocked(t *testing.T) {
	w := newWorld(t, openLog(t))
	must(w, reservation("a", ""))
	w.emit(did("a"), fresh, identityOf(did("a"), "a.test"), accountOf(did("a"), sequencing.StatusActive))
	must(w, CatchUp{})
	if got, _ := w.index.ByDID(did("a")); !got.Locked {
		t.Fatalf("%+v", got)
	}
	got := must(w, insertion("a", "hash", Grant{}))
	if got.Locked || !got.HasPassword || got.Handle != "a.test" {
		t.Errorf("%+v", got)
	}
	if again := must(w, insertion("a", "hash", Grant{})); again != got {
		t.Errorf("again %+v", again)
	}
}

// The log is later and right: a reserved handle that it gave to somebody else
// is gone, and the sign-up ends without one.
func TestReservedHandleLost(t *testing.T) {
	w := newWorld(t, openLog(t))
	must(w, reservation("a", ""))
	w.emit(did("b"), fresh, identityOf(did("b"), "a.test"), accountOf(did("b"), sequencing.StatusActive))
	if got := must(w, insertion("a", "hash", Grant{})); got.Handle != "" || got.DID != did("a") {
		t.Errorf("%+v", got)
	}
}

// The end of an earlier account is not applied to the one that follows it.
func TestDeletedBefore(t *testing.T) {
	w := newWorld(t, openLog(t))
	w.emit(did("a"), fresh, identityOf(did("a"), "a.test"), accountOf(did("a"), sequencing.StatusActive))
	w.emit(did("a"), in(sequencing.StatusActive), accountOf(did("a"), sequencing.StatusDeleted))
	w.person("a", "hash")
	must(w, CatchUp{})
	if got, ok := w.index.ByDID(did("a")); !ok || got.Locked {
		t.Errorf("%+v, %v", got, ok)
	}
}

// More entries than fit a transaction, while nobody asks: the tick finds them.
func TestTick(t *testing.T) {
	w := newWorld(t, openLog(t))
	w.stop()
	a := did("a")
	w.emit(a, fresh, identityOf(a, "a.test"), accountOf(a, sequencing.StatusActive))
	entries := make([]sequencing.Entry, page)
	for i := range entries {
		entries[i] = identityOf(a, syntax.Handle("b.test"))
	}
	w.emit(a, sequencing.Expect{}, entries...)
	w.start()
	last := w.emit(a, sequencing.Expect{}, identityOf(a, "c.test"))
	w.stop()

	w.tick = time.Millisecond
	w.start()
	if got := must(w, CatchUp{}); got != last {
		t.Errorf("applied %d, want %d", got, last)
	}
	w.emit(a, sequencing.Expect{}, identityOf(a, "d.test"))
	for got := (Account{}); got.DID != a; got, _ = w.index.ByHandle("d.test") {
		time.Sleep(time.Millisecond)
	}
}

// An error of the log is reported and changes nothing.
func TestLogFails(t *testing.T) {
	log := openLog(t)
	w := newWorld(t, log)
	w.person("a", "hash")
	log.Close()
	if _, err := tell(w, CatchUp{}); err == nil {
		t.Error("caught up with a closed log")
	}
	if err := w.reads.with(t.Context(), func(r *accountdb.Reader) error { _, _, err := r.Actor(did("a")); return err }); err != nil {
		t.Error(errors.Join(err))
	}
	must(w, RevokeAppPassword{DID: did("a"), Name: "x"}) // the rest goes on
}
