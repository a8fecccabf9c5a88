package mailbox

import (
	"context"
	"sync/atomic"
)

// mail is a letter without the type of its answer.
type mail interface {
	head() *envelope
	// refuse answers with an error unless the letter is already answered.
	refuse(error)
}

// envelope is the untyped part of a letter. Its fields are written by whoever
// has the letter in hand (asker, then shard, then instance); only answered is
// shared.
type envelope struct {
	ctx      context.Context
	msg      any
	key      string        // of the actor behind a router
	gate     *gate         // admission to give back, or nil: not admitted yet
	perKey   *atomic.Int32 // the key's share of it, or nil
	holder   *instance     // keeps the answer for later, or nil
	answered atomic.Bool
}

func (e *envelope) head() *envelope { return e }

// claim makes the caller the one who answers, and gives the admission back
// first: an asker who has an answer finds the door open again.
func (e *envelope) claim() bool {
	if !e.answered.CompareAndSwap(false, true) {
		return false
	}
	if e.gate != nil {
		e.gate.leave()
	}
	if e.perKey != nil {
		e.perKey.Add(-1)
	}
	return true
}

// letter carries a request and the one slot for its answer: a channel of
// capacity one (Ask) or a function (Post). Nobody ever blocks on answering, and
// an asker who left costs nothing.
type letter[R any] struct {
	envelope
	slot chan outcome[R]
	done func(R, error)
}

type outcome[R any] struct {
	value R
	err   error
}

// answer gives the answer; only the first call counts.
func (l *letter[R]) answer(r R, err error) {
	if !l.claim() {
		return
	}
	if l.done != nil {
		l.done(r, err)
	} else {
		l.slot <- outcome[R]{r, err}
	}
	if l.holder != nil {
		l.holder.settled()
	}
}

func (l *letter[R]) refuse(err error) {
	var zero R
	l.answer(zero, err)
}

// IgnoreDeadLetterLogging keeps the library from logging letters (they hold the
// users' data) and from starting its throttle.
func (*letter[R]) IgnoreDeadLetterLogging() {}

// gate bounds the letters admitted and not yet answered.
type gate struct {
	open  atomic.Int64
	limit int64
}

func (g *gate) enter(e *envelope) bool {
	if g.open.Add(1) > g.limit {
		g.open.Add(-1)
		return false
	}
	e.gate = g
	return true
}

func (g *gate) leave() { g.open.Add(-1) }
