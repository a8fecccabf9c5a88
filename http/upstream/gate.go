package upstream

import (
	"context"
	"sync/atomic"
	"time"

	"troupe/actors/outbound"
)

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

// gate bounds how many requests to one origin are under way. Unlike at the doors
// of this server one may wait here, for a moment and in a short line: more
// clients than connections is how a busy proxy works, and no sign of trouble.
type gate struct {
	places  chan struct{}
	waiting quota
}

func newGate(places int) *gate {
	return &gate{places: make(chan struct{}, places), waiting: quota{max: inLine}}
}

// enter takes a place. ErrBusy, or the context's error.
func (g *gate) enter(ctx context.Context) error {
	select {
	case g.places <- struct{}{}:
		return nil
	default:
	}
	if !g.waiting.take(1) {
		return outbound.ErrBusy
	}
	defer g.waiting.give(1)
	patience := time.NewTimer(lineTime)
	defer patience.Stop()
	select {
	case g.places <- struct{}{}:
		return nil
	case <-patience.C:
		return outbound.ErrBusy
	case <-ctx.Done():
		return ctx.Err()
	}
}

func (g *gate) leave() { <-g.places }
