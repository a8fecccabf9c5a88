package bench

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"strconv"
	"syscall"
)

// Refusal is an answer outside 2xx.
type Refusal struct {
	Status  int
	Name    string // of the XRPC error; "" when the body was none
	Message string
	Reset   string // header that says when a rate limit lets go
}

func newRefusal(a answer, body []byte) *Refusal {
	r := &Refusal{Status: a.status, Reset: a.reset}
	var said struct{ Error, Message string }
	if json.Unmarshal(body, &said) == nil {
		r.Name, r.Message = said.Error, said.Message
	}
	return r
}

// Error says status, name and message.
func (r *Refusal) Error() string {
	s := fmt.Sprintf("%d %s", r.Status, r.Name)
	if r.Message != "" {
		s += ": " + r.Message
	}
	if r.Reset != "" {
		s += " (until " + r.Reset + ")"
	}
	return s
}

// Limited is true when a rate limit refused.
func (r *Refusal) Limited() bool { return r.Status == 429 }

// limited is true when a rate limit is behind an error.
func limited(err error) bool {
	var r *Refusal
	return errors.As(err, &r) && r.Limited()
}

// errNotServed is why a scenario is left out whose method the server does not have.
var errNotServed = errors.New("not served")

// unserved is true when the server said that it does not have a method.
func unserved(err error) bool {
	var r *Refusal
	return errors.Is(err, errNotServed) ||
		errors.As(err, &r) && (r.Status == 501 || r.Name == nameNotServed || r.Status == 404 && r.Name == "")
}

// nameNotServed is how XRPC calls that; [errorName] gives it to all of them.
const nameNotServed = "MethodNotImplemented"

// errorName is what an error is counted as.
func errorName(err error) string {
	var r *Refusal
	var timeout net.Error
	switch {
	case unserved(err):
		return nameNotServed
	case errors.As(err, &r) && r.Name != "":
		return r.Name
	case errors.As(err, &r):
		return "HTTP " + strconv.Itoa(r.Status)
	case errors.Is(err, errAnswer):
		return "malformed answer"
	case errors.Is(err, context.Canceled), errors.Is(err, net.ErrClosed):
		return "cancelled"
	case errors.As(err, &timeout) && timeout.Timeout():
		return "timeout"
	case errors.Is(err, syscall.ECONNREFUSED):
		return "connection refused"
	case errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF), errors.Is(err, syscall.ECONNRESET), errors.Is(err, syscall.EPIPE):
		return "connection closed"
	}
	return err.Error()
}
