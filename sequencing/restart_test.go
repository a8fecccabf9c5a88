package sequencing

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"sync/atomic"
	"syscall"
	"testing"

	"troupe/storage/logdb"
	"troupe/storage/sqlite"
	"troupe/storage/sqlite/faultvfs"
)

const killable = "log-restart"

// kill ends a log as kill -9 does: nothing is closed, nothing is flushed.
func kill(fs *faultvfs.FS, l *SQLiteLog) {
	fs.Kill()
	l.Close() // memory only, its disk is gone
	fs.Clear()
}

func TestRestartWithoutClose(t *testing.T) {
	fs := faultvfs.New(killable)
	path := logPath(t)
	heads := map[int]Head{}
	last := Seq(0)
	for round := range 6 {
		l := openTest(t, path, LogOptions{VFS: killable})
		if l.Last() < last {
			t.Fatalf("round %d: last is %d, numbers up to %d were given out", round, l.Last(), last)
		}
		if l.Last()%numberBlock != 0 {
			t.Errorf("round %d: goes on at %d, inside a block that was in use", round, l.Last())
		}
		for i := range 4 {
			h, ok, err := l.Head(ctx, testDID(i))
			if err != nil || ok != (round > 0) || h != heads[i] {
				t.Fatalf("round %d: head %+v, %v, %v; want %+v", round, h, ok, err, heads[i])
			}
			a := firstCommit(testDID(i), 10)
			if round > 0 {
				a = nextCommit(h, nil, Public)
			}
			c := mustDo(t, l, a)
			if c.Seqs[0] <= last {
				t.Fatalf("round %d: number %d again", round, c.Seqs[0])
			}
			heads[i], last = c.Head, c.Head.Seq
		}
		kill(fs, l)
		checkLog(t, path)
	}
}

func TestCeiling(t *testing.T) {
	open := func(t *testing.T, path string, restored bool) Seq {
		l := openTest(t, path, LogOptions{Restored: restored})
		defer l.Close()
		return mustDo(t, l, Append{DID: testDID(1), Entries: []Entry{{Kind: KindIdentity}}}).Seqs[0]
	}
	prepare := func(t *testing.T) string {
		path := logPath(t)
		l := openTest(t, path, LogOptions{})
		mustDo(t, l, firstCommit(testDID(1), 1))
		l.Close()
		return path
	}
	t.Run("open goes on above the block", func(t *testing.T) {
		path := prepare(t)
		for i := range 3 {
			if got, want := open(t, path, false), Seq((i+1)*numberBlock+1); got != want {
				t.Errorf("open %d goes on at %d, want %d", i, got, want)
			}
		}
		checkLog(t, path)
	})
	t.Run("restored log skips one block more", func(t *testing.T) {
		if got := open(t, prepare(t), true); got != 2*numberBlock+1 {
			t.Errorf("goes on at %d", got)
		}
	})
	t.Run("lost log goes on above the ceiling", func(t *testing.T) {
		path := prepare(t)
		for _, suffix := range []string{"", "-wal", "-shm"} {
			if err := os.Remove(path + suffix); err != nil && !errors.Is(err, os.ErrNotExist) {
				t.Fatal(err)
			}
		}
		l := openTest(t, path, LogOptions{})
		if got := mustDo(t, l, firstCommit(testDID(1), 1)).Seqs[0]; got != numberBlock+1 {
			t.Errorf("goes on at %d", got)
		}
		l.Close()
	})
	t.Run("lost ceiling skips a block above the log", func(t *testing.T) {
		path := prepare(t)
		if err := os.Remove(logdb.CeilingPath(path)); err != nil {
			t.Fatal(err)
		}
		if got := open(t, path, false); got != 3+numberBlock+1 {
			t.Errorf("goes on at %d", got)
		}
	})
	t.Run("damaged ceiling refuses to open", func(t *testing.T) {
		path := prepare(t)
		for _, text := range []string{"", "10000\n", "20000 00000000\n", "-5 aaaaaaaa\n", "x", "10000 ffffffff"} {
			if err := os.WriteFile(logdb.CeilingPath(path), []byte(text), 0o600); err != nil {
				t.Fatal(err)
			}
			if l, err := OpenLog(ctx, path, LogOptions{}); !errors.Is(err, logdb.ErrCeiling) {
				t.Errorf("opened with a ceiling %q: %v", text, err)
				l.Close()
			}
		}
	})
	t.Run("no number before its block is on disk", func(t *testing.T) {
		path := prepare(t)
		got, ok, err := logdb.ReadCeiling(logdb.CeilingPath(path))
		if err != nil || !ok || got < 3 {
			t.Errorf("ceiling %d, %v, %v", got, ok, err)
		}
		names, _ := filepath.Glob(logdb.CeilingPath(path) + "*")
		if len(names) != 1 {
			t.Errorf("left beside the ceiling: %v", names)
		}
	})
}

// The block is raised while half of it is left, so that hardly any batch waits.
func TestCeilingIsRaisedAhead(t *testing.T) {
	path := logPath(t)
	n, _, err := openNumbers(logdb.CeilingPath(path), 0, false)
	if err != nil {
		t.Fatal(err)
	}
	writes := 0
	free := make(chan struct{})
	n.write = func(string, int64) error { writes++; <-free; return nil }
	go func() { free <- struct{}{} }()
	if err := n.ensure(1); err != nil { // the first block is waited for
		t.Fatal(err)
	}
	for n.next < numberBlock/2 {
		n.take()
		if err := n.ahead(); err != nil {
			t.Fatal(err)
		}
	}
	if n.raising != nil {
		t.Error("raised with half a block left")
	}
	for n.next < n.ceiling {
		if err := n.ensure(1); err != nil { // none of these may wait: nobody frees the write
			t.Fatal(err)
		}
		n.take()
		if err := n.ahead(); err != nil {
			t.Fatal(err)
		}
	}
	if n.raising == nil {
		t.Fatal("not raised ahead")
	}
	free <- struct{}{}
	if err := n.ensure(100); err != nil || n.ceiling != 2*numberBlock || writes != 2 {
		t.Errorf("ceiling %d after %d writes, %v", n.ceiling, writes, err)
	}
	n.close()
}

// A ceiling that cannot be raised is noticed by the batch that needs it.
func TestCeilingOnAFullDisk(t *testing.T) {
	l := openTest(t, logPath(t), LogOptions{})
	var full atomic.Bool
	full.Store(true)
	onCommitter(t, l, func(c *committer) {
		c.numbers.write = func(path string, ceiling int64) error {
			if full.Load() {
				return fmt.Errorf("%w: %w", sqlite.ErrFull, syscall.ENOSPC) // as WriteCeiling says it
			}
			return logdb.WriteCeiling(path, ceiling)
		}
	})
	for range 3 {
		if _, err := do(l, firstCommit(testDID(1), 1)); !errors.Is(err, ErrFull) {
			t.Fatalf("a number without a ceiling: %v", err)
		}
	}
	full.Store(false)
	mustDo(t, l, firstCommit(testDID(1), 1))
}

// onCommitter runs fn between two batches and waits for it.
func onCommitter(t *testing.T, l *SQLiteLog, fn func(*committer)) {
	t.Helper()
	done := make(chan struct{})
	if err := l.queue.putJob(func(c *committer) { fn(c); close(done) }); err != nil {
		t.Fatal(err)
	}
	<-done
}
