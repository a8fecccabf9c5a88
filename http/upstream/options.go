package upstream

import (
	"context"
	"crypto/tls"
	"time"

	atid "github.com/bluesky-social/indigo/atproto/identity"
	"github.com/bluesky-social/indigo/atproto/syntax"
	"github.com/prometheus/client_golang/prometheus"

	"troupe/actors/outbound"
	"troupe/actors/repo"
)

// Named is a service that the operator named; the zero value is none.
type Named struct {
	DID syntax.DID
	URL string // origin
}

// Options of a Client. Sign and Resolve are needed.
type Options struct {
	AppView    Named
	Moderation Named
	Reports    Named // who takes reports; zero: Moderation

	// Sign has the account's repo actor mint a service token.
	Sign func(context.Context, syntax.DID, repo.SignServiceAuth) (string, error)
	// Resolve finds the document of a DID that a client named.
	Resolve func(context.Context, syntax.DID) (*atid.DIDDocument, error)
	// Takendown says whether an account is taken down: no token is made for it,
	// but for the methods that it keeps. Nil: none is.
	Takendown func(syntax.DID) bool

	// ServiceAudience mints tokens for did#service where the bare DID is usual.
	ServiceAudience bool

	HeadersTimeout   time.Duration // 0: 10 s
	BodyTimeout      time.Duration // 0: 30 s
	MaxResponse      int64         // decoded bytes of what is read here; 0: 10 MiB
	Retries          int           // of queries that met a broken connection
	HTTP2            bool          // where the upstream offers it
	PreferCompressed bool          // of answers that may be read here

	AllowPrivate bool                  // strangers' services may be on private addresses: development
	AllowHTTP    bool                  // and speak plain http
	TLS          *tls.Config           // nil: the system's roots
	Metrics      prometheus.Registerer // nil: counted and not shown
}

// Bounds that are not settings.
const (
	perNamed    = 256
	perStranger = 64
	allNamed    = 1024            // with those in line
	allStrange  = 512             // with those in line
	inLine      = 768             // who wait at one gate
	lineTime    = 2 * time.Second // and for how long
	maxOrigins  = 1024            // of strangers that are remembered
	heldBytes   = 256 << 20       // of bodies that are read here, all together
	maxError    = 64 << 10        // of the body of an error
	tokenTime   = time.Minute
)

// Client asks other services. Safe for concurrent use.
type Client struct {
	options  Options
	named    origins
	strange  origins
	held     quota
	metrics  *metrics
	now      func() time.Time
	breaking breaking
}

// New makes a Client. Without an app view it serves what clients name themselves.
func New(o Options) *Client {
	if o.Reports == (Named{}) {
		o.Reports = o.Moderation
	}
	if o.HeadersTimeout == 0 {
		o.HeadersTimeout = 10 * time.Second
	}
	if o.BodyTimeout == 0 {
		o.BodyTimeout = 30 * time.Second
	}
	if o.MaxResponse == 0 {
		o.MaxResponse = 10 << 20
	}
	if o.Takendown == nil {
		o.Takendown = func(syntax.DID) bool { return false }
	}
	c := &Client{options: o, metrics: newMetrics(o.Metrics), now: time.Now, breaking: usualBreaking}
	c.held.max = heldBytes
	base := outbound.Options{
		Timeout: outbound.Unlimited, MaxBody: outbound.Unlimited, // patience.go and answer.go are stricter
		HTTP1: !o.HTTP2, TLS: o.TLS,
	}
	named := base
	named.AllowPrivate, named.AllowHTTP = true, true // the operator said so
	named.PerHost, named.Idle = 1<<20, perNamed      // the gate counts
	c.named = newOrigins(outbound.NewClient(named), 16, perNamed, allNamed)
	strange := base
	strange.AllowPrivate, strange.AllowHTTP = o.AllowPrivate, o.AllowHTTP
	c.strange = newOrigins(outbound.NewClient(strange), maxOrigins, perStranger, allStrange)
	return c
}

// Close gives up the connections that are not in use.
func (c *Client) Close() {
	c.named.http.CloseIdleConnections()
	c.strange.http.CloseIdleConnections()
}
