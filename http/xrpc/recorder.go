package xrpc

import (
	"errors"
	"net/http"
	"sync/atomic"
	"time"
)

// stall is how long one write may wait for a reader that takes nothing.
const stall = 30 * time.Second

// chunk is the largest piece given to the connection under one deadline: a reader has to take at least chunk/stall
// (about 1 KB/s).
const chunk = 32 << 10

// slack is how much shorter than stall the patience of a write may be: the pieces of one answer follow each other
// within it as a rule, and share one setting of the deadline.
const slack = time.Second

// discard is how long the server may go on reading a body that the handler left, before it answers or closes.
const discard = 5 * time.Second

// recorder is the ResponseWriter of a call: it remembers status and size, and gives every write a deadline so that a
// reader who stops reading does not keep the goroutine.
type recorder struct {
	http.ResponseWriter
	control connection
	status  int   // 0 = nothing was sent
	bytes   int64 // of the body
	began   bool
	broken  bool        // a write failed: nobody is reading
	unread  atomic.Bool // the request's body was not read to its end; a proxied body is read by another goroutine
	// patience is how long net/http may read on in an unread body before the header leaves.
	patience time.Duration
	// until is the write deadline of the connection; zero: none.
	until time.Time
}

// connection is what a recorder asks of the socket below a response.
type connection interface {
	SetReadDeadline(time.Time) error
	SetWriteDeadline(time.Time) error
	FlushError() error
}

// wrapped is the connection below a response writer that hides it.
type wrapped struct{ *http.ResponseController }

func (w wrapped) FlushError() error { return w.Flush() }

// record makes w the recorder of a request's answer.
func (w *recorder) record(to http.ResponseWriter, r *http.Request) {
	control, ok := to.(connection)
	if !ok {
		control = wrapped{http.NewResponseController(to)}
	}
	*w = recorder{ResponseWriter: to, control: control, patience: discard}
	w.unread.Store(r.ContentLength != 0)
}

// Unwrap lets http.ResponseController, and with it WebSocket upgrades, reach the connection.
func (w *recorder) Unwrap() http.ResponseWriter { return w.ResponseWriter }

func (w *recorder) WriteHeader(status int) {
	if status >= 200 || status == http.StatusSwitchingProtocols {
		w.status, w.began = status, true
		if w.unread.Load() { // net/http reads on, up to 256 KB, before the header leaves; it resets this for the next request
			_ = w.control.SetReadDeadline(time.Now().Add(w.patience))
		}
	}
	w.deadline(stall)
	w.ResponseWriter.WriteHeader(status)
}

func (w *recorder) Write(p []byte) (n int, err error) {
	if !w.began {
		w.WriteHeader(http.StatusOK)
	}
	for {
		piece := p[n:min(n+chunk, len(p))]
		w.deadline(stall)
		m, err := w.ResponseWriter.Write(piece)
		n += m
		w.bytes += int64(m)
		if err != nil {
			w.broken = true
			return n, err
		}
		if n == len(p) {
			return n, nil
		}
	}
}

// FlushError sends what is buffered.
func (w *recorder) FlushError() error {
	if !w.began {
		w.WriteHeader(http.StatusOK)
	}
	w.deadline(stall)
	err := w.control.FlushError()
	w.broken = w.broken || err != nil && !errors.Is(err, http.ErrNotSupported)
	return err
}

// finish pushes the response out under the deadline, which it then takes off the connection: other handlers may be
// called on it that set none.
func (w *recorder) finish() {
	if w.began {
		_ = w.FlushError() // a failed write shows as the client's missing response; the server closes the connection
	}
	w.deadline(0)
}

func (w *recorder) deadline(d time.Duration) {
	var t time.Time
	if d > 0 {
		t = time.Now().Add(d)
		if t.Sub(w.until) < slack { // a duration since the year 1 when there is none
			return
		}
	}
	w.until = t
	_ = w.control.SetWriteDeadline(t) // not supported by test recorders
}
