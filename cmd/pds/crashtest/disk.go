package crashtest

import (
	"errors"
	"os"
	"path/filepath"
)

// errPlain: a folder of the machine's own file system has no power to cut.
var errPlain = errors.New("crashtest: the data is not on an image")

// disk is where the data lies.
type disk interface {
	data() string   // the data directory
	cut() error     // from now on nothing reaches the disk; no process may survive it
	restore() error // after a cut, when no process is left: as after a reboot
	ballast() ballast
	close() error // leaves nothing mounted
}

// folder is a disk that is not cut.
type folder struct{ dir string }

func newFolder(dir string) (folder, error) {
	f := folder{filepath.Join(dir, "data")}
	return f, os.Mkdir(f.dir, 0o700)
}

func (f folder) data() string     { return f.dir }
func (f folder) cut() error       { return errPlain }
func (f folder) restore() error   { return errPlain }
func (f folder) ballast() ballast { return ballast{} }
func (f folder) close() error     { return nil }

// ballast is a file that takes all the space that is left.
type ballast struct{ path string }

// fill takes the rest. It may be called again as space comes back.
func (b ballast) fill() error {
	f, err := os.OpenFile(b.path, os.O_CREATE|os.O_WRONLY|os.O_APPEND, 0o600)
	if err != nil {
		if isFull(err) {
			return nil
		}
		return err
	}
	defer f.Close()
	for size := 1 << 20; size >= 512; {
		if _, err := f.Write(make([]byte, size)); err == nil {
			continue
		} else if !isFull(err) {
			return err
		}
		size /= 2
	}
	// What was delayed is placed now, so that it is not a promise.
	if err := f.Sync(); err != nil && !isFull(err) {
		return err
	}
	return nil
}

// leave gives a little space back: not every disk is full to the last byte.
func (b ballast) leave(bytes int64) error {
	info, err := os.Stat(b.path)
	if err != nil {
		return err
	}
	return os.Truncate(b.path, max(0, info.Size()-bytes))
}

func (b ballast) remove() error { return os.Remove(b.path) }
