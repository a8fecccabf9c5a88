package repo

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"troupe/sequencing"
	"troupe/storage/mst"
	"troupe/storage/repodb"
)

// A chain is cut where it would hold up the others' group commit.
const (
	maxChain      = 64
	maxChainBytes = 4 << 20
)

// job is a command that waits to be decided.
type job struct {
	ctx    context.Context
	decide func(View, State) (Decision, func(error), error)
	refuse func(error)
	alone  func() // instead of decide: to be run while no chain is on its way or being made
	passes bool   // signs nothing, and does not wait for a rotation of the key
}

// flight is a chain on its way to the disk. Its answers are given when it
// lands, whatever has become of the actor by then.
type flight struct {
	changes   []*repodb.Change // by entry
	next      State
	swap      *replacement // not nil: behind this chain the file changes to an import
	committed sequencing.Committed
	err       error
	landed    chan struct{} // closed once committed and err are set and everybody is answered
}

// enqueue puts a command into the queue and starts a chain if none is on its way.
func (r *Repo) enqueue(j job) {
	if r.held == holdRefuse && !j.passes {
		j.refuse(ErrRotating)
		return
	}
	r.queue = append(r.queue, j)
	if r.flight == nil {
		r.pump()
	}
}

// pump decides what is queued, one command on top of the other, and appends
// the result as one chain.
func (r *Repo) pump() {
	var (
		chain   = sequencing.Append{DID: r.did, Expect: r.state.expect()}
		flight  = &flight{next: r.state, landed: make(chan struct{})}
		view    = turnView{r, newOverlay()}
		answers []func(error)
		size    int
	)
	// Nothing is decided on top of an import: its tree is not the file's yet.
	for len(chain.Entries) < maxChain && size < maxChainBytes && flight.swap == nil {
		at := r.due()
		if at < 0 || r.queue[at].alone != nil && len(chain.Entries) > 0 {
			break
		}
		j := r.take(at)
		if j.ctx.Err() != nil {
			j.refuse(fmt.Errorf("%w: %w", ErrUnavailable, context.Cause(j.ctx)))
			continue
		}
		if j.alone != nil {
			j.alone()
			continue
		}
		d, answer, err := j.decide(view, flight.next)
		if err != nil {
			j.refuse(r.unexpected(err))
			continue
		}
		if len(d.Entries) == 0 && len(chain.Entries) == 0 {
			answer(nil) // rests on nothing that could still fail
			continue
		}
		answers = append(answers, answer)
		chain.Entries = append(chain.Entries, d.Entries...)
		flight.changes = append(flight.changes, d.Changes...)
		flight.next, flight.swap = d.Next, d.Swap
		for i, e := range d.Entries {
			size += len(e.Frame.Prefix) + len(e.Frame.Suffix)
			if c := d.Changes[i]; c != nil {
				view.chain.add(*c)
			}
		}
	}
	if len(chain.Entries) == 0 {
		return
	}
	r.Append(chain, func(c sequencing.Committed, err error) {
		flight.committed, flight.err = c, err
		// First the turn that moves the state, then the answers: a read that an
		// answer provokes finds the write, and a crash of the actor in between
		// leaves the answer what it is.
		r.self.Run(func() { r.land(flight); r.pumpIfIdle() })
		for _, answer := range answers {
			answer(appendError(err))
		}
		close(flight.landed)
	})
	// Behind the hand-over, and before the turn that lands it: what was never
	// handed over would never land, and Stop would wait for it.
	r.flight = flight
}

// due is the place in the queue of what is to be decided next, or -1: nothing may be.
func (r *Repo) due() int {
	if r.held != holdNone {
		return slices.IndexFunc(r.queue, func(j job) bool { return j.passes })
	}
	return min(len(r.queue), 1) - 1
}

func (r *Repo) take(at int) job {
	j := r.queue[at]
	if at > 0 {
		r.queue = slices.Delete(r.queue, at, at+1)
		return j
	}
	r.queue[0] = job{}
	r.queue = r.queue[1:]
	return j
}

func (r *Repo) pumpIfIdle() {
	if r.flight == nil && len(r.queue) > 0 {
		r.pump()
	}
}

// land takes a chain that the log answered into the state.
func (r *Repo) land(f *flight) {
	if r.flight != f {
		return
	}
	r.flight = nil
	if f.swap != nil && f.err != nil {
		r.clearLeftovers() // what was staged for it has no owner any more
	}
	switch {
	case f.err == nil:
		r.advance(f)
	case errors.Is(f.err, sequencing.ErrFull), errors.Is(f.err, sequencing.ErrQueueFull), errors.Is(f.err, sequencing.ErrInvalid):
		// Nothing was kept: the state still stands.
	default:
		// Another head than ours, or none that is known: read everything again.
		panic(fmt.Errorf("repo: %s: append: %w", r.did, f.err))
	}
}

// advance makes a durable chain the state, and its changes pending.
func (r *Repo) advance(f *flight) {
	if r.db == nil {
		if err := r.openFile(context.Background()); err != nil {
			panic(fmt.Errorf("repo: %s: first open: %w", r.did, err))
		}
	}
	before, born := r.pending.bytes, !r.state.Exists
	r.state = f.next
	if born {
		// The first tree was made of nothing; from here on it reads this file.
		r.state.Tree = mst.Load(r.state.Data, nodes{r})
	}
	if f.swap != nil {
		r.swap(f)
		return
	}
	for i, seq := range f.committed.Seqs {
		if c := f.changes[i]; c != nil {
			c.Seq = int64(seq)
			r.pending.add(*c)
		}
		r.pending.seq = int64(seq)
	}
	if crowded := r.Pending.add(r.pending.bytes - before); !crowded && !r.pending.full() {
		return
	}
	if err := r.flush(context.Background()); err != nil && !errors.Is(err, ErrUnavailable) {
		panic(err)
	}
}

// appendError is what an asker learns of a failed append.
func appendError(err error) error {
	if err == nil {
		return nil
	}
	return fmt.Errorf("%w: %w", ErrUnavailable, err)
}
