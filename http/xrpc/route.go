package xrpc

import (
	"context"
	"encoding/json"
	"io"
	"net/http"
	"reflect"

	"github.com/bluesky-social/indigo/atproto/syntax"

	"troupe/actors/lexicon"
)

// None as a P, I or O: no parameters, no body.
type None struct{}

// Body as the I of a Procedure: the body as a stream, decompressed and cut off at the route's limit (the read fails
// with an Error of status 413). It must not be read after the handler has returned.
type Body struct {
	io.Reader
	ContentType string // as sent, with parameters
	Length      int64  // announced length in bytes; -1 when unknown or compressed
}

// Stream as an O: a body that is written as it is made (a CAR file, a blob, an upstream's answer).
// An error of Write is an ordinary XRPC error as long as nothing was sent; the first KiB is held back to that end.
// Later it aborts the connection, so that the client cannot take half a file for a whole one.
type Stream struct {
	Status      int         // 0 means 200
	ContentType string      // "" = the lexicon's output type
	Length      int64       // Content-Length, when > 0; such a body is never compressed
	Header      http.Header // further headers; with a Content-Encoding the body is passed on as it is
	Write       func(ctx context.Context, w io.Writer) error
	Close       func() // optional: called exactly once at the end, also when Write does not run (HEAD)
}

// Route is one method of the server. Make one with Query, Procedure or Subscription.
type Route struct {
	NSID  syntax.NSID
	Kind  lexicon.Kind
	Limit int64  // of the decoded body in bytes; 0 = the default of its type
	Rates []Rate // how often a caller may call it; for Options.Limit

	outside   bool
	loose     bool
	who       reflect.Type // C; nil for subscriptions
	params    reflect.Type // P
	input     reflect.Type // I; nil for queries and subscriptions
	output    reflect.Type // O; nil for subscriptions
	verify    func(*Call) (any, error)
	handle    func(ctx context.Context, who, in any) (any, error)
	subscribe func(w http.ResponseWriter, r *http.Request, params any)
	// Decoded values travel as *P and *I, so that one pipeline serves all types; see bind.
	newInput func() any
}

// Option changes a Route.
type Option func(*Route)

// BodyLimit sets the largest body in bytes, counted both as sent and decoded.
func BodyLimit(bytes int64) Option { return func(r *Route) { r.Limit = bytes } }

// Outside says that the handler waits for another service. Its place is among the streams, so that a service that is
// slow takes none from those who need nobody else.
func Outside() Option { return func(r *Route) { r.outside = true } }

// LooseParams also takes arrays spelled key[]=a or key[0]=a, as old clients of three app.bsky methods do.
func LooseParams() Option { return func(r *Route) { r.loose = true } }

// Query makes the route of a GET method. P is a struct with `query:"name"` fields (strings and types made of them,
// int, bool, slices of these, pointers for what may be absent), or None. O is a struct for encoding/json, a Stream,
// a Content, or None; or any, for an answer that is now one of these and then another.
//
// The handler's context ends when the client goes away, and after Options.Timeout unless O is a Stream or a Content.
func Query[C, P, O any](nsid string, v Verifier[C], h func(context.Context, C, P) (O, error), opts ...Option) Route {
	r := Route{
		NSID: syntax.NSID(nsid), Kind: lexicon.Query, who: reflect.TypeFor[C](), params: reflect.TypeFor[P](), output: reflect.TypeFor[O](),
		verify: func(c *Call) (any, error) { return v(c) },
		handle: func(ctx context.Context, who, in any) (any, error) {
			c, _ := who.(C)
			return h(ctx, c, *in.(*P))
		},
	}
	return r.with(opts)
}

// Procedure makes the route of a POST method. I is a struct for encoding/json, json.RawMessage (the checked body), a
// Body, or None; O as for Query. Query parameters that the lexicon declares are in Call.Params.
//
// The handler's context outlives the client: what was begun is finished, or given up for the handler's own reasons
// (CallOf(ctx).Request.Context() tells whether anybody still waits). It ends after Options.Timeout, unless I is a Body.
func Procedure[C, I, O any](nsid string, v Verifier[C], h func(context.Context, C, I) (O, error), opts ...Option) Route {
	r := Route{
		NSID: syntax.NSID(nsid), Kind: lexicon.Procedure, who: reflect.TypeFor[C](), input: reflect.TypeFor[I](), output: reflect.TypeFor[O](),
		verify: func(c *Call) (any, error) { return v(c) },
		handle: func(ctx context.Context, who, in any) (any, error) {
			c, _ := who.(C)
			return h(ctx, c, *in.(*I))
		},
		newInput: func() any { return new(I) },
	}
	return r.with(opts)
}

// Subscription makes the route of a WebSocket method. The handler is called for requests that ask for an upgrade, with
// checked parameters, and owns the connection; it should end when Server.Draining is closed.
func Subscription[P any](nsid string, h func(http.ResponseWriter, *http.Request, P), opts ...Option) Route {
	r := Route{
		NSID: syntax.NSID(nsid), Kind: lexicon.Subscription, params: reflect.TypeFor[P](),
		subscribe: func(w http.ResponseWriter, req *http.Request, params any) { h(w, req, *params.(*P)) },
	}
	return r.with(opts)
}

func (r Route) with(opts []Option) Route {
	for _, o := range opts {
		o(&r)
	}
	return r
}

// streaming reports whether calls of the route may last as long as their bodies.
func (r *Route) streaming() bool {
	return r.output == streamType || r.output == partsType || r.input == bodyType
}

var (
	noneType   = reflect.TypeFor[None]()
	rawType    = reflect.TypeFor[json.RawMessage]()
	bodyType   = reflect.TypeFor[Body]()
	streamType = reflect.TypeFor[Stream]()
	partsType  = reflect.TypeFor[Content]()
)
