package xrpc

import (
	"context"
	"sync"
	"sync/atomic"
)

// bound counters: nothing here waits. What does not fit is refused at once, so that a queue cannot form.

// quota is a number of things that may be in use at a time.
type quota struct {
	max  int64
	used atomic.Int64
}

func (q *quota) take(n int64) bool {
	if q.used.Add(n) > q.max {
		q.used.Add(-n)
		return false
	}
	return true
}

func (q *quota) give(n int64) { q.used.Add(-n) }

// door counts the requests inside, and closes.
type door struct {
	mu     sync.Mutex
	inside int
	closed chan struct{} // closed when draining begins
	empty  chan struct{} // closed when draining and nobody is inside
}

func newDoor() *door { return &door{closed: make(chan struct{}), empty: make(chan struct{})} }

func (d *door) draining() bool {
	select {
	case <-d.closed:
		return true
	default:
		return false
	}
}

func (d *door) enter() bool {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.draining() {
		return false
	}
	d.inside++
	return true
}

func (d *door) leave() {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.inside--; d.inside == 0 && d.draining() {
		close(d.empty)
	}
}

// drain closes the door and waits until it is empty behind. May be called again.
func (d *door) drain(ctx context.Context) error {
	d.mu.Lock()
	if !d.draining() {
		close(d.closed)
		if d.inside == 0 {
			close(d.empty)
		}
	}
	d.mu.Unlock()
	select {
	case <-d.empty:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}
