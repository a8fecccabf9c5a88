package blob

import (
	"fmt"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
)

// seam is the operating system with a record of what was asked of it, in which
// one call fails.
type seam struct {
	system
	root string

	mu    sync.Mutex
	calls []string // "what path [path]", relative to root
	at    int      // the call that fails; -1: none
	done  bool     // and yet it was done
	err   error
	fired string // the call that failed
}

func newSeam(t *testing.T) *seam { return &seam{root: t.TempDir(), at: -1} }

// arm has the n-th call from now fail.
func (s *seam) arm(n int, done bool, err error) {
	s.at, s.done, s.err, s.fired = len(s.calls)+n, done, err, ""
}

// disarm lets every call pass; fired stays.
func (s *seam) disarm() { s.at = -1 }

// do records a call and runs it, or fails it.
func (s *seam) do(fn func() error, what string, paths ...string) error {
	s.mu.Lock()
	for _, p := range paths {
		rel, err := filepath.Rel(s.root, p)
		if err != nil {
			rel = p
		}
		what += " " + rel
	}
	fails := len(s.calls) == s.at
	s.calls = append(s.calls, what)
	if fails {
		s.fired = what
	}
	s.mu.Unlock()
	if !fails {
		return fn()
	}
	if s.done {
		fn()
	}
	return s.err
}

func (s *seam) Mkdir(p string) error {
	return s.do(func() error { return s.system.Mkdir(p) }, "mkdir", p)
}
func (s *seam) Link(a, b string) error {
	return s.do(func() error { return s.system.Link(a, b) }, "name", a, b)
}
func (s *seam) Rename(a, b string) error {
	return s.do(func() error { return s.system.Rename(a, b) }, "name", a, b)
}
func (s *seam) Remove(p string) error {
	return s.do(func() error { return s.system.Remove(p) }, "remove", p)
}
func (s *seam) SyncDir(p string) error {
	return s.do(nothing, "syncdir", p)
}
func (s *seam) Create(p string) (f file, err error) {
	err = s.do(func() error { f, err = s.system.Create(p); return err }, "create", p)
	return s.wrap(f, err)
}
func (s *seam) Open(p string) (f file, err error) {
	err = s.do(func() error { f, err = s.system.Open(p); return err }, "open", p)
	return s.wrap(f, err)
}

func (s *seam) wrap(f file, err error) (file, error) {
	if err != nil {
		if f != nil {
			f.Close()
		}
		return nil, err
	}
	return &seamFile{f, s}, nil
}

// nothing is what a sync does here: that it was asked for is what counts, and it
// takes most of the time.
func nothing() error { return nil }

type seamFile struct {
	file
	seam *seam
}

// A write that fails has written half.
func (f *seamFile) Write(p []byte) (n int, err error) {
	err = f.seam.do(func() error { n, err = f.file.Write(p); return err }, "write", f.Name())
	if err != nil && n == 0 {
		n, _ = f.file.Write(p[:len(p)/2])
	}
	return n, err
}

func (f *seamFile) Sync() error {
	return f.seam.do(nothing, "sync", f.Name())
}

func (f *seamFile) ReadAt(p []byte, off int64) (n int, err error) {
	err = f.seam.do(func() error { n, err = f.file.ReadAt(p, off); return err }, "read", f.Name())
	return n, err
}

func (f *seamFile) Close() error {
	return f.seam.do(f.file.Close, "close", f.Name())
}

// durable says what a power cut after the recorded calls could take of path: its
// bytes, if they were not synced before they got the name; the name, if its
// folder was not synced after; or one of the folders above.
func (s *seam) durable(path string) error {
	named, from := -1, ""
	for i, call := range s.calls {
		if words := strings.Fields(call); words[0] == "name" && words[2] == path {
			named, from = i, words[1]
		}
	}
	if named < 0 {
		return fmt.Errorf("%s never got its name", path)
	}
	source := from
	for i := named; i >= 0; i-- { // a file may have gone through several names
		if words := strings.Fields(s.calls[i]); words[0] == "name" && words[2] == source {
			source = words[1]
		}
	}
	synced := slices.Index(s.calls, "sync "+source)
	for i, call := range s.calls[:named] {
		if call == "write "+source && i > synced {
			synced = -1
		}
	}
	if synced < 0 || synced > named {
		return fmt.Errorf("the bytes of %s were not synced before they got the name", path)
	}
	if !slices.Contains(s.calls[named:], "syncdir "+filepath.Dir(path)) {
		return fmt.Errorf("the folder of %s was not synced after", path)
	}
	for dir := filepath.Dir(path); dir != "."; dir = filepath.Dir(dir) {
		if made := slices.Index(s.calls, "mkdir "+dir); made < 0 || !slices.Contains(s.calls[made:], "syncdir "+filepath.Dir(dir)) {
			return fmt.Errorf("the folder above that of %s was not synced", dir)
		}
	}
	return nil
}
