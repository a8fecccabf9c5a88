package xrpc

import (
	"context"
	"net/http"
	"net/netip"

	"github.com/bluesky-social/indigo/atproto/syntax"
)

// Call is one request on its way through the server. Owned by the request's goroutine.
type Call struct {
	Request   *http.Request
	NSID      syntax.NSID
	ClientIP  netip.Addr // of the client, behind trusted proxies (see ClientIP)
	RequestID string
	header    http.Header
}

// Header is the header of the response to come; verifiers and handlers add to it (DPoP-Nonce, Atproto-Repo-Rev …).
func (c *Call) Header() http.Header { return c.header }

type callKey struct{}

// CallOf returns the call that a handler's context belongs to, nil outside of a request.
func CallOf(ctx context.Context) *Call {
	c, _ := ctx.Value(callKey{}).(*Call)
	return c
}

// Verifier turns the request into the credential that a handler asks for, or refuses it.
type Verifier[C any] func(*Call) (C, error)
