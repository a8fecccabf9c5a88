package upstream

import (
	"bytes"
	"context"
	"io"
	"net/http"
	"net/url"

	"github.com/bluesky-social/indigo/atproto/syntax"

	"troupe/http/xrpc"
)

// Option changes what Forward sends.
type Option func(*request)

// As makes the token for another audience and method than the ones called.
func As(audience string, method syntax.NSID) Option {
	return func(q *request) { q.audience, q.method = audience, method }
}

// AsFeedGenerator makes the token for a feed generator, which the app view asks in
// the account's name.
func (c *Client) AsFeedGenerator(did syntax.DID, method syntax.NSID) Option {
	return As(c.audienceOf(Service{DID: did, ID: idFeedGenerator}), method)
}

// Forward passes the query under way on to its Target, on behalf of an account.
// The answer may be read here: only codings that this server knows are asked for.
// An answer of 400 and above is a *Refusal.
func (c *Client) Forward(ctx context.Context, did syntax.DID, opts ...Option) (*Answer, error) {
	call := xrpc.CallOf(ctx)
	coding, err := negotiated(call.Request.Header["Accept-Encoding"], c.options.PreferCompressed)
	if err != nil {
		return nil, err
	}
	to, err := c.Target(ctx, call)
	if err != nil {
		return nil, err
	}
	q := c.forwarding(call, to, did)
	q.header["Accept-Encoding"] = []string{coding}
	for _, o := range opts {
		o(&q)
	}
	return c.succeed(ctx, q)
}

// Pass passes a call on to a service as it came, body and codings included.
func (c *Client) Pass(ctx context.Context, call *xrpc.Call, to Service, did syntax.DID) (*Answer, error) {
	q := c.forwarding(call, to, did)
	coding := "identity"
	if accepted := call.Request.Header["Accept-Encoding"]; len(accepted) > 0 && !hop(call.Request.Header, "Accept-Encoding") {
		coding = join(accepted)
	}
	q.header["Accept-Encoding"] = []string{coding}
	return c.succeed(ctx, q)
}

// forwarding is a client's request as it goes on.
func (c *Client) forwarding(call *xrpc.Call, to Service, did syntax.DID) request {
	r := call.Request
	q := request{
		to: to, verb: r.Method, path: r.URL.Path, query: r.URL.RawQuery, question: r.URL.ForceQuery,
		issuer: did, audience: c.audienceOf(to), method: call.NSID,
	}
	// An empty body is none: a length of zero is sent for it all the same.
	if r.Method == http.MethodPost && r.ContentLength != 0 {
		q.body, q.length = r.Body, r.ContentLength
	}
	q.header = forwarded(r.Header, r.Method == http.MethodPost)
	return q
}

// Post calls a procedure of a service on behalf of an account, with a body of our
// own making, and returns what it answered, decoded.
func (c *Client) Post(ctx context.Context, to Service, did syntax.DID, method syntax.NSID, body []byte) ([]byte, error) {
	begin := func() (io.ReadCloser, error) { return io.NopCloser(bytes.NewReader(body)), nil }
	first, _ := begin()
	a, err := c.succeed(ctx, request{
		to: to, verb: http.MethodPost, path: "/xrpc/" + method.String(),
		header: http.Header{"Content-Type": {"application/json"}, "Accept-Encoding": {"gzip"}},
		body:   first, length: int64(len(body)), again: begin,
		issuer: did, audience: c.audienceOf(to), method: method,
	})
	return whole(a, err)
}

// Public asks the app view in the name of nobody, with a query string that is sent
// as it is, and hands its answer on.
func (c *Client) Public(ctx context.Context, method syntax.NSID, query string) (*Answer, error) {
	to, ok := c.AppView()
	if !ok {
		return nil, refuse("No service configured for " + method.String())
	}
	return c.succeed(ctx, request{
		to: to, verb: http.MethodGet, path: "/xrpc/" + method.String(), query: query,
		header: http.Header{"Accept": {"application/json"}, "Accept-Encoding": {"identity"}},
	})
}

// Get asks the app view of our own accord, on behalf of an account or ("") of
// nobody in particular, and returns what it answered, decoded.
func (c *Client) Get(ctx context.Context, did syntax.DID, method syntax.NSID, query url.Values) ([]byte, error) {
	to, ok := c.AppView()
	if !ok {
		return nil, refuse("No service configured for " + method.String())
	}
	a, err := c.succeed(ctx, request{
		to: to, verb: http.MethodGet, path: "/xrpc/" + method.String(), query: query.Encode(),
		header: http.Header{"Accept-Encoding": {"gzip"}},
		issuer: did, audience: c.audienceOf(to), method: method,
	})
	return whole(a, err)
}

func whole(a *Answer, err error) ([]byte, error) {
	if err != nil {
		return nil, err
	}
	defer a.Close()
	return a.Body()
}

// succeed sends, and turns the answers that are errors into one.
func (c *Client) succeed(ctx context.Context, q request) (*Answer, error) {
	a, err := c.send(ctx, q)
	if err != nil {
		return nil, err
	}
	if a.Status >= http.StatusBadRequest {
		return nil, a.refusal()
	}
	return a, nil
}

// WriteTo hands the answer to a client as it came, for who has no handler's way
// of answering. It closes the answer. Nothing was written if it fails before the
// first byte.
func (a *Answer) WriteTo(w http.ResponseWriter) error {
	defer a.Close()
	h := w.Header()
	for name, values := range a.Header {
		h[name] = values
	}
	if a.Header["Content-Type"] == nil {
		h["Content-Type"] = nil // or net/http would guess one
	}
	w.WriteHeader(a.Status)
	if a.method == http.MethodHead {
		return nil
	}
	var flush func() error
	if a.length < 0 {
		flush = http.NewResponseController(w).Flush // it may be made slowly: what is there is shown
	}
	return a.copyTo(w, flush)
}
