package faultvfs

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"syscall"

	"github.com/ncruces/go-sqlite3/util/vfsutil"
	"github.com/ncruces/go-sqlite3/vfs"
)

// Op is a kind of step, or a set of them.
type Op uint16

const (
	Read Op = 1 << iota
	Write
	Truncate
	Sync
	Create
	Delete
	SyncDir
	Allocate // reserving space

	// Changes are the steps that change the disk.
	Changes = Write | Truncate | Sync | Create | Delete | SyncDir | Allocate
)

// Action is what a fault does.
type Action uint8

const (
	EIO    Action = iota // the medium fails
	ENOSPC               // no space left
	EDQUOT               // quota used up
	EROFS                // the file system became read-only
	Short                // half of a write arrives, then EIO; EIO for other steps
	Crash                // the process ends here: a panic with Crashed
)

// Fault says which step fails, and how.
type Fault struct {
	At     int    // the n-th step of Ops, counted from 1 when the fault is set
	Ops    Op     // 0 = Changes
	Suffix string // only files whose path ends so, such as "-wal"
	Action Action
	Done   bool // the step takes effect, and is then reported failed
	Sticky bool // all later steps of Ops fail too
}

// Crashed is the value of the panic at a Crash, and why later steps fail.
var Crashed = errors.New("faultvfs: the process has ended")

// FS is one file system with at most one fault.
type FS struct {
	base vfs.VFS

	mu    sync.Mutex // guards what follows
	fault Fault
	count int
	fired Op // the step that met the fault
	dead  bool
	open  map[*file]struct{}
	disk  map[string]*content
}

// New registers a file system under name, replacing an earlier one.
func New(name string) *FS {
	f := &FS{base: vfs.Find(""), open: map[*file]struct{}{}, disk: map[string]*content{}}
	vfs.Register(name, f)
	return f
}

// Set arms a fault and starts the count anew.
func (f *FS) Set(fault Fault) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if fault.Ops == 0 {
		fault.Ops = Changes
	}
	f.fault, f.count, f.fired, f.dead = fault, 0, 0, false
}

// Count starts or restarts counting steps without failing any; 0 = Changes.
func (f *FS) Count(ops Op) { f.Set(Fault{Ops: ops}) }

// Counted returns the steps since Set or Count.
func (f *FS) Counted() int {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.count
}

// Fired returns the kind of the first step that met the fault, or 0.
func (f *FS) Fired() Op {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.fired
}

// Clear removes the fault.
func (f *FS) Clear() { f.Set(Fault{}) }

// step counts one and runs it, unless a fault says otherwise. half runs half
// of it.
func (f *FS) step(op Op, path string, full, half func() error) error {
	f.mu.Lock()
	if f.dead {
		f.mu.Unlock()
		return &fs.PathError{Op: "after crash", Path: path, Err: syscall.EIO}
	}
	fault := f.fault
	hit := false
	if fault.Ops&op != 0 && strings.HasSuffix(path, fault.Suffix) {
		f.count++
		hit = fault.At > 0 && (f.count == fault.At || fault.Sticky && f.count > fault.At)
	}
	if hit {
		if f.fired == 0 {
			f.fired = op
		}
		f.dead = fault.Action == Crash
	}
	f.mu.Unlock()
	if !hit {
		return full()
	}
	if fault.Done {
		if err := full(); err != nil {
			return err
		}
	} else if fault.Action == Short && half != nil {
		_ = half()
	}
	if fault.Action == Crash {
		panic(Crashed)
	}
	return &fs.PathError{Op: "injected", Path: path, Err: fault.Action.errno()}
}

func (a Action) errno() syscall.Errno {
	switch a {
	case ENOSPC:
		return syscall.ENOSPC
	case EDQUOT:
		return syscall.EDQUOT
	case EROFS:
		return syscall.EROFS
	}
	return syscall.EIO
}

// Opened returns how many files are open whose path ends so.
func (f *FS) Opened(suffix string) (n int) {
	f.mu.Lock()
	defer f.mu.Unlock()
	for file := range f.open {
		if strings.HasSuffix(file.path, suffix) {
			n++
		}
	}
	return n
}

// Open is used for temporary files only, which are not observed.
func (f *FS) Open(name string, flags vfs.OpenFlag) (vfs.File, vfs.OpenFlag, error) {
	return vfsutil.WrapOpen(f.base, name, flags)
}

func (f *FS) OpenFilename(name *vfs.Filename, flags vfs.OpenFlag) (vfs.File, vfs.OpenFlag, error) {
	inner, out, err := vfsutil.WrapOpenFilename(f.base, name, flags)
	if err != nil || name.String() == "" {
		return inner, out, err
	}
	opened := &file{File: inner, fs: f, path: name.String()}
	f.mu.Lock()
	f.open[opened] = struct{}{}
	f.mu.Unlock()
	return opened, out, nil
}

func (f *FS) Delete(name string, syncDir bool) error {
	return f.step(Delete, name, func() error {
		f.forget(name, syncDir)
		return f.base.Delete(name, syncDir)
	}, nil)
}

func (f *FS) Access(name string, flags vfs.AccessFlag) (bool, error) {
	return f.base.Access(name, flags)
}

func (f *FS) FullPathname(name string) (string, error) { return f.base.FullPathname(name) }

// CreateFile is the step of package sqlite that makes a new file.
func (f *FS) CreateFile(path string) (created bool, err error) {
	if _, err := os.Lstat(path); err == nil {
		return false, nil // not a change
	}
	err = f.step(Create, path, func() error {
		h, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE|os.O_EXCL, 0o600)
		if err != nil {
			return err
		}
		f.born(path)
		created = true
		return h.Close()
	}, nil)
	return created, err
}

// SyncDir is the step of package sqlite that makes names durable.
func (f *FS) SyncDir(dir string) error {
	return f.step(SyncDir, dir, func() error {
		f.syncNames(filepath.Clean(dir))
		return nil
	}, nil)
}

// Kill closes every open file without a word to those who use them, as the end
// of a process does; locks are released. The disk stays as the operating
// system has it. Every step fails until Set, Count or Clear, so that the old
// connections can be closed, for their memory, without touching the disk.
func (f *FS) Kill() {
	f.mu.Lock()
	f.dead = true
	files := f.open
	f.open = map[*file]struct{}{}
	f.mu.Unlock()
	for file := range files {
		file.gone.Store(true)
		file.release()
	}
}
