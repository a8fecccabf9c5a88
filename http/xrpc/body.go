package xrpc

import (
	"errors"
	"io"
	"mime"
	"net"
	"net/http"
	"strconv"
	"strings"
	"sync"
	"time"
)

const (
	bodyGrace = 30 * time.Second // how long a body may take, whatever its size
	bodyPace  = 1 << 10          // bytes per second it has to arrive at after that
	bodyStart = 4 << 10          // first allocation for a body of unknown length
	bodyTrust = 16 << 10         // announced lengths up to this are allocated at once
)

// pacedReader reads a request body as sent: no slower than bodyPace and no longer than limit.
type pacedReader struct {
	body   io.ReadCloser
	writer *recorder
	began  time.Time
	read   int64
	limit  int64

	mu    sync.Mutex // guards what follows, and the connection against a reader that outlives the call
	off   bool       // the call is over
	begun bool       // the body was read from
	end   bool       // the body was read to its end
}

func newPacedReader(c *Call, limit int64) *pacedReader {
	return &pacedReader{body: c.Request.Body, writer: c.writer, began: time.Now(), limit: limit}
}

func (r *pacedReader) Read(p []byte) (int, error) {
	if left := r.limit + 1 - r.read; int64(len(p)) > left { // one more than allowed, to see that there is more
		p = p[:max(left, 0)]
	}
	grace := bodyGrace + time.Duration(r.read/bodyPace)*time.Second
	if !r.deadline(r.began.Add(grace)) {
		return 0, http.ErrBodyReadAfterClose
	}
	n, err := r.body.Read(p)
	r.read += int64(n)
	if r.read > r.limit {
		return 0, tooLarge()
	}
	if err == io.EOF {
		r.ended()
	} else if err != nil {
		err = bodyError(err)
	}
	return n, err
}

// deadline sets when the next piece must be there; false if the call is over.
func (r *pacedReader) deadline(at time.Time) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.begun = true; !r.off {
		_ = r.writer.control.SetReadDeadline(at) // not supported by test recorders
	}
	return !r.off
}

// ended is told of the end of the body. From here on the server reads ahead to notice a vanishing client; it must not
// run into the deadline.
func (r *pacedReader) ended() {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.end = true
	if !r.off {
		_ = r.writer.control.SetReadDeadline(time.Time{})
		r.writer.unread.Store(false)
	}
}

// detach ends the reading for whoever reads on when the call is over, as an HTTP client does whose server answered
// before it was sent everything. What is left of the body is given up, and the connection with it.
func (r *pacedReader) detach() {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.off = true
	if r.begun && !r.end {
		_ = r.writer.control.SetReadDeadline(longAgo)
	}
}

// longAgo as a deadline ends a read that is under way.
var longAgo = time.Unix(1, 0)

func (r *pacedReader) Close() error { return r.body.Close() }

// bodyError tells a slow or broken body from a fault of ours.
func bodyError(err error) error {
	var e *Error
	var timeout net.Error
	switch {
	case errors.As(err, &e):
		return e
	case errors.As(err, &timeout) && timeout.Timeout():
		return &Error{Status: http.StatusRequestTimeout, Message: "The request body arrived too slowly", Cause: err}
	}
	return invalid("The request body could not be read", err)
}

// bodyPresent reports whether the request announces a body at all, be it an empty one.
func bodyPresent(r *http.Request) bool {
	return r.ContentLength != 0 || len(r.TransferEncoding) > 0 || r.Header.Get("Content-Length") != ""
}

// refuseBody is for methods that take none: a chunked body may turn out to be empty, anything else is an error.
func (c *Call) refuseBody() error {
	r := c.Request
	if r.ContentLength == 0 {
		return nil
	}
	unexpected := invalid("A request body was sent to a method that takes none", nil)
	if r.ContentLength > 0 {
		return unexpected
	}
	_, err := io.ReadFull(newPacedReader(c, 0), make([]byte, 1))
	if err == io.EOF {
		return nil
	}
	var e *Error
	if errors.As(err, &e) && e.Status == http.StatusRequestEntityTooLarge {
		return unexpected
	}
	return err
}

// checkType holds Content-Type to what the method takes and returns the media type.
func (b *bound) checkType(r *http.Request) error {
	header := r.Header.Get("Content-Type")
	if header == "" {
		return invalid("A Content-Type header is required", nil)
	}
	if b.json && header == jsonType {
		return nil // as nearly always
	}
	media, params, err := mime.ParseMediaType(header)
	if err != nil && !errors.Is(err, mime.ErrInvalidMediaParameter) || !strings.Contains(media, "/") {
		return invalid("The Content-Type header is not valid", err)
	}
	if !b.method.Takes(media) {
		return invalid("Wrong Content-Type: "+b.method.Input+" is expected, not "+media, nil)
	}
	if charset := params["charset"]; b.json && charset != "" && !strings.EqualFold(charset, "utf-8") && !strings.EqualFold(charset, "utf8") {
		return &Error{Status: http.StatusUnsupportedMediaType, Message: "JSON must be encoded in UTF-8, not " + charset}
	}
	return nil
}

// checkLength refuses by the announced length, before a byte is read.
func (b *bound) checkLength(r *http.Request) error {
	if r.ContentLength > b.Limit {
		return tooLarge()
	}
	return nil
}

// readAll reads a whole body into memory. Memory is taken as bytes arrive, not as they are announced, and counted
// against the server's quota until the call ends.
func (c *Call) readAll(r io.Reader, announced int64) ([]byte, error) {
	size := int64(bodyStart)
	if announced >= 0 && announced <= bodyTrust {
		size = announced + 1 // one to spare, so that the end is seen without growing
	}
	buf := []byte(nil)
	for {
		if int64(len(buf)) == int64(cap(buf)) {
			if !c.server.memory.take(size) {
				return nil, busy("The server has no room for another request body", "2")
			}
			c.charged += size
			grown := make([]byte, len(buf), int64(cap(buf))+size)
			copy(grown, buf)
			buf, size = grown, int64(cap(grown)) // doubles
		}
		n, err := r.Read(buf[len(buf):cap(buf)])
		buf = buf[:len(buf)+n]
		if err == io.EOF {
			return buf, nil
		}
		if err != nil {
			return nil, err
		}
	}
}

// contentLength renders a length for the header.
func contentLength(n int64) string { return strconv.FormatInt(n, 10) }
