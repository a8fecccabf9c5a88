package identity

import (
	"context"
	"log/slog"
	"net"
	"net/http"
	"time"

	"github.com/bluesky-social/indigo/atproto/syntax"

	"troupe/actors/identity/plc"
	"troupe/actors/outbound"
)

// LookupTXT returns the TXT records of a name (absolute, without the last dot). "No
// such name" is a *net.DNSError with IsNotFound, as (*net.Resolver).LookupTXT has it.
type LookupTXT func(ctx context.Context, name string) ([]string, error)

// Options of the identities actor. Path and PLC are needed.
type Options struct {
	Path string         // of did_cache.sqlite
	PLC  *plc.Directory // for did:plc

	// Web fetches the documents of did:web, Handles the well-known files of handles.
	// Nil: clients of package outbound, the first without redirects, the second with
	// up to three to any public host, as the specification of handles allows.
	Web, Handles *http.Client

	DNS    LookupTXT   // nil: net.DefaultResolver
	Backup []LookupTXT // asked in order when DNS and HTTPS gave no DID (NameServer)

	// Static answers a handle before the cache and the network are asked: the handles
	// of this very server. It runs in the actor's turn, so it may look into memory and
	// do nothing else. Nil: none.
	Static func(syntax.Handle) (syntax.DID, bool)
	// Dev admits handles under reserved top-level domains and did:web:localhost%3A<port>
	// over plain http, and lets the default clients reach this machine.
	Dev bool

	Fresh       time.Duration // serve from the cache without asking; 0: 1 hour
	Stale       time.Duration // serve from the cache and ask meanwhile; 0: 24 hours
	Timeout     time.Duration // of one lookup; 0: 3 seconds
	Flights     int           // lookups at a time; 0: 256
	MaxDocument int64         // bytes of a did:web document; 0: 128 KiB
	Keep        int           // rows of each table; 0: 100,000

	Now func() time.Time // nil: time.Now
	Log *slog.Logger     // nil: slog.Default()
}

func (o Options) withDefaults() Options {
	if o.Timeout == 0 {
		o.Timeout = 3 * time.Second
	}
	if o.MaxDocument == 0 {
		o.MaxDocument = maxDocument
	}
	if o.Web == nil {
		o.Web = outbound.NewClient(outbound.Options{
			AllowPrivate: o.Dev, AllowHTTP: o.Dev, Timeout: o.Timeout, MaxBody: o.MaxDocument,
		})
	}
	if o.Handles == nil {
		o.Handles = outbound.NewClient(outbound.Options{
			AllowPrivate: o.Dev, Timeout: o.Timeout, MaxBody: maxWellKnown, Redirects: 3, CrossHost: true,
		})
	}
	if o.DNS == nil {
		o.DNS = absolute(net.DefaultResolver)
	}
	if o.Fresh == 0 {
		o.Fresh = time.Hour
	}
	if o.Stale == 0 {
		o.Stale = 24 * time.Hour
	}
	if o.Flights == 0 {
		o.Flights = 256
	}
	if o.Keep == 0 {
		o.Keep = 100_000
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	if o.Log == nil {
		o.Log = slog.Default()
	}
	return o
}

// NameServer is a LookupTXT that asks one DNS server ("ip" or "ip:port"), which the
// operator chose and which is therefore not held to the rules of package outbound.
func NameServer(address string) LookupTXT {
	if _, _, err := net.SplitHostPort(address); err != nil {
		address = net.JoinHostPort(address, "53")
	}
	r := &net.Resolver{
		PreferGo: true,
		Dial: func(ctx context.Context, network, _ string) (net.Conn, error) {
			var d net.Dialer
			return d.DialContext(ctx, network, address)
		},
	}
	return absolute(r)
}

// absolute keeps the search list of resolv.conf out of it: a stranger's handle is never
// completed with a domain of ours.
func absolute(r *net.Resolver) LookupTXT {
	return func(ctx context.Context, name string) ([]string, error) {
		return r.LookupTXT(ctx, name+".")
	}
}
