package sqlite_test

import (
	"errors"
	"os"
	"path/filepath"
	"runtime"
	"syscall"
	"testing"

	"troupe/storage/sqlite"
)

// smallDisk mounts a file system of a megabyte that only this test sees. It
// needs the right to mount.
func smallDisk(t *testing.T) string {
	t.Helper()
	runtime.LockOSThread() // never unlocked: the thread, and the mount with it, ends with the test
	if err := syscall.Unshare(syscall.CLONE_NEWNS | syscall.CLONE_FS); err != nil {
		t.Skipf("no mount namespace of our own: %v", err)
	}
	if err := syscall.Mount("", "/", "", syscall.MS_PRIVATE|syscall.MS_REC, ""); err != nil {
		t.Skipf("no private mounts: %v", err)
	}
	dir := t.TempDir()
	if err := syscall.Mount("test", dir, "tmpfs", 0, "size=1m"); err != nil {
		t.Skipf("no tmpfs: %v", err)
	}
	t.Cleanup(func() { _ = syscall.Unmount(dir, syscall.MNT_DETACH) })
	return dir
}

// fill leaves no byte free until the ballast is removed.
func fill(t *testing.T, dir string) (free func()) {
	t.Helper()
	path := filepath.Join(dir, "ballast")
	f, err := os.Create(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	for err == nil {
		_, err = f.Write(make([]byte, 4096))
	}
	if !errors.Is(err, syscall.ENOSPC) {
		t.Fatal(err)
	}
	return func() { _ = os.Remove(path) }
}

func TestAFullDiskStopsWritesOnly(t *testing.T) {
	dir := smallDisk(t)
	path := filepath.Join(dir, "db")
	db := open(t, path, sqlite.Options{})
	put(t, db, 1, 2, 3)
	free := fill(t, dir)

	write := func(db *sqlite.DB) error {
		return db.Transact(bg, func(tx *sqlite.Tx) error {
			_, err := tx.Exec(insertItem, 50, "large", make([]byte, 50_000))
			return err
		})
	}
	if err := write(db); !errors.Is(err, sqlite.ErrFull) || !errors.Is(err, syscall.ENOSPC) {
		t.Errorf("a write: %v", err)
	}
	if n := count(t, db); n != 3 {
		t.Errorf("%d rows", n)
	}
	free()
	if err := write(db); err != nil {
		t.Errorf("with room again: %v", err)
	}
	db.Close()

	// Starting while the disk is full: not even the wal-index has room.
	if err := os.Remove(path + "-shm"); err != nil {
		t.Fatal(err)
	}
	free = fill(t, dir)
	for _, o := range []sqlite.Options{{}, {ReadOnly: true}} {
		db = open(t, path, o)
		if n := count(t, db); n != 4 {
			t.Errorf("%+v: %d rows", o, n)
		}
		db.Close()
	}
	if _, err := sqlite.Open(bg, filepath.Join(dir, "new"), schema, sqlite.Options{}); !errors.Is(err, sqlite.ErrFull) {
		t.Errorf("a new file: %v", err)
	}
	free()
	put(t, open(t, path, sqlite.Options{}), 60)
}

func TestAReadOnlyFileSystemServesReads(t *testing.T) {
	dir := smallDisk(t)
	path := filepath.Join(dir, "db")
	db := open(t, path, sqlite.Options{})
	put(t, db, 1)
	db.Close()
	if err := syscall.Mount("", dir, "", syscall.MS_REMOUNT|syscall.MS_RDONLY, ""); err != nil {
		t.Skip(err)
	}
	if n := count(t, open(t, path, sqlite.Options{ReadOnly: true})); n != 1 {
		t.Errorf("%d rows", n)
	}
	db = open(t, path, sqlite.Options{})
	if n := count(t, db); n != 1 {
		t.Errorf("%d rows", n)
	}
	insert := func(tx *sqlite.Tx) error { _, err := tx.Exec(insertItem, 2, "two", nil); return err }
	if err := db.Transact(bg, insert); !errors.Is(err, sqlite.ErrReadOnly) {
		t.Errorf("a write: %v", err)
	}
	db.Close()
	if _, err := sqlite.Open(bg, filepath.Join(dir, "new"), schema, sqlite.Options{}); !errors.Is(err, syscall.EROFS) || !errors.Is(err, sqlite.ErrIO) {
		t.Errorf("a new file: %v", err)
	}
	if err := syscall.Mount("", dir, "", syscall.MS_REMOUNT, "size=1m"); err != nil {
		t.Fatal(err)
	}
	put(t, open(t, path, sqlite.Options{}), 2)
}

// A file that was never shared has no index, and none can be made.
func TestAReadOnlyFileSystemNeedsNoIndex(t *testing.T) {
	dir := smallDisk(t)
	path := filepath.Join(dir, "db")
	db := open(t, path, sqlite.Options{Exclusive: true})
	put(t, db, 1)
	db.Close()
	if err := syscall.Mount("", dir, "", syscall.MS_REMOUNT|syscall.MS_RDONLY, ""); err != nil {
		t.Skip(err)
	}
	for _, o := range []sqlite.Options{{Exclusive: true}, {ReadOnly: true}, {}} {
		db := open(t, path, o)
		if n := count(t, db); n != 1 {
			t.Errorf("%+v: %d rows", o, n)
		}
		db.Close()
	}
}
