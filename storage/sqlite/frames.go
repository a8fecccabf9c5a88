package sqlite

import (
	"encoding/binary"
	"sync"
)

// frames gathers what one transaction appends to the WAL, so that it reaches the
// operating system in one write. SQLite itself writes twice per page: a header
// of 24 bytes, and the page.
//
// Held back is only what continues the write before it, and only until the page
// of the transaction's last frame. Its header names the new size of the
// database, where all others have zero. So the one write happens inside
// SQLite's own last write, before it syncs the file and before it shows the
// transaction to other connections, and an error arrives where SQLite expects
// one: nothing about commit, fsync or rollback changes.
//
// Any other access to the file, a write somewhere else included, writes first
// what is held. A failed write is held on: either a later attempt succeeds or
// the transaction fails, as it does at once with its last write. What belongs to
// a transaction that was rolled back is dropped, for another process may write
// there next.
type frames struct {
	end    int64   // where the last write ended; -1: unknown
	header bool    // that write was the header of a frame
	last   bool    // … of a transaction's last one
	held   *[]byte // what the operating system has not been given; it ends at end. nil: nothing
}

const (
	frameHeader = 24
	maxHeld     = 256 << 10 // a larger transaction is written in pieces
	startHeld   = 32 << 10
)

var heldPool = sync.Pool{New: func() any { b := make([]byte, 0, startHeld); return &b }}

// write takes p for off, or gives it to direct.
func (w *frames) write(p []byte, off int64, direct func([]byte, int64) error) error {
	header := len(p) == frameHeader
	follows := off == w.end && header != w.header // a frame is a header and a page
	last := w.last
	w.last = header && binary.BigEndian.Uint32(p[4:]) != 0
	w.header = header
	if !follows || w.size()+len(p) > maxHeld {
		if err := w.flush(direct); err != nil {
			return err
		}
	}
	if !follows {
		w.end = -1
		if err := direct(p, off); err != nil {
			return err
		}
		w.end = off + int64(len(p))
		return nil
	}
	if w.held == nil {
		w.held = heldPool.Get().(*[]byte)
	}
	*w.held = append(*w.held, p...)
	w.end += int64(len(p))
	if !last {
		return nil
	}
	err := w.flush(direct)
	if err != nil {
		// SQLite rolls back, and reads the file while it does: that must not
		// write the frame that says "committed" after all.
		w.drop()
		w.end = -1
	}
	return err
}

func (w *frames) size() int {
	if w.held == nil {
		return 0
	}
	return len(*w.held)
}

// flush gives what is held to direct, and keeps it if that fails.
func (w *frames) flush(direct func([]byte, int64) error) error {
	if w.held == nil {
		return nil
	}
	if err := direct(*w.held, w.end-int64(len(*w.held))); err != nil {
		return err
	}
	w.drop()
	return nil
}

// drop forgets what is held.
func (w *frames) drop() {
	b := w.held
	if b == nil {
		return
	}
	w.held = nil
	*b = (*b)[:0]
	heldPool.Put(b)
}
