package repo_test

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/bluesky-social/indigo/atproto/syntax"

	"troupe/actors/mailbox"
	"troupe/actors/repo"
	"troupe/sequencing"
	"troupe/storage/repodb"
	"troupe/storage/sqlite/faultvfs"
)

// haunted makes the actor of one account panic, from below: in its start when
// it reads its head, in a turn when it hands a chain over, or behind one.
type haunted struct {
	sequencing.Log
	victim   syntax.DID
	starting atomic.Bool // panic in the next start
	handing  atomic.Bool // before the next chain is handed over
	handed   atomic.Bool // after it
	losing   atomic.Bool // the chain is committed and its answer is an error
}

func (h *haunted) Head(ctx context.Context, did syntax.DID) (sequencing.Head, bool, error) {
	if did == h.victim && h.starting.CompareAndSwap(true, false) {
		panic("injected")
	}
	return h.Log.Head(ctx, did)
}

func (h *haunted) Append(a sequencing.Append, done func(sequencing.Committed, error)) {
	if a.DID != h.victim {
		h.Log.Append(a, done)
		return
	}
	if h.handing.CompareAndSwap(true, false) {
		panic("injected")
	}
	if h.losing.CompareAndSwap(true, false) {
		answer := done
		done = func(sequencing.Committed, error) { answer(sequencing.Committed{}, mailbox.ErrCrashed) }
	}
	h.Log.Append(a, done)
	if h.handed.CompareAndSwap(true, false) {
		panic("injected")
	}
}

// A panic of one account's actor, wherever it comes, is answered at once, costs
// nothing that was acknowledged, leaves no file open, and nobody else notices.
func TestAPanicConcernsOneAccount(t *testing.T) {
	const victim = 0
	suffix := did(victim).String() + "/" + repodb.FileName
	eio := faultvfs.Fault{At: 1, Ops: faultvfs.Write | faultvfs.Sync, Suffix: suffix + "-wal", Action: faultvfs.EIO}
	for _, c := range []struct {
		name    string
		arm     func(w *world, h *haunted, fs *faultvfs.FS)
		flush   bool // the poison is Flush
		silent  bool // nobody asked for what panics
		written bool // the poisoned write may be there
	}{
		{name: "in a turn, before a chain is handed over", arm: func(_ *world, h *haunted, _ *faultvfs.FS) { h.handing.Store(true) }},
		{name: "in a turn, after a chain was handed over", arm: func(_ *world, h *haunted, _ *faultvfs.FS) { h.handed.Store(true) }, written: true},
		{name: "when a chain lands", arm: func(_ *world, h *haunted, _ *faultvfs.FS) { h.losing.Store(true) }, written: true},
		{name: "when changes are applied", arm: func(_ *world, _ *haunted, fs *faultvfs.FS) { fs.Set(eio) }, flush: true},
		{name: "in Start", arm: func(w *world, h *haunted, _ *faultvfs.FS) { h.starting.Store(true); w.asleep(did(victim)) }},
		{name: "in Stop", arm: func(w *world, _ *haunted, fs *faultvfs.FS) { fs.Set(eio); w.asleep(did(victim)); fs.Clear() }, silent: true},
	} {
		t.Run(c.name, func(t *testing.T) {
			name := "haunted-" + strings.ReplaceAll(c.name, " ", "-")
			fs := faultvfs.New(name)
			h := &haunted{victim: did(victim)}
			w := openWith(t, t.TempDir(), mailbox.RouterOptions{Live: 16, Shards: 2}, func(config *repo.Config) {
				h.Log, config.Log, config.Append, config.VFS = config.Log, h, h.Append, name
			})
			defer w.close()
			for i := range 5 {
				w.account(i)
			}
			// The others write all the time; none of their requests may fail.
			quit := make(chan struct{})
			var others sync.WaitGroup
			var wrote [5]int
			for i := 1; i < 5; i++ {
				others.Go(func() {
					for ; ; wrote[i]++ {
						select {
						case <-quit:
							return
						default:
						}
						if _, err := mailbox.Ask(context.Background(), w.repos.Of(did(i).String()), writes(create(t, fmt.Sprintf("k%d", wrote[i]), "text"))); err != nil {
							t.Errorf("another account: %v", err)
							return
						}
					}
				})
			}
			at := w.repos.Of(did(victim).String())
			for i := range 5 {
				ask(w, did(victim), writes(create(t, fmt.Sprintf("before%d", i), "text")))
			}
			c.arm(w, h, fs)
			var err error // of a request without a deadline
			switch {
			case c.flush:
				_, err = mailbox.Ask(context.Background(), at, repo.Flush{})
			case !c.silent:
				_, err = mailbox.Ask(context.Background(), at, writes(create(t, "poison", "text")))
			}
			if !c.silent && !errors.Is(err, mailbox.ErrCrashed) {
				t.Errorf("the asker was answered with %v", err)
			}
			fs.Clear()
			usable(w, did(victim))
			for i := range 5 {
				ask(w, did(victim), repo.GetRecord{Collection: posts, RKey: syntax.RecordKey(fmt.Sprintf("before%d", i))})
			}
			_, err = mailbox.Ask(t.Context(), at, repo.GetRecord{Collection: posts, RKey: "poison"})
			if err == nil && !c.written || err != nil && !errors.Is(err, repo.ErrRecordNotFound) {
				t.Errorf("the poisoned write: %v", err)
			}
			if n := fs.Opened(suffix); n != 1 {
				t.Errorf("the file is open %d times", n)
			}
			close(quit)
			others.Wait()
			for i := range 5 {
				n := len(ask(w, did(i), repo.ListRecords{Collection: posts, Limit: 10_000}))
				if i != victim && (n != wrote[i] || n == 0) {
					t.Errorf("account %d has %d records, %d were acknowledged", i, n, wrote[i])
				}
				verifyExport(w, did(i), headCID(w, did(i)))
			}
		})
	}
}

