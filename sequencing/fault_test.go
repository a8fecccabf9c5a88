package sequencing

import (
	"bytes"
	"errors"
	"flag"
	"fmt"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"github.com/bluesky-social/indigo/atproto/syntax"

	"troupe/storage/sqlite"
	"troupe/storage/sqlite/faultvfs"
)

const faulty = "log-faults"

var every = flag.Bool("every", false, "make every single step fail, not a sample (a minute)")

// story is what a test believes about a log: what was acknowledged, and what
// subscribers have seen.
type story struct {
	acked   map[Seq]Entry
	by      map[Seq]syntax.DID
	heads   map[syntax.DID]Head
	unsure  map[syntax.DID]bool // an append ended without an answer
	deleted map[syntax.DID]Seq  // purged below
	seen    []Event
}

func newStory() *story {
	return &story{acked: map[Seq]Entry{}, by: map[Seq]syntax.DID{}, heads: map[syntax.DID]Head{}, unsure: map[syntax.DID]bool{}, deleted: map[syntax.DID]Seq{}}
}

// append tells the story one append further.
func (s *story) append(t *testing.T, l *SQLiteLog, a Append) error {
	t.Helper()
	c, err := do(l, a)
	var refused Refused
	switch {
	case err == nil:
		for i, seq := range c.Seqs {
			s.acked[seq], s.by[seq] = a.Entries[i], a.DID
		}
		if a.Purge {
			s.deleted[a.DID] = c.Seqs[0]
		}
		s.heads[a.DID] = c.Head
	case errors.Is(err, ErrClosed):
		s.unsure[a.DID] = true
	case errors.Is(err, ErrFull), errors.As(err, &refused):
	default:
		t.Errorf("append ended with %v", err)
	}
	return err
}

const storyAccounts = 6

// play is a short life of a log. It goes on after errors.
func (s *story) play(t *testing.T, l *SQLiteLog) {
	commit := func(i int) {
		if h, ok := s.heads[testDID(i)]; ok {
			_ = s.append(t, l, nextCommit(h, bytes.Repeat([]byte{byte(i)}, 3000), Public))
		}
	}
	for i := range 3 {
		_ = s.append(t, l, firstCommit(testDID(i), 2000))
	}
	commit(0)
	commit(1)
	if h, ok := s.heads[testDID(0)]; ok {
		_ = l.MarkApplied(ctx, []Applied{{h.DID, h.Seq}})
		_ = l.MarkAccounts(ctx, h.Seq)
	}
	commit(2)
	if h, ok := s.heads[testDID(1)]; ok {
		_ = s.append(t, l, deletion(h))
	}
	_, _ = l.Prune(ctx, time.Unix(1, 0), 100) // finds nothing: all rows are young
	checkpointNow(l)
	commit(0)
	commit(2)
	for i := 3; i < storyAccounts; i++ {
		_ = s.append(t, l, firstCommit(testDID(i), 9000)) // larger than a page
		commit(i)
	}
}

func checkpointNow(l *SQLiteLog) {
	done := make(chan struct{})
	if l.queue.putJob(func(c *committer) { c.checkpoint(); close(done) }) == nil {
		<-done
	}
}

