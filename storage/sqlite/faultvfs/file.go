package faultvfs

import (
	"sync/atomic"
	"syscall"

	"github.com/ncruces/go-sqlite3/util/vfsutil"
	"github.com/ncruces/go-sqlite3/vfs"
	"golang.org/x/sys/unix"
)

// file counts the steps on one open file.
type file struct {
	vfs.File
	fs   *FS
	path string
	gone atomic.Bool // closed by Kill
}

var (
	_ vfs.FileUnwrap             = &file{}
	_ vfs.FileLockState          = &file{}
	_ vfs.FilePersistWAL         = &file{}
	_ vfs.FilePowersafeOverwrite = &file{}
	_ vfs.FileSizeHint           = &file{}
	_ vfs.FileHasMoved           = &file{}
	_ vfs.FileSharedMemory       = &file{}
)

func (f *file) ReadAt(p []byte, off int64) (n int, err error) {
	serr := f.fs.step(Read, f.path, func() error {
		n, err = f.File.ReadAt(p, off)
		return nil
	}, nil)
	if serr != nil {
		return 0, serr
	}
	return n, err
}

func (f *file) WriteAt(p []byte, off int64) (n int, err error) {
	write := func(p []byte) error {
		f.fs.record(f.path, change{off: off, data: append([]byte(nil), p...)})
		n, err = f.File.WriteAt(p, off)
		return err
	}
	err = f.do(Write, func() error { return write(p) }, func() error { return write(p[:len(p)/2]) })
	return n, err
}

func (f *file) Truncate(size int64) error {
	return f.do(Truncate, func() error {
		f.fs.record(f.path, change{off: size, truncate: true})
		return f.File.Truncate(size)
	}, nil)
}

func (f *file) SizeHint(size int64) error {
	return f.do(Allocate, func() error {
		now, err := f.File.Size()
		if err == nil && now < size {
			f.fs.record(f.path, change{off: size, truncate: true})
		}
		return vfsutil.WrapSizeHint(f.File, size)
	}, nil)
}

// Sync forgets what a power cut could still have taken. The disk below is not
// asked: tests would only be slower.
func (f *file) Sync(vfs.SyncFlag) error {
	return f.do(Sync, func() error { f.fs.sync(f.path); return nil }, nil)
}

func (f *file) do(op Op, full, half func() error) error {
	if f.gone.Load() {
		return syscall.EIO
	}
	return f.fs.step(op, f.path, full, half)
}

func (f *file) Close() error {
	if f.gone.Load() {
		return nil
	}
	f.fs.mu.Lock()
	delete(f.fs.open, f)
	f.fs.mu.Unlock()
	return f.File.Close()
}

// release closes the file below and lets go of all locks. Those on the
// wal-index have to be named: its mapping, which dies only with the memory of
// the connection, keeps them alive after the descriptor is closed.
func (f *file) release() {
	if shm, ok := f.SharedMemory().(interface{ Fd() uintptr }); ok {
		_ = unix.FcntlFlock(shm.Fd(), unix.F_OFD_SETLK, &unix.Flock_t{Type: unix.F_UNLCK})
	}
	_ = f.File.Close()
}

func (f *file) Unwrap() vfs.File               { return f.File }
func (f *file) SharedMemory() vfs.SharedMemory { return vfsutil.WrapSharedMemory(f.File) }
func (f *file) LockState() vfs.LockLevel       { return vfsutil.WrapLockState(f.File) }
func (f *file) PersistWAL() bool               { return vfsutil.WrapPersistWAL(f.File) }
func (f *file) SetPersistWAL(b bool)           { vfsutil.WrapSetPersistWAL(f.File, b) }
func (f *file) PowersafeOverwrite() bool       { return vfsutil.WrapPowersafeOverwrite(f.File) }
func (f *file) SetPowersafeOverwrite(b bool)   { vfsutil.WrapSetPowersafeOverwrite(f.File, b) }
func (f *file) HasMoved() (bool, error)        { return vfsutil.WrapHasMoved(f.File) }