// asleep has an actor leave.
func (w *world) asleep(d syntax.DID) {
	w.t.Helper()
	release, err := w.repos.Retire(w.t.Context(), d.String())
	if err != nil {
		w.t.Fatal(err)
	}
	release()
}

// usable waits until the account takes writes: after a failed start it pauses.
func usable(w *world, d syntax.DID) {
	w.t.Helper()
	m := writes(create(w.t, "after", "text"))
	for end := time.Now().Add(20 * time.Second); ; time.Sleep(10 * time.Millisecond) {
		_, err := mailbox.Ask(w.t.Context(), w.repos.Of(d.String()), m)
		if err == nil || errors.Is(err, repo.ErrRecordExists) {
			return
		}
		if time.Now().After(end) {
			w.t.Fatalf("still %v", err)
		}
	}
}

// careless is a log that panics where no actor asks it.
type careless struct {
	sequencing.Log
	marking, listing atomic.Bool // the next MarkApplied or Behind panics
	marked           chan []sequencing.Applied
}

func (l *careless) MarkApplied(ctx context.Context, marks []sequencing.Applied) error {
	if l.marking.CompareAndSwap(true, false) {
		panic("injected")
	}
	l.marked <- marks
	return l.Log.MarkApplied(ctx, marks)
}

func (l *careless) Behind(ctx context.Context, after syntax.DID, limit int) ([]sequencing.Head, error) {
	if l.listing.CompareAndSwap(true, false) {
		panic("injected")
	}
	return l.Log.Behind(ctx, after, limit)
}

// The flusher goes on behind a panic, with what it could not mark; the sweep
// ends with an error.
func TestPanicsBesideTheActors(t *testing.T) {
	w := open(t, t.TempDir(), 16)
	defer w.close()
	log := &careless{Log: w.log, marked: make(chan []sequencing.Applied, 1)}
	flusher := repo.NewFlusher(w.dir, log, slog.New(slog.DiscardHandler))
	defer flusher.Close()
	w.account(1)
	log.marking.Store(true)
	flusher.Note(did(1), 1)
	if marks := <-log.marked; len(marks) != 1 || marks[0].DID != did(1) {
		t.Errorf("marked behind the panic: %v", marks)
	}
	log.listing.Store(true)
	if _, err := repo.Sweep(t.Context(), log, w.repos, slog.New(slog.DiscardHandler)); err == nil {
		t.Error("a sweep that panicked reports success")
	}
	if _, err := repo.Sweep(t.Context(), log, w.repos, slog.New(slog.DiscardHandler)); err != nil {
		t.Errorf("the next sweep: %v", err)
	}
}
