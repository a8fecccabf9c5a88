package upstream

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"regexp"
	"strconv"
	"time"

	"troupe/actors/outbound"
	"troupe/http/xrpc"
)

// Refusal is an answer of 400 and above.
type Refusal struct {
	Status        int         // as it was sent; a 500 is told as 502
	Name, Message string      // "": the usual ones of the status
	Header        http.Header // what a client may be told besides
}

func (r *Refusal) Error() string {
	return fmt.Sprintf("upstream: %d %s: %s", r.Status, r.Name, r.Message)
}

// Public is what a client is told. An upstream's internal error is no error of
// this server, and says so.
func (r *Refusal) Public() *xrpc.Error {
	e := &xrpc.Error{Status: r.Status, Name: r.Name, Message: r.Message, Header: r.Header, Cause: r}
	if r.Status == http.StatusInternalServerError || r.Status > 599 {
		e.Status = http.StatusBadGateway
	}
	return e
}

var (
	// errOpen: the breaker of the upstream is open.
	errOpen = errors.New("upstream: nobody answered lately")
	// errLost: an answer ended before its end.
	errLost = errors.New("upstream: the answer broke off")
)

// failed says to a client why there is no answer. What is not the upstream's
// fault, that of the client or of this server, is returned as it is.
func (c *Client) failed(err error) error {
	var e *xrpc.Error
	var call *url.Error
	switch {
	case errors.As(err, &e), errors.Is(err, context.Canceled):
		return err
	case errors.Is(err, errSlowHeader), errors.Is(err, errSlowBody), errors.Is(err, context.DeadlineExceeded):
		return &xrpc.Error{Status: http.StatusGatewayTimeout, Message: "Upstream service timed out", Cause: err}
	case errors.Is(err, outbound.ErrBusy):
		return &xrpc.Error{Status: http.StatusServiceUnavailable, Message: "Too many requests to the upstream service",
			Cause: err, Header: http.Header{"Retry-After": {"2"}}}
	case errors.As(err, &call), errors.Is(err, errOpen), errors.Is(err, errLost), errors.Is(err, errEndpoint):
	default:
		return err // of whoever signs
	}
	e = &xrpc.Error{Status: http.StatusBadGateway, Message: "Upstream service unreachable", Cause: err}
	if errors.Is(err, errOpen) {
		e.Header = http.Header{"Retry-After": {strconv.Itoa(int(c.breaking.longest / time.Second))}}
	}
	return e
}

// unreadable is the answer that could not be read here.
func unreadable(err error) error {
	var e *xrpc.Error
	if errors.As(err, &e) || errors.Is(err, context.Canceled) || errors.Is(err, errSlowBody) || errors.Is(err, context.DeadlineExceeded) {
		return err
	}
	return &xrpc.Error{Status: http.StatusBadGateway, Message: "The answer of the upstream service could not be read", Cause: err}
}

// jsonType is what may be read as JSON; no type at all may be, too.
var jsonType = regexp.MustCompile(`(?i)application/(?:\w+\+)?json`)

func isJSON(contentType string) bool { return contentType == "" || jsonType.MatchString(contentType) }

// drainTime is how long an answer that nobody wants may take to end, so that its
// connection can be used again.
const drainTime = 100 * time.Millisecond

// refusal reads an error, if it is one that a client can be told: JSON, small,
// in a coding that this server reads. All else is dropped.
func (a *Answer) refusal() *Refusal {
	r := &Refusal{Status: a.Status, Header: answered(a.sent, answerHeaders)}
	defer a.Close()
	if !isJSON(a.sent.Get("Content-Type")) {
		a.body.idle = drainTime
		_, _ = io.CopyN(io.Discard, a.body, maxError)
		return r
	}
	text, err := a.decoded(maxError)
	if err != nil {
		return r
	}
	var told struct{ Error, Message any }
	if json.Unmarshal(text, &told) == nil {
		r.Name, _ = told.Error.(string)
		r.Message, _ = told.Message.(string)
	}
	return r
}
