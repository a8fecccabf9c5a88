package xrpc

import (
	"io"
	"net/http"
	"time"
)

// How much of a body that was refused is still taken, and for how long.
const (
	lingerBytes = 16 << 20
	lingerTime  = 5 * time.Second
)

// discardable is how much of an unread body net/http reads before it answers, so as to keep the connection.
const discardable = 256 << 10

// endless reports whether so much of the request's body is left that the connection cannot be kept. Where the length was
// not announced it reads to find out.
func (c *Call) endless(status int) bool {
	if c.Route == nil || !c.writer.unread.Load() {
		return false // whoever passes a body on may be reading it still
	}
	n := c.Request.ContentLength
	if status == http.StatusRequestEntityTooLarge || n > discardable {
		return true
	}
	if n >= 0 || c.writer.control.SetReadDeadline(time.Now().Add(discard)) != nil {
		return false // net/http takes the rest
	}
	_, err := io.CopyN(io.Discard, c.Request.Body, discardable)
	return err == nil
}

// linger reads on in a body that was refused, after the answer has been sent. A connection that is closed while its
// client still sends is reset, and a reset reaches many clients before the answer that came first: they would report a
// broken connection where they were told that a session has expired or a file is too large. Who has not noticed after
// lingerBytes or lingerTime does not want to know.
func (c *Call) linger(body io.Reader) {
	if !c.lingering || c.writer.broken {
		return
	}
	if c.writer.control.SetReadDeadline(time.Now().Add(lingerTime)) != nil {
		return // a test's recorder
	}
	_, _ = io.CopyN(io.Discard, body, lingerBytes)
}
