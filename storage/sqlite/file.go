package sqlite

import (
	"errors"
	"io"
	"path/filepath"
	"syscall"

	"github.com/ncruces/go-sqlite3"
	"github.com/ncruces/go-sqlite3/util/vfsutil"
	"github.com/ncruces/go-sqlite3/vfs"
	"golang.org/x/sys/unix"
)

// fileState is what the files of one connection remember for its handle.
// Owned by the goroutine that uses the connection.
type fileState struct {
	alone     bool          // no other connection may use the file
	main, wal *file         // open files; nil when not open
	first     syscall.Errno // first errno since the handle began its operation
	broken    error         // first failed fsync; never cleared while the connection lives
}

func (s *fileState) syncFailed() bool { return s.broken != nil }

// rolledBack drops what a transaction that is gone had for the WAL.
func (s *fileState) rolledBack() {
	if s.wal != nil && s.wal.frames != nil {
		s.wal.frames.drop()
		s.wal.frames.end = -1
	}
}

// fail keeps the first errno and gives SQLite a code that tells a full disk
// from a broken one. The driver itself looks for a bare errno, which the
// standard library never returns. Any other error gets the code that SQLite
// has for the step.
func (s *fileState) fail(err error) error {
	var errno syscall.Errno
	if err == nil || !errors.As(err, &errno) {
		return err
	}
	if s.first == 0 {
		s.first = errno
	}
	if noSpace(errno) {
		return vfs.SystemError(err, sqlite3.FULL)
	}
	return err
}

// file forwards to the file below. It does not forward memory mapping, which
// would let page reads bypass it.
type file struct {
	vfs.File
	fs    fileSystem
	path  string
	state *fileState

	readonly bool    // the file system is, or whoever opened it asked for no more
	newborn  bool    // its directory entry may not be durable yet
	dirty    bool    // written since the last fsync
	frames   *frames // of a WAL: the end of it that is still held back; nil for other files
}

var (
	_ vfs.FileUnwrap             = &file{}
	_ vfs.FileLockState          = &file{}
	_ vfs.FilePersistWAL         = &file{}
	_ vfs.FilePowersafeOverwrite = &file{}
	_ vfs.FileChunkSize          = &file{}
	_ vfs.FileSizeHint           = &file{}
	_ vfs.FileHasMoved           = &file{}
	_ vfs.FileOverwrite          = &file{}
	_ vfs.FileSync               = &file{}
	_ vfs.FileCommitPhaseTwo     = &file{}
	_ vfs.FileBatchAtomicWrite   = &file{}
	_ vfs.FileCheckpoint         = &file{}
	_ vfs.FilePragma             = &file{}
	_ vfs.FileBusyHandler        = &file{}
	_ vfs.FileSharedMemory       = &file{}
)

func (f *file) ReadAt(p []byte, off int64) (int, error) {
	if err := f.settle(); err != nil {
		return 0, err
	}
	n, err := f.File.ReadAt(p, off)
	if err == nil || n == len(p) {
		return n, nil
	}
	return n, f.state.fail(err)
}

func (f *file) WriteAt(p []byte, off int64) (int, error) {
	f.dirty = true
	if f.frames == nil {
		n, err := f.File.WriteAt(p, off)
		return n, f.state.fail(err)
	}
	if err := f.frames.write(p, off, f.direct); err != nil {
		return 0, err
	}
	return len(p), nil
}

// direct writes all of p.
func (f *file) direct(p []byte, off int64) error {
	n, err := f.File.WriteAt(p, off)
	if err == nil && n < len(p) {
		err = io.ErrShortWrite
	}
	return f.state.fail(err)
}

// settle writes what is held back, for whoever is about to look at the file.
func (f *file) settle() error {
	if f.frames == nil || f.frames.held == nil {
		return nil
	}
	return f.frames.flush(f.direct)
}

func (f *file) Truncate(size int64) error {
	if err := f.settle(); err != nil {
		return err
	}
	f.dirty = true
	return f.state.fail(f.File.Truncate(size))
}

