package xrpc

import (
	"context"
	"net/http"
	"net/netip"

	"github.com/bluesky-social/indigo/atproto/syntax"

	"troupe/actors/lexicon"
)

// Call is one request on its way through the server. It belongs to the request's goroutine; the fields are read-only
// for verifiers and handlers.
type Call struct {
	Request   *http.Request
	NSID      syntax.NSID
	Route     *Route         // nil on the way to Options.Fallback
	Params    lexicon.Params // checked query parameters of a Procedure; others are given theirs
	ClientIP  netip.Addr     // of the client, behind trusted proxies (see ClientIP)
	RequestID string         // also sent as X-Request-Id and logged

	server    *Server
	writer    *recorder
	recorder  recorder // what writer points to
	outside   bool     // has left the door already
	lingering bool     // the rest of the body is to be read after the answer; see linger
	charged   int64    // bytes of body that count against the server's memory for bodies
}

// Header is the header of the response to come; verifiers and handlers add to it (DPoP-Nonce, Atproto-Repo-Rev …).
func (c *Call) Header() http.Header { return c.writer.Header() }

// Private says that the answer depends on who asks, also when nobody says who he is: verifiers that look at credentials
// call it first.
func (c *Call) Private() { private(c.writer.Header()) }

type callKey struct{}

// CallOf returns the call that a handler's context belongs to, nil outside of a request.
func CallOf(ctx context.Context) *Call {
	c, _ := ctx.Value(callKey{}).(*Call)
	return c
}

// Verifier turns the request into the credential that a handler asks for, or refuses it. The request's body is not to
// be touched.
type Verifier[C any] func(*Call) (C, error)
