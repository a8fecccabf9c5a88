package sequencing

import (
	"bytes"
	"errors"
	"os"
	"testing"

	"troupe/storage/sqlite"
	"troupe/storage/sqlite/faultvfs"
)

// copyNow copies the WAL back as a long one is, and waits; false: the log has stopped.
// meanwhile runs beside it.
func copyNow(t *testing.T, l *SQLiteLog, meanwhile func()) bool {
	t.Helper()
	if err := l.maintain(ctx, "copy", func(c *committer) error { c.copyBack(); return nil }); err != nil {
		t.Fatal(err)
	}
	meanwhile()
	for copying := true; copying; {
		// A look that was queued before the log stopped is still taken.
		if l.maintain(ctx, "look", func(c *committer) error { copying = c.copying; return c.failed }) != nil {
			return false
		}
	}
	return true
}

// The WAL is copied back while appends go on, and starts over after it.
func TestWALStartsOver(t *testing.T) {
	path := logPath(t)
	l := openTest(t, path, LogOptions{})
	h := mustDo(t, l, firstCommit(testDID(1), 10)).Head
	payload := bytes.Repeat([]byte("x"), 200_000)
	written := 0
	write := func() {
		for range 3 {
			h = mustDo(t, l, nextCommit(h, payload, Public)).Head
			written += len(payload)
		}
	}
	for range 8 {
		write()
		if !copyNow(t, l, write) {
			t.Fatal("the log has stopped")
		}
	}
	info, err := os.Stat(path + "-wal")
	if err != nil {
		t.Fatal(err)
	}
	if info.Size() > int64(written/2) {
		t.Errorf("%d bytes were written, and the WAL has %d", written, info.Size())
	}
	l.Close()
	checkLog(t, path)
}

// Pages that the copying goroutine could not sync may be gone, so the log stops
// as if the committer had asked for them. On a disk that is only full it does not.
func TestFailedCopyBack(t *testing.T) {
	for name, c := range map[string]struct {
		fault faultvfs.Fault
		stops bool
	}{
		"failed sync":       {faultvfs.Fault{Ops: faultvfs.Sync, Action: faultvfs.EIO}, true},
		"full disk":         {faultvfs.Fault{Ops: faultvfs.Write, Action: faultvfs.ENOSPC}, false},
		"full disk, sticky": {faultvfs.Fault{Ops: faultvfs.Write, Action: faultvfs.ENOSPC, Sticky: true}, false},
	} {
		t.Run(name, func(t *testing.T) {
			disk := faultvfs.New(faulty)
			path := logPath(t)
			var stopped []error
			l := openTest(t, path, LogOptions{VFS: faulty, Logger: quiet, Fatal: func(err error) { stopped = append(stopped, err) }})
			h := mustDo(t, l, firstCommit(testDID(1), 10)).Head
			c.fault.At, c.fault.Suffix = 1, ".sqlite"
			disk.Set(c.fault)
			if alive := copyNow(t, l, func() {}); alive == c.stops {
				t.Errorf("alive: %v", alive)
			}
			if disk.Fired() == 0 {
				t.Error("the fault never happened")
			}
			disk.Clear()
			_, err := do(l, nextCommit(h, nil, Public))
			if c.stops && (!errors.Is(err, ErrClosed) || len(stopped) != 1 || !errors.Is(stopped[0], sqlite.ErrSync)) {
				t.Errorf("an append ends with %v, and the log stopped with %v", err, stopped)
			}
			if !c.stops && (err != nil || len(stopped) > 0) {
				t.Errorf("an append ends with %v, and the log stopped with %v", err, stopped)
			}
			l.Close()
			checkLog(t, path)
		})
	}
}

// A log whose processes all die young has its WAL copied back all the same.
func TestWALOfProcessesThatDieYoung(t *testing.T) {
	fs := faultvfs.New(killable)
	path := logPath(t)
	l := openTest(t, path, LogOptions{VFS: killable})
	h := mustDo(t, l, firstCommit(testDID(1), 10)).Head
	payload := bytes.Repeat([]byte("x"), 1_000_000)
	for range 4 { // each writes less than is worth a checkpoint
		for range 8 {
			h = mustDo(t, l, nextCommit(h, payload, Public)).Head
		}
		kill(fs, l)
		l = openTest(t, path, LogOptions{VFS: killable})
	}
	mustDo(t, l, nextCommit(h, payload, Public))
	for copying := true; copying; {
		if err := l.maintain(ctx, "look", func(c *committer) error { copying = c.copying; return nil }); err != nil {
			t.Fatal(err)
		}
	}
	if info, err := os.Stat(path); err != nil || info.Size() < 20<<20 {
		t.Errorf("32 MB were written and the file has %d bytes, %v", info.Size(), err)
	}
	kill(fs, l)
	checkLog(t, path)
}
