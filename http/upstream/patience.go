package upstream

import (
	"context"
	"errors"
	"io"
	"sync"
	"time"
)

var (
	errSlowHeader = errors.New("upstream: no header in time")
	errSlowBody   = errors.New("upstream: the body came too slowly")
)

// bodyPace is the bytes per second that an answer has to come at once its grace
// is used up.
const bodyPace = 1 << 10

// headerClock ends a request whose answer does not begin in time. It stands
// still while the request's body is waited for, which is the client's time.
type headerClock struct {
	limit time.Duration
	mu    sync.Mutex
	timer *time.Timer
	over  bool
}

func newHeaderClock(limit time.Duration, end context.CancelCauseFunc) *headerClock {
	return &headerClock{limit: limit, timer: time.AfterFunc(limit, func() { end(errSlowHeader) })}
}

// set lets the clock run from the beginning, or stops it; false if the header is
// there already.
func (h *headerClock) set(run bool) bool {
	h.mu.Lock()
	defer h.mu.Unlock()
	switch {
	case h.over:
	case run:
		h.timer.Reset(h.limit)
	default:
		h.timer.Stop()
	}
	return !h.over
}

// end stops it for good: the header is there.
func (h *headerClock) end() {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.over = true
	h.timer.Stop()
}

// sentBody is the body of a request on its way up. If it cannot be read the
// request ends with that as its cause: it is the client's fault.
type sentBody struct {
	io.ReadCloser
	clock *headerClock
	end   context.CancelCauseFunc
}

func (b *sentBody) Read(p []byte) (int, error) {
	b.clock.set(false)
	n, err := b.ReadCloser.Read(p)
	if stillWaited := b.clock.set(true); err != nil && err != io.EOF && stillWaited {
		b.end(err)
	}
	return n, err
}

// patientBody is the body of an answer: no pause longer than idle, and no slower
// than bodyPace. It counts the time that it waits for the upstream, so that a
// client who reads slowly is not taken for an upstream that sends slowly.
type patientBody struct {
	io.ReadCloser
	idle   time.Duration
	timer  *time.Timer // ends the request; stopped while nobody reads
	ctx    context.Context
	end    context.CancelCauseFunc
	waited time.Duration
	read   int64
	done   func() // gives back what the request holds; may be called again
}

func newPatientBody(ctx context.Context, body io.ReadCloser, idle time.Duration, end context.CancelCauseFunc, done func()) *patientBody {
	timer := time.AfterFunc(time.Hour, func() { end(errSlowBody) })
	timer.Stop()
	return &patientBody{ReadCloser: body, idle: idle, timer: timer, ctx: ctx, end: end, done: sync.OnceFunc(done)}
}

func (b *patientBody) Read(p []byte) (int, error) {
	grace := b.idle + time.Duration(b.read/bodyPace)*time.Second - b.waited
	began := time.Now()
	b.timer.Reset(min(b.idle, max(grace, 0)))
	n, err := b.ReadCloser.Read(p)
	b.timer.Stop()
	b.waited += time.Since(began)
	b.read += int64(n)
	if err != nil {
		if cause := context.Cause(b.ctx); cause != nil && err != io.EOF {
			err = cause
		}
		b.finish()
	}
	return n, err
}

// Close gives the connection back, or up if the body was not read to its end.
func (b *patientBody) Close() error {
	err := b.ReadCloser.Close()
	b.finish()
	return err
}

func (b *patientBody) finish() {
	b.timer.Stop()
	b.end(nil)
	b.done()
}
