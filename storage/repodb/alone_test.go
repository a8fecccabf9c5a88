package repodb_test

import (
	"context"
	"errors"
	"io"
	"os"
	"path/filepath"
	"testing"
	"time"

	"troupe/storage/repodb"
	"troupe/storage/sqlite"
)

func openFile(t *testing.T, dir string, shared bool) *repodb.DB {
	t.Helper()
	db, err := repodb.Open(t.Context(), dir, owner, repodb.Options{Shared: shared})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { db.Close() })
	return db
}

// The owner's handle keeps everybody else out and needs no shared index.
func TestAFileIsItsOwnersAlone(t *testing.T) {
	dir := t.TempDir()
	db := fill(t, dir, 10)
	if !db.Alone() {
		t.Error("the handle lets others in")
	}
	if _, err := os.Stat(filepath.Join(dir, repodb.FileName+"-shm")); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("an index to be shared was made: %v", err)
	}
	soon := func() context.Context { // nobody leaves meanwhile
		ctx, cancel := context.WithTimeoutCause(t.Context(), 50*time.Millisecond, sqlite.ErrBusy)
		t.Cleanup(cancel)
		return ctx
	}
	if _, err := repodb.Open(soon(), dir, owner, repodb.Options{}); !errors.Is(err, sqlite.ErrBusy) {
		t.Errorf("a second owner: %v", err)
	}
	if _, err := repodb.OpenView(soon(), dir, owner, repodb.Options{}); !errors.Is(err, sqlite.ErrBusy) {
		t.Errorf("a reader beside the owner: %v", err)
	}
	if got := check(t, db); got != "" {
		t.Errorf("found %q", got)
	}
	db.Close()
	if db = openFile(t, dir, false); !db.Alone() {
		t.Error("the next owner lets others in")
	}
}

// A snapshot that the owner lent goes on when the owner leaves, and the next
// owner shares the file with it.
func TestASnapshotIsSharedWithTheNextOwner(t *testing.T) {
	dir := t.TempDir()
	fill(t, dir, 10).Close()
	db := openFile(t, dir, true)
	if db.Alone() {
		t.Fatal("the handle lets nobody in")
	}
	var all repodb.Snapshots
	s, err := all.Open(t.Context(), dir, owner, repodb.Options{})
	if err != nil {
		t.Fatal(err)
	}
	db.Close()
	if db = openFile(t, dir, false); db.Alone() {
		t.Error("the next owner is alone beside a snapshot")
	}
	if err := s.WriteCAR(t.Context(), io.Discard, ""); err != nil {
		t.Errorf("the snapshot: %v", err)
	}
	s.Close()
	db.Close()
	if db = openFile(t, dir, false); !db.Alone() {
		t.Error("still shared when the snapshot is closed")
	}
}
