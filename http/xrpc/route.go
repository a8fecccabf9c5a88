package xrpc

import (
	"context"
	"io"
	"net/http"

	"troupe/actors/lexicon"

	"github.com/bluesky-social/indigo/atproto/syntax"
)

// None as a P, I or O: no parameters, no body.
type None struct{}

// Body as the I of a Procedure: the body as a stream, decompressed and cut off (413) at the route's limit.
// It must be read before the handler returns.
type Body struct {
	io.Reader
	ContentType string // media type as sent, with parameters
	Length      int64  // announced length, -1 when unknown or compressed
}

// Stream as an O: a body that is written as it is made (a CAR file, a blob).
// An error of Write before its first byte is an ordinary XRPC error; later it aborts the connection, so that the
// client cannot take half a file for a whole one.
type Stream struct {
	Status      int         // 0 means 200
	ContentType string      // "" = the lexicon's output type
	Length      int64       // Content-Length, when > 0
	Header      http.Header // further headers; with a Content-Encoding the body is passed on as it is
	Write       func(ctx context.Context, w io.Writer) error
	Close       func() // optional: called exactly once, also when Write never runs (HEAD)
}

// Route is one method of the server. Make one with Query, Procedure or Subscription.
type Route struct {
	NSID  syntax.NSID
	Kind  lexicon.Kind
	Cost  int   // points of the rate limiter
	Limit int64 // of the decoded body in bytes; 0 = the default of its type
}

// Option changes a Route.
type Option func(*Route)

// Cost sets how many points of the rate limiter a call takes.
func Cost(points int) Option { return func(r *Route) { r.Cost = points } }

// BodyLimit sets the largest decoded body in bytes.
func BodyLimit(bytes int64) Option { return func(r *Route) { r.Limit = bytes } }

// Query makes the route of a GET method. P is a struct with `query:"name"` fields, or None; O is a struct for
// encoding/json, a Stream, or None.
func Query[C, P, O any](nsid string, v Verifier[C], h func(context.Context, C, P) (O, error), opts ...Option) Route {
	return Route{NSID: syntax.NSID(nsid), Kind: lexicon.Query}
}

// Procedure makes the route of a POST method. I is a struct for encoding/json, json.RawMessage, Body, or None.
func Procedure[C, I, O any](nsid string, v Verifier[C], h func(context.Context, C, I) (O, error), opts ...Option) Route {
	return Route{NSID: syntax.NSID(nsid), Kind: lexicon.Procedure}
}

// Subscription makes the route of a WebSocket method. The handler owns the connection.
func Subscription[P any](nsid string, h func(http.ResponseWriter, *http.Request, P), opts ...Option) Route {
	return Route{NSID: syntax.NSID(nsid), Kind: lexicon.Subscription}
}