// Sync also makes the directory entry of a new WAL or journal durable: until
// then the synced content could not be found again.
func (f *file) Sync(flags vfs.SyncFlag) error {
	if f.state.broken != nil {
		return f.state.broken // a repeated fsync would lie
	}
	if err := f.settle(); err != nil {
		return err
	}
	if err := f.File.Sync(flags); err != nil {
		f.state.broken = f.state.fail(err)
		return f.state.broken
	}
	f.dirty = false
	return f.syncDir()
}

func (f *file) syncDir() error {
	if !f.newborn || f.path == "" {
		return nil
	}
	if err := f.fs.creator.SyncDir(filepath.Dir(f.path)); err != nil {
		err = f.state.fail(err)
		f.state.broken = err
		return err
	}
	f.newborn = false
	return nil
}

// Lock takes no lock against readers where nobody can write: the system
// refuses them on a file that is open for reading.
func (f *file) Lock(l vfs.LockLevel) error {
	if f.readonly && l > vfs.LOCK_SHARED {
		return nil
	}
	return f.File.Lock(l)
}

func (f *file) Size() (int64, error) {
	if err := f.settle(); err != nil {
		return 0, err
	}
	n, err := f.File.Size()
	return n, f.state.fail(err)
}

func (f *file) Close() error {
	switch f {
	case f.state.main:
		f.state.main = nil
	case f.state.wal:
		f.state.wal = nil
	}
	if f.frames != nil {
		f.frames.drop() // of a transaction that nobody ended
	}
	return f.File.Close()
}

// release closes the file for a connection that cannot be closed any more, and
// lets go of all locks. Those on the wal-index have to be named: its mapping,
// which dies only with the memory of the connection, keeps them alive after
// the descriptor is closed.
func (f *file) release() {
	if shm, ok := f.SharedMemory().(interface{ Fd() uintptr }); ok {
		_ = unix.FcntlFlock(shm.Fd(), unix.F_OFD_SETLK, &unix.Flock_t{Type: unix.F_UNLCK})
	}
	_ = f.Close()
}

func (f *file) SizeHint(size int64) error {
	if err := f.settle(); err != nil {
		return err
	}
	f.dirty = true
	return f.state.fail(vfsutil.WrapSizeHint(f.File, size))
}

// PersistWAL keeps the WAL when the last connection closes: opening the file
// again is then 0.7 ms, and no directory has to be synced.
func (f *file) PersistWAL() bool   { return true }
func (f *file) SetPersistWAL(bool) {}

func (f *file) Unwrap() vfs.File                   { return f.File }
func (f *file) SharedMemory() vfs.SharedMemory     { return vfsutil.WrapSharedMemory(f.File) }
func (f *file) LockState() vfs.LockLevel           { return vfsutil.WrapLockState(f.File) }
func (f *file) PowersafeOverwrite() bool           { return vfsutil.WrapPowersafeOverwrite(f.File) }
func (f *file) SetPowersafeOverwrite(b bool)       { vfsutil.WrapSetPowersafeOverwrite(f.File, b) }
func (f *file) ChunkSize(n int)                    { vfsutil.WrapChunkSize(f.File, n) }
func (f *file) HasMoved() (bool, error)            { return vfsutil.WrapHasMoved(f.File) }
func (f *file) Overwrite() error                   { return vfsutil.WrapOverwrite(f.File) }
func (f *file) SyncSuper(s string) error           { return vfsutil.WrapSyncSuper(f.File, s) }
func (f *file) CommitPhaseTwo() error              { return vfsutil.WrapCommitPhaseTwo(f.File) }
func (f *file) BeginAtomicWrite() error            { return vfsutil.WrapBeginAtomicWrite(f.File) }
func (f *file) CommitAtomicWrite() error           { return vfsutil.WrapCommitAtomicWrite(f.File) }
func (f *file) RollbackAtomicWrite() error         { return vfsutil.WrapRollbackAtomicWrite(f.File) }
func (f *file) CheckpointStart()                   { vfsutil.WrapCheckpointStart(f.File) }
func (f *file) CheckpointDone()                    { vfsutil.WrapCheckpointDone(f.File) }
func (f *file) Pragma(k, v string) (string, error) { return vfsutil.WrapPragma(f.File, k, v) }
func (f *file) BusyHandler(h func() bool)          { vfsutil.WrapBusyHandler(f.File, h) }
