package outbound

import (
	"crypto/tls"
	"errors"
	"net"
	"net/netip"
	"time"
)

// Refusals of this client. They are wrapped; test with errors.Is.
var (
	ErrForbidden = errors.New("outbound: destination not allowed")
	ErrRedirect  = errors.New("outbound: redirect not allowed")
	ErrTooLarge  = errors.New("outbound: response body too large")
	ErrBusy      = errors.New("outbound: too many calls in flight to this host")
)

// Unlimited switches off Options.Timeout or Options.MaxBody, for streams whose
// caller brings a context and a cap of its own.
const Unlimited = -1

// Values that stand in for zero fields of Options.
const (
	DefaultTimeout   = 10 * time.Second
	DefaultMaxBody   = 1 << 20
	DefaultPerHost   = 256
	DefaultUserAgent = "troupe-pds"
)

const (
	dialTimeout   = 5 * time.Second
	maxHeader     = 64 << 10
	idlePerHost   = 16
	idleTotal     = 256
	idleTime      = 60 * time.Second
	keepAliveTime = 30 * time.Second
)

// Options of a client. The zero value is the strict one: https on port 443 to
// public addresses, no redirects, 10 s, 1 MiB.
type Options struct {
	// AllowPrivate lets calls go to any address and any port: development, and
	// upstreams that the operator named in the configuration. Never for an address
	// that a stranger chose.
	AllowPrivate bool
	// AllowHTTP admits http:// beside https://.
	AllowHTTP bool
	// Ports that may be dialled. Nil: 443, and 80 with AllowHTTP; any with AllowPrivate.
	Ports []uint16

	// Timeout of a call from the dial to the end of its body. 0: DefaultTimeout.
	Timeout time.Duration
	// MaxBody is the largest response body in bytes, counted after the transport has
	// decompressed it (on the wire if the caller set Accept-Encoding). 0: DefaultMaxBody.
	MaxBody int64
	// Redirects is how many are followed. 0: none, the 3xx response is the answer.
	Redirects int
	// CrossHost lets a redirect leave the host it started on.
	CrossHost bool
	// PerHost is how many calls to one host may be in flight; a call ends when its
	// body is closed or read to its end. 0: DefaultPerHost.
	PerHost int
	// Idle is how many unused connections to one host are kept. 0: 16.
	Idle int
	// HTTP1 keeps to HTTP/1.1 where the host would take HTTP/2 too.
	HTTP1 bool

	UserAgent string        // of requests that carry none. "": DefaultUserAgent
	Resolver  *net.Resolver // nil: net.DefaultResolver
	TLS       *tls.Config   // nil: the system's roots

	public []netip.Prefix // tests: loopback addresses that stand for the internet
}

func (o Options) withDefaults() Options {
	if o.Ports == nil && !o.AllowPrivate {
		o.Ports = []uint16{443}
		if o.AllowHTTP {
			o.Ports = append(o.Ports, 80)
		}
	}
	if o.Timeout == 0 {
		o.Timeout = DefaultTimeout
	}
	if o.MaxBody == 0 {
		o.MaxBody = DefaultMaxBody
	}
	if o.PerHost <= 0 {
		o.PerHost = DefaultPerHost
	}
	if o.Idle <= 0 {
		o.Idle = idlePerHost
	}
	if o.UserAgent == "" {
		o.UserAgent = DefaultUserAgent
	}
	return o
}
