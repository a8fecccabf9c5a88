package resolver

import (
	"context"
	"log/slog"
	"net"
	"net/http"
	"time"

	atid "github.com/bluesky-social/indigo/atproto/identity"
	"github.com/bluesky-social/indigo/atproto/syntax"

	"troupe/actors/lexicon"
	"troupe/actors/outbound"
)

// Options of the lexicons actor. Path and Document are needed.
type Options struct {
	Path string // of lexicon_cache.sqlite

	// Document resolves a DID; fresh goes past every cache. It is asked beside turns.
	Document func(ctx context.Context, did syntax.DID, fresh bool) (*atid.DIDDocument, error)
	// DNS returns the TXT records of a name. Nil: those of net.DefaultResolver.
	DNS func(ctx context.Context, name string) ([]string, error)
	// Web fetches records from the hosts that strangers' documents name. Nil: a client
	// of package outbound that follows no redirect.
	Web *http.Client

	// Authority is whose repository every lexicon is looked for in, instead of what
	// DNS says; "": DNS. It is there for trying things out.
	Authority syntax.DID
	// Dev admits authorities under reserved top-level domains, and lets the default
	// client reach this machine over plain http.
	Dev bool

	Base     *lexicon.Catalog // what need not be resolved and may be referred to; nil: lexicon.Embedded
	Fresh    time.Duration    // a copy is served without asking; 0: 6 hours
	Stale    time.Duration    // a copy is served while the network fails; 0: 90 days
	Timeout  time.Duration    // of one request; 0: 3 seconds
	MaxProof int64            // bytes of an answer; 0: MaxProof
	Flights  int              // look-ups at a time; 0: 32

	Now func() time.Time // nil: time.Now
	Log *slog.Logger     // nil: slog.Default()
}

func (o Options) withDefaults() Options {
	if o.Timeout == 0 {
		o.Timeout = 3 * time.Second
	}
	if o.DNS == nil {
		o.DNS = func(ctx context.Context, name string) ([]string, error) {
			return net.DefaultResolver.LookupTXT(ctx, name+".") // absolute: no search list
		}
	}
	if o.MaxProof == 0 {
		o.MaxProof = MaxProof
	}
	if o.Web == nil {
		o.Web = outbound.NewClient(outbound.Options{
			AllowPrivate: o.Dev, AllowHTTP: o.Dev, Timeout: o.Timeout, MaxBody: o.MaxProof,
		})
	}
	if o.Base == nil {
		o.Base = lexicon.Embedded()
	}
	if o.Fresh == 0 {
		o.Fresh = 6 * time.Hour
	}
	if o.Stale == 0 {
		o.Stale = 90 * 24 * time.Hour
	}
	if o.Flights == 0 {
		o.Flights = 32
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	if o.Log == nil {
		o.Log = slog.Default()
	}
	return o
}