// verify opens what the fault left and compares it with the story.
func (s *story) verify(t *testing.T, path string) {
	t.Helper()
	l := openTest(t, path, LogOptions{VFS: faulty})
	defer l.Close()
	there := map[Seq]Event{}
	for i := range storyAccounts {
		err := l.Replay(ctx, testDID(i), 0, func(e Event) error { there[e.Seq] = e; return nil })
		if err != nil {
			t.Fatalf("replay: %v", err)
		}
	}
	highest := Seq(0)
	for seq, e := range s.acked {
		highest = max(highest, seq)
		got, ok := there[seq]
		if below, gone := s.deleted[s.by[seq]]; gone && seq < below {
			if ok {
				t.Errorf("number %d was purged and is there", seq)
			}
			continue
		}
		if s.unsure[s.by[seq]] && !ok && s.by[seq] == testDID(1) {
			continue // its deletion may have happened
		}
		if !ok || !bytes.Equal(got.Frame, e.Frame.Wire(seq)) {
			t.Errorf("acknowledged number %d: there %v, or not what it was", seq, ok)
		}
	}
	for _, e := range s.seen {
		highest = max(highest, e.Seq)
		if got, ok := there[e.Seq]; ok && !bytes.Equal(got.Frame, e.Frame) {
			t.Errorf("number %d was seen with other bytes", e.Seq)
		}
		if _, acked := s.acked[e.Seq]; !acked {
			t.Errorf("number %d was seen but never acknowledged", e.Seq)
		}
	}
	for did, want := range s.heads {
		got, ok, err := l.Head(ctx, did)
		if err != nil || !ok {
			t.Errorf("head of %s: %v, %v", did, ok, err)
			continue
		}
		want.Applied = got.Applied // marks may be older: that only costs work
		if got != want && !s.unsure[did] {
			t.Errorf("head of %s is\n%+v\nwant\n%+v", did, got, want)
		}
	}
	// Life goes on, with numbers that nobody has seen.
	c, err := do(l, firstCommit(testDID(77), 10))
	if err != nil || c.Seqs[0] <= highest {
		t.Errorf("after recovery: %v, %v; numbers up to %d were used", c.Seqs, err, highest)
	}
	l.Close()
	checkLog(t, path)
}

// TestEveryFault makes every step of the story on the disk fail in every way,
// and then takes the power away in the ways a disk may lose what was not synced.
func TestEveryFault(t *testing.T) {
	fs := faultvfs.New(faulty)
	stride := 16
	if *every {
		stride = 1
	}
	half := func(_ string, i, n int) int {
		if i%2 == 0 {
			return n
		}
		return n / 2
	}
	type fault struct {
		name string
		faultvfs.Fault
		keep  faultvfs.Keep // nil: the power stays
		fatal bool          // the log must have stopped
	}
	var faults []fault
	for _, f := range []faultvfs.Fault{{Action: faultvfs.EIO}, {Action: faultvfs.EIO, Done: true}, {Action: faultvfs.Short}, {Action: faultvfs.ENOSPC}} {
		faults = append(faults, fault{name: fmt.Sprintf("%d-done-%v", f.Action, f.Done), Fault: f})
	}
	for name, keep := range map[string]faultvfs.Keep{"nothing": faultvfs.KeepNothing, "all": faultvfs.KeepAll, "half": half} {
		faults = append(faults, fault{name: "power-" + name, Fault: faultvfs.Fault{Action: faultvfs.EIO, Sticky: true}, keep: keep})
	}

	steps, runs := 0, 0
	run := func(f *fault, at int) {
		path := filepath.Join(t.TempDir(), "sequencer.sqlite")
		runs++
		l, ring := openTest(t, path, LogOptions{VFS: faulty}), NewRing(0)
		l.Close() // the files are there; their creation is storage/sqlite's to test
		var stopped []error
		fs.Count(0)
		var err error
		s := newStory()
		if f != nil {
			f.At = at
			fs.Set(f.Fault)
		}
		l, err = OpenLog(ctx, path, LogOptions{VFS: faulty, Ring: ring, Logger: quiet, Fatal: func(err error) { stopped = append(stopped, err) }})
		if err == nil {
			s.play(t, l)
			if len(stopped) > 0 {
				if err := s.append(t, l, firstCommit(testDID(50), 1)); !errors.Is(err, ErrClosed) {
					t.Errorf("a log that has stopped answers %v", err)
				}
			}
		}
		for _, item := range ring.view.Load().items {
			s.seen = append(s.seen, Event{Seq: item.seq, DID: item.did, Frame: item.frame})
		}
		switch {
		case f == nil:
			steps = fs.Counted()
		case f.keep != nil:
			if len(stopped) > 0 {
				l.Close() // a log that has stopped lets go of its files by itself
			}
			if err := fs.PowerCut(f.keep, true); err != nil {
				t.Fatal(err)
			}
		}
		if l != nil {
			l.Close()
		}
		if len(stopped) > 1 {
			t.Errorf("stopped %d times", len(stopped))
		}
		if f != nil && f.Action == faultvfs.ENOSPC && len(stopped) > 0 && !isSyncError(stopped[0]) {
			t.Errorf("a full disk stopped the log: %v", stopped[0])
		}
		fs.Clear()
		s.verify(t, path)
	}
	run(nil, 0)
	if steps < 50 {
		t.Fatalf("the story has %d steps", steps)
	}
	for i := range faults {
		f := &faults[i]
		// Different faults meet different steps, so that together they meet all.
		for at := 1 + i%stride; at <= steps && !t.Failed(); at += stride {
			run(f, at)
			if t.Failed() {
				t.Fatalf("fault %s at step %d of %d", f.name, at, steps)
			}
		}
	}
	t.Logf("%d steps, %d runs", steps, runs)
}

