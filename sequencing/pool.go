package sequencing

import (
	"context"
	"errors"

	"troupe/storage/logdb"
	"troupe/storage/sqlite"
)

// views is a small pool of read-only connections: readers wait for each other
// at most, never for the committer.
type views struct {
	path, vfs string
	slots     chan *logdb.View // nil: not opened yet
	closed    chan struct{}
}

func newViews(path, vfs string, n int) *views {
	v := &views{path: path, vfs: vfs, slots: make(chan *logdb.View, n), closed: make(chan struct{})}
	for range n {
		v.slots <- nil
	}
	return v
}

// read runs fn in one read transaction. fn must be short: it holds one of few
// connections.
func (v *views) read(ctx context.Context, fn func(*logdb.Reader) error) error {
	var view *logdb.View
	select {
	case view = <-v.slots:
	case <-v.closed:
		return ErrClosed
	case <-ctx.Done():
		return context.Cause(ctx)
	}
	defer func() { v.slots <- view }()
	if view == nil {
		opened, err := logdb.OpenView(ctx, v.path, v.vfs)
		if err != nil {
			return err
		}
		view = opened
	}
	err := view.Read(ctx, fn)
	if errors.Is(err, sqlite.ErrIO) || errors.Is(err, sqlite.ErrMemory) || errors.Is(err, sqlite.ErrCorrupt) {
		// The next one starts with a fresh connection.
		_ = view.Close()
		view = nil
	}
	return err
}

// pause keeps readers out while fn runs, once the running ones have finished.
func (v *views) pause(fn func()) {
	held := make([]*logdb.View, 0, cap(v.slots))
	for range cap(v.slots) {
		held = append(held, <-v.slots)
	}
	fn()
	for _, view := range held {
		v.slots <- view
	}
}

// close waits for running reads and refuses later ones.
func (v *views) close() {
	close(v.closed)
	for range cap(v.slots) {
		if view := <-v.slots; view != nil {
			_ = view.Close()
		}
	}
}
