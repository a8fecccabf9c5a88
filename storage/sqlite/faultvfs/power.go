package faultvfs

import (
	"os"
	"path/filepath"
)

// content is what a power cut can do to one file.
type content struct {
	durable  []byte   // as of the last sync
	changes  []change // since then, in order
	known    bool     // durable was read
	newName  bool     // created, directory not synced
	lostName bool     // deleted, directory not synced
}

// change is one write, or a change of the size to off.
type change struct {
	off      int64
	data     []byte
	truncate bool
}

// Keep decides how much of an unsynced change survives a power cut: of a write
// of n bytes the first Keep(…) bytes; of another change all (not 0) or nothing.
type Keep func(path string, i, n int) int

// KeepNothing loses all that was not synced, KeepAll nothing.
func KeepNothing(string, int, int) int   { return 0 }
func KeepAll(_ string, _ int, n int) int { return n }

// PowerCut kills and leaves the disk as a power cut might. Names that were
// created or deleted without a sync of their directory survive as they are
// only if names is set.
func (f *FS) PowerCut(keep Keep, names bool) error {
	f.Kill()
	f.mu.Lock()
	defer f.mu.Unlock()
	disk := f.disk
	f.disk = map[string]*content{}
	for path, c := range disk {
		if !names && c.newName || names && c.lostName {
			if err := os.Remove(path); err != nil && !os.IsNotExist(err) {
				return err
			}
			continue
		}
		if !c.known {
			continue
		}
		if err := os.WriteFile(path, c.after(path, keep), 0o600); err != nil {
			return err
		}
	}
	return nil
}

// after is the content of which only some changes arrived.
func (c *content) after(path string, keep Keep) []byte {
	b := append([]byte(nil), c.durable...)
	for i, ch := range c.changes {
		n := len(ch.data)
		if ch.truncate {
			n = 1
		}
		switch n = keep(path, i, n); {
		case n == 0:
		case ch.truncate:
			b = resize(b, ch.off)
		default:
			b = resize(b, max(int64(len(b)), ch.off+int64(n)))
			copy(b[ch.off:], ch.data[:n])
		}
	}
	return b
}

func resize(b []byte, n int64) []byte {
	if n <= int64(len(b)) {
		return b[:n]
	}
	return append(b, make([]byte, n-int64(len(b)))...)
}

// of returns what is known of a file. Called with mu held.
func (f *FS) of(path string) *content {
	c := f.disk[path]
	if c == nil {
		c = &content{}
		f.disk[path] = c
	}
	return c
}

// record notes a change before it happens.
func (f *FS) record(path string, ch change) {
	f.mu.Lock()
	defer f.mu.Unlock()
	c := f.of(path)
	if !c.known {
		c.durable, _ = os.ReadFile(path)
		c.known = true
	}
	c.changes = append(c.changes, ch)
}

func (f *FS) sync(path string) {
	f.mu.Lock()
	defer f.mu.Unlock()
	c := f.of(path)
	c.known, c.durable, c.changes = false, nil, nil
}

func (f *FS) born(path string) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.disk[path] = &content{newName: true}
}

// forget notes the deletion of a file before it happens.
func (f *FS) forget(path string, synced bool) {
	f.mu.Lock()
	defer f.mu.Unlock()
	c := f.of(path)
	if synced || c.newName {
		delete(f.disk, path)
		return
	}
	if !c.known {
		c.durable, _ = os.ReadFile(path)
		c.known = true
	}
	c.lostName = true
}

func (f *FS) syncNames(dir string) {
	f.mu.Lock()
	defer f.mu.Unlock()
	for path, c := range f.disk {
		if filepath.Dir(path) != dir {
			continue
		}
		c.newName = false
		if c.lostName {
			delete(f.disk, path)
		}
	}
}
