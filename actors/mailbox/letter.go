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

// envelope is the untyped part of a letter.
type envelope struct {
	ctx      context.Context
	msg      any
	key      string
	answered atomic.Bool
}

func (e *envelope) head() *envelope { return e }

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
	if !l.answered.CompareAndSwap(false, true) {
		return
	}
	if l.done != nil {
		l.done(r, err)
		return
	}
	l.slot <- outcome[R]{r, err}
}

func (l *letter[R]) refuse(err error) {
	var zero R
	l.answer(zero, err)
}
