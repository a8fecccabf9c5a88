package xrpc

import "net/http"

// Error is what a client is told. Message is public, Cause is for the log only.
type Error struct {
	Status  int         // HTTP status; 0 means 500
	Name    string      // XRPC error name; "" means the usual name of the status
	Message string      // public sentence; replaced by "Internal Server Error" when the status is 500
	Cause   error       // private; logged once with the request id when the status is 500 or above
	Header  http.Header // added to the response: WWW-Authenticate, Retry-After, DPoP-Nonce …
}

// Errorf-like constructors are not offered: a literal names its fields.
func (e *Error) Error() string {
	if e.Cause != nil {
		return e.Name + ": " + e.Message + ": " + e.Cause.Error()
	}
	return e.Name + ": " + e.Message
}

// Unwrap returns the private cause.
func (e *Error) Unwrap() error { return e.Cause }