func isSyncError(err error) bool { return errors.Is(err, sqlite.ErrSync) }

// TestFullDisk: appends are refused, reads are served, subscribers live, and
// appends are taken again by themselves when there is space.
func TestFullDisk(t *testing.T) {
	fs := faultvfs.New(faulty)
	path := logPath(t)
	ring := NewRing(0)
	l := openTest(t, path, LogOptions{VFS: faulty, Ring: ring})
	h := mustDo(t, l, firstCommit(testDID(1), 1000)).Head

	fs.Set(faultvfs.Fault{At: 1, Ops: faultvfs.Write | faultvfs.Truncate | faultvfs.Allocate, Action: faultvfs.ENOSPC, Sticky: true})
	var wg sync.WaitGroup
	for i := range 30 {
		wg.Add(1)
		go func() {
			defer wg.Done()
			if _, err := do(l, firstCommit(testDID(100+i), 3000)); !errors.Is(err, ErrFull) {
				t.Errorf("on a full disk: %v", err)
			}
		}()
	}
	wg.Wait()
	if err := l.MarkApplied(ctx, []Applied{{h.DID, h.Seq}}); !errors.Is(err, ErrFull) {
		t.Errorf("mark on a full disk: %v", err)
	}
	if got := len(history(t, l, 0)); got != 3 {
		t.Errorf("%d events are served", got)
	}
	if head, ok, err := l.Head(ctx, h.DID); err != nil || !ok || head != h {
		t.Errorf("head %+v, %v, %v", head, ok, err)
	}
	zero := Seq(0)
	sub, err := Subscribe(l, ring, &zero, SubscribeOptions{})
	if err != nil {
		t.Fatal(err)
	}
	defer sub.Close()
	if batch, err := sub.Next(ctx); err != nil || len(batch) != 3 {
		t.Errorf("%d frames, %v", len(batch), err)
	}

	fs.Clear()
	c := mustDo(t, l, nextCommit(h, make([]byte, 3000), Public))
	if batch, err := sub.Next(ctx); err != nil || len(batch) != 1 {
		t.Errorf("after the disk was full: %d frames, %v", len(batch), err)
	}
	if got := history(t, l, 0); len(got) != 4 || got[3].Seq != c.Seqs[0] {
		t.Errorf("history %+v", got)
	}
	l.Close()
	checkLog(t, path)
}

// TestFailedFsyncStops: what an fsync could not write may be gone although the
// next one succeeds, so nobody is answered any more.
func TestFailedFsyncStops(t *testing.T) {
	for _, action := range []faultvfs.Action{faultvfs.EIO, faultvfs.ENOSPC} {
		fs := faultvfs.New(faulty)
		path := logPath(t)
		var stopped []error
		ring := NewRing(0)
		l := openTest(t, path, LogOptions{VFS: faulty, Ring: ring, Fatal: func(err error) { stopped = append(stopped, err) }})
		h := mustDo(t, l, firstCommit(testDID(1), 10)).Head
		seen := ring.view.Load().last
		fs.Set(faultvfs.Fault{At: 1, Ops: faultvfs.Sync, Suffix: "-wal", Action: action})
		if _, err := do(l, nextCommit(h, nil, Public)); !errors.Is(err, ErrClosed) {
			t.Errorf("answered %v", err)
		}
		if _, err := do(l, nextCommit(h, nil, Public)); !errors.Is(err, ErrClosed) {
			t.Errorf("the next one was answered %v", err)
		}
		if len(stopped) != 1 || !errors.Is(stopped[0], sqlite.ErrSync) {
			t.Errorf("stopped with %v", stopped)
		}
		if ring.view.Load().last != seen {
			t.Error("an event was published that is not known to be durable")
		}
		l.Close()
		fs.Clear()
	}
}
