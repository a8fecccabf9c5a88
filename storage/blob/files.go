package blob

import (
	"io"
	"io/fs"
	"os"
	"slices"
)

// files is what Disk and Spool ask of the operating system, and nothing else:
// the seam at which tests fail each call, and see which ones were made.
type files interface {
	Mkdir(path string) error
	Create(path string) (file, error) // fails where there is one
	Open(path string) (file, error)
	Stat(path string) (fs.FileInfo, error)
	Link(from, to string) error // fails where there is one
	Rename(from, to string) error
	Remove(path string) error
	Names(dir string) ([]string, error) // sorted
	SyncDir(dir string) error
}

type file interface {
	io.ReadWriteSeeker
	io.ReaderAt
	io.Closer
	Name() string
	Stat() (fs.FileInfo, error)
	Sync() error
}

// system is the operating system. Bytes of accounts are nobody else's to read.
type system struct{}

func (system) Mkdir(path string) error               { return os.Mkdir(path, 0o700) }
func (system) Stat(path string) (fs.FileInfo, error) { return os.Lstat(path) }
func (system) Link(from, to string) error            { return os.Link(from, to) }
func (system) Rename(from, to string) error          { return os.Rename(from, to) }
func (system) Remove(path string) error              { return os.Remove(path) }

func (system) Create(path string) (file, error) {
	f, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return nil, err // and not a file that is a nil *os.File
	}
	return f, nil
}

func (system) Open(path string) (file, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	return f, nil
}

func (system) Names(dir string) ([]string, error) {
	d, err := os.Open(dir)
	if err != nil {
		return nil, err
	}
	defer d.Close()
	names, err := d.Readdirnames(-1)
	slices.Sort(names)
	return names, err
}

func (system) SyncDir(dir string) error {
	d, err := os.Open(dir)
	if err != nil {
		return err
	}
	err = d.Sync()
	if cerr := d.Close(); err == nil {
		err = cerr
	}
	return err
}
