package xrpc

import (
	"context"
	"errors"
	"log/slog"
	"net/http"

	"troupe/actors/lexicon"
)

// Error is what a client is told.
type Error struct {
	Status  int         // HTTP status; 0 means 500
	Name    string      // XRPC error name; "" means the usual name of the status
	Message string      // public sentence; "" means the text of the status; a 500 never shows it
	Cause   error       // private: for the log only
	Header  http.Header // added to the response: WWW-Authenticate, Retry-After, DPoP-Nonce …
}

func (e *Error) Error() string {
	text := e.Name
	if text == "" {
		text = nameOf(e.Status)
	}
	if e.Message != "" {
		text += ": " + e.Message
	}
	if e.Cause != nil {
		text += ": " + e.Cause.Error()
	}
	return text
}

// Unwrap returns the private cause.
func (e *Error) Unwrap() error { return e.Cause }

// names of the statuses that have one in XRPC.
var names = map[int]string{
	400: "InvalidRequest",
	401: "AuthenticationRequired",
	403: "Forbidden",
	404: "XRPCNotSupported",
	406: "NotAcceptable",
	408: "RequestTimeout",
	413: "PayloadTooLarge",
	415: "UnsupportedMediaType",
	426: "UpgradeRequired",
	429: "RateLimitExceeded",
	500: "InternalServerError",
	501: "MethodNotImplemented",
	502: "UpstreamFailure",
	503: "NotEnoughResources",
	504: "UpstreamTimeout",
}

func nameOf(status int) string {
	switch name := names[status]; {
	case name != "":
		return name
	case status >= 400 && status < 500:
		return names[400]
	}
	return names[500]
}

func invalid(message string, cause error) *Error {
	return &Error{Status: http.StatusBadRequest, Message: message, Cause: cause}
}

func tooLarge() *Error {
	return &Error{Status: http.StatusRequestEntityTooLarge, Message: "The request body is too large"}
}

// busy is the answer when a bound of the server is reached.
func busy(message, after string) *Error {
	return &Error{Status: http.StatusServiceUnavailable, Message: message, Header: http.Header{"Retry-After": {after}}}
}

// public finds what the client is told about err: an Error as it is, then what this package knows, then the server's
// table, then 500.
func (s *Server) public(err error) *Error {
	var e *Error
	if errors.As(err, &e) {
		return e
	}
	if s.translate != nil {
		if e := s.translate(err); e != nil {
			return e
		}
	}
	var broken lexicon.ErrInvalid
	switch {
	case errors.As(err, &broken):
		return invalid(broken.Message, nil)
	case errors.Is(err, context.DeadlineExceeded):
		e := busy("The server is too busy to answer in time", "5")
		e.Cause = err
		return e
	}
	return &Error{Status: http.StatusInternalServerError, Cause: err}
}

// fail answers with an error. When the response has begun there is nothing left to say: the connection is cut.
func (c *Call) fail(err error) {
	if gone := c.Request.Context().Err() != nil; c.writer.broken || gone && (c.writer.began || errors.Is(err, context.Canceled)) {
		c.writer.status = statusGone // for the log; nobody reads an answer
		panic(http.ErrAbortHandler)
	}
	e := c.server.public(err)
	status := e.Status
	if status < 400 || status > 599 {
		status = http.StatusInternalServerError
	}
	if status >= 500 {
		cause := error(e)
		if e.Cause != nil {
			cause = e.Cause
		}
		c.server.log.LogAttrs(c.Request.Context(), levelOf(status), "request failed", slog.String("request", c.RequestID),
			slog.String("nsid", string(c.NSID)), slog.Int("status", status), slog.Any("error", cause))
	}
	if c.writer.began {
		panic(http.ErrAbortHandler)
	}
	h := c.writer.Header()
	for name, values := range e.Header {
		h[http.CanonicalHeaderKey(name)] = values
	}
	for _, name := range []string{"Content-Encoding", "Content-Disposition", "Content-Length"} {
		h.Del(name) // of the body that is not sent
	}
	if status == http.StatusServiceUnavailable && h.Get("Retry-After") == "" {
		h.Set("Retry-After", "5")
	}
	if status == http.StatusRequestTimeout {
		h.Set("Connection", "close")
		c.writer.patience = 0 // the rest of the body is not worth waiting for
	} else if c.endless(status) {
		h.Set("Connection", "close")
		c.lingering = true
	}
	body := struct {
		Error   string `json:"error"`
		Message string `json:"message"`
	}{e.Name, e.Message}
	if body.Error == "" {
		body.Error = nameOf(status)
	}
	if status == http.StatusInternalServerError {
		body.Message = "Internal Server Error"
	} else if body.Message == "" {
		body.Message = http.StatusText(status)
	}
	c.writeJSON(status, body)
}

// statusGone stands in logs and metrics for a client that went away before it was answered.
const statusGone = 499

func levelOf(status int) slog.Level {
	if status == http.StatusInternalServerError {
		return slog.LevelError
	}
	return slog.LevelWarn
}

// Fail answers a request with an error the way routes do: for a Fallback. It does nothing for requests that did not
// come through a Server.
func Fail(r *http.Request, err error) {
	if c := CallOf(r.Context()); c != nil {
		c.fail(err)
	}
}
