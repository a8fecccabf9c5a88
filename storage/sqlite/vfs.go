package sqlite

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"

	"github.com/ncruces/go-sqlite3"
	"github.com/ncruces/go-sqlite3/util/vfsutil"
	"github.com/ncruces/go-sqlite3/vfs"
)

// Creator is implemented by a file system below ours that wants to see the two
// steps which the driver's interface has no name for. Without it they go to
// the operating system.
type Creator interface {
	// CreateFile creates path with mode 0600; false if it exists.
	CreateFile(path string) (created bool, err error)
	// SyncDir makes the entries of a directory durable.
	SyncDir(dir string) error
}

// fileSystem stands between SQLite and the operating system. The driver's own
// one loses the reason of a failed write, creates files for everybody to read
// and never syncs the directory of a file that it made.
type fileSystem struct {
	base    vfs.VFS
	creator Creator
}

const vfsDefault = "troupe"

var registerDefault = sync.OnceFunc(func() { registerOver(vfsDefault, vfs.Find("")) })

// vfsName returns the name under which ours is registered over base.
func vfsName(base string) (string, error) {
	if base == "" {
		registerDefault()
		return vfsDefault, nil
	}
	below := vfs.Find(base)
	if below == nil {
		return "", errors.New("no such VFS: " + base)
	}
	name := vfsDefault + "-" + base
	registerOver(name, below) // every time: a test may have put another one under the name
	return name, nil
}

func registerOver(name string, below vfs.VFS) {
	ours := fileSystem{base: below, creator: osCreator{}}
	if c, ok := below.(Creator); ok {
		ours.creator = c
	}
	vfs.Register(name, ours)
}

func (s fileSystem) Open(name string, flags vfs.OpenFlag) (vfs.File, vfs.OpenFlag, error) {
	if name != "" {
		return nil, flags, sqlite3.CANTOPEN // named files come through OpenFilename
	}
	return s.OpenFilename(nil, flags)
}

func (s fileSystem) OpenFilename(name *vfs.Filename, flags vfs.OpenFlag) (vfs.File, vfs.OpenFlag, error) {
	state := stateFor(name, flags)
	path := name.String()
	created := false
	if path != "" && flags&vfs.OPEN_WAL != 0 && !state.alone {
		// The driver would create the wal-index with mode 0666. Where this
		// fails the driver will say so.
		_, _ = s.creator.CreateFile(strings.TrimSuffix(path, "-wal") + "-shm")
	}
	inner, out, err := vfsutil.WrapOpenFilename(s.base, name, flags&^vfs.OPEN_CREATE) // most files are there
	if path != "" && flags&vfs.OPEN_CREATE != 0 && errors.Is(err, fs.ErrNotExist) {
		if created, err = s.creator.CreateFile(path); err != nil {
			return nil, flags, state.fail(err)
		}
		inner, out, err = vfsutil.WrapOpenFilename(s.base, name, flags&^vfs.OPEN_CREATE)
	}
	if flags&vfs.OPEN_READWRITE != 0 && flags&(vfs.OPEN_MAIN_DB|vfs.OPEN_WAL) != 0 && errors.Is(err, syscall.EROFS) {
		// What is there can still be read; SQLite refuses writes from here on.
		readonly := flags&^(vfs.OPEN_READWRITE|vfs.OPEN_CREATE) | vfs.OPEN_READONLY
		if f, o, rerr := vfsutil.WrapOpenFilename(s.base, name, readonly); rerr == nil {
			inner, out, err = f, o, nil
			flags = readonly
		}
	}
	if err != nil {
		return nil, flags, state.fail(err)
	}
	f := &file{File: inner, fs: s, path: path, state: state, readonly: flags&vfs.OPEN_READONLY != 0}
	switch {
	case flags&vfs.OPEN_MAIN_DB != 0:
		state.main = f
	case flags&vfs.OPEN_WAL != 0:
		state.wal = f
		f.frames = &frames{end: -1}
	}
	// An empty file may be one whose creator died before its directory was
	// synced, so it is treated as new.
	if size, err := inner.Size(); path != "" && (created || err == nil && size == 0) {
		f.newborn = true
	}
	if f.newborn && flags&vfs.OPEN_MAIN_DB != 0 && flags&vfs.OPEN_CREATE != 0 {
		if err := f.syncDir(); err != nil {
			inner.Close()
			return nil, flags, err
		}
	}
	return f, out, nil
}

// stateParameter carries the state of a connection that is being opened
// through SQLite to the file system.
const stateParameter = "troupe_state"

var lent struct {
	sync.Map // id → *fileState
	last     atomic.Uint64
}

// lend makes a state known under an id until forget.
func lend(s *fileState) (id string, forget func()) {
	id = strconv.FormatUint(lent.last.Add(1), 36)
	lent.Store(id, s)
	return id, func() { lent.Delete(id) }
}

// stateFor finds the connection that a file is opened for. A WAL or a journal
// belongs to its database; temporary files to nobody.
func stateFor(name *vfs.Filename, flags vfs.OpenFlag) *fileState {
	switch {
	case flags&vfs.OPEN_MAIN_DB != 0:
		if s, ok := lent.Load(name.URIParameter(stateParameter)); ok {
			return s.(*fileState)
		}
	case flags&(vfs.OPEN_WAL|vfs.OPEN_MAIN_JOURNAL) != 0:
		if f, ok := vfsutil.UnwrapFile[*file](name.DatabaseFile()); ok {
			return f.state
		}
	}
	return &fileState{}
}

// Delete is called for rollback journals, which exist only until a new file
// has become a WAL database.
func (s fileSystem) Delete(name string, syncDir bool) error {
	return new(fileState).fail(s.base.Delete(name, syncDir))
}

func (s fileSystem) Access(name string, flags vfs.AccessFlag) (bool, error) {
	return s.base.Access(name, flags)
}

// FullPathname follows a file that is a symbolic link, so that its WAL lies
// beside what it points at. Folders may be links: every way to the file then
// leads to the same WAL.
func (s fileSystem) FullPathname(name string) (string, error) {
	if info, err := os.Lstat(name); err == nil && info.Mode().IsRegular() && filepath.IsAbs(name) {
		return name, nil
	}
	return s.base.FullPathname(name)
}

// osCreator is the operating system.
type osCreator struct{}

func (osCreator) CreateFile(path string) (bool, error) {
	f, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE|os.O_EXCL|syscall.O_NOFOLLOW, 0o600)
	switch {
	case err == nil:
		return true, f.Close()
	case errors.Is(err, fs.ErrExist):
		return false, nil
	}
	return false, err
}

func (osCreator) SyncDir(dir string) error { return FsyncDir(dir) }

// FsyncDir makes the creation, renaming and removal of entries of a directory
// durable. A new file is not safe from a power cut before this, however often
// the file itself was synced.
func FsyncDir(path string) error {
	d, err := os.Open(path)
	if err != nil {
		return err
	}
	err = d.Sync()
	if cerr := d.Close(); err == nil {
		err = cerr
	}
	return err
}
