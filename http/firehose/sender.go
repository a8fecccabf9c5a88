package firehose

import (
	"context"
	"errors"
	"runtime"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"troupe/sequencing"
)

// A crowd is served a few at a time. Bounded is so the number of writes a second,
// about ten thousand, and not that of events: when more is published, each write
// takes more. Below a crowd nobody waits.
const (
	crowd  = 64
	few    = 16
	pause  = time.Millisecond
	maxOut = 1 << 20 // bytes of the buffer that is kept for the next batch
)

// sender carries what is new to the connections that have caught up, one after
// the other. It never waits for a socket: one that does not take a whole batch
// at once goes back to a goroutine of its own. It runs while it has any.
type sender struct {
	poked   chan struct{} // somebody has come, or is to go; one is enough
	someEnd atomic.Bool   // the context of some connection has ended

	mu      sync.Mutex
	coming  []*connection // under mu
	running bool          // under mu

	// The rest is run's.
	members []*connection
	behind  bool              // some member has more to get
	batch   *sequencing.Batch // that is being sent
	attempt attempt           // its messages
	lent    bool              // a connection keeps a part of them
	written int               // since the last rest
}

// add takes a connection over. If its context has ended, it comes back at once.
func (s *sender) add(c *connection) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.coming = append(s.coming, c)
	if s.running {
		s.poke()
		return
	}
	s.running = true
	go s.run()
}

// dismiss makes it look for connections of which the context has ended.
func (s *sender) dismiss() {
	s.someEnd.Store(true)
	s.poke()
}

func (s *sender) poke() {
	select {
	case s.poked <- struct{}{}:
	default: // it is about to look anyway
	}
}

func (s *sender) run() {
	s.attempt.prepare()
	var more <-chan struct{} // closed when there is something for the members
	for {
		first := len(s.members) // who has come is served even if nothing else happens
		if !s.gather() {
			return
		}
		if s.someEnd.Swap(false) || s.behind {
			first = 0
		}
		select {
		case <-more:
			more, first = nil, 0
		default:
		}
		if m := s.round(first); more == nil {
			more = m
		}
		if s.behind || len(s.members) == 0 {
			continue
		}
		select {
		case <-more:
			more, s.behind = nil, true
		case <-s.poked:
		}
	}
}

// gather counts those in who have come, and reports whether anybody is there.
func (s *sender) gather() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.members = append(s.members, s.coming...)
	clear(s.coming)
	s.coming = s.coming[:0]
	s.running = len(s.members) > 0
	return s.running
}

// round serves the members from the first on. more was there before the first
// of them was asked.
func (s *sender) round(first int) (more <-chan struct{}) {
	s.behind = false
	for i := first; i < len(s.members); {
		m, stays := s.serve(s.members[i])
		if more == nil {
			more = m
		}
		if stays {
			i++
			continue
		}
		last := len(s.members) - 1
		s.members[i], s.members[last] = s.members[last], nil
		s.members = s.members[:last]
	}
	s.batch = nil
	return more
}

// serve brings one member up to date and reports whether it stays one.
func (s *sender) serve(c *connection) (more <-chan struct{}, stays bool) {
	defer c.recover()
	if c.ctx.Err() != nil {
		go c.finish(context.Cause(c.ctx))
		return nil, false
	}
	batch, more, err := c.sub.Poll(s.batch)
	switch {
	case errors.Is(err, sequencing.ErrHistory):
		go c.run()
		return nil, false
	case err != nil:
		go c.finish(err)
		return nil, false
	case batch == nil:
		return more, true
	}
	s.encode(batch)
	whole, err := c.wire.try(&s.attempt)
	switch {
	case err != nil:
		go c.finish(err)
	case !whole:
		s.lent = true
		go c.run()
	default:
		stays = true
		s.behind = s.behind || !c.sub.CaughtUp()
	}
	s.rest()
	return more, stays
}

// encode makes the messages of a batch, unless they are there. The members that
// are equally far, nearly all, share them.
func (s *sender) encode(batch *sequencing.Batch) {
	if batch == s.batch {
		return
	}
	out := s.attempt.b[:0]
	if s.lent || cap(out) > maxOut {
		out = nil
	}
	size := 0
	for _, frame := range batch.Frames {
		size += maxHeader + len(frame)
	}
	out = slices.Grow(out, size)
	for _, frame := range batch.Frames {
		out = append(appendHeader(out, len(frame)), frame...)
	}
	s.batch, s.attempt.b, s.lent = batch, out, false
}

// rest lets requests go first that came while others were written to, and with a
// crowd leaves the processors to them, and to the peers, for a while.
func (s *sender) rest() {
	if s.written++; s.written < few {
		return
	}
	s.written = 0
	if len(s.members) > crowd {
		time.Sleep(pause)
	} else {
		runtime.Gosched()
	}
}
