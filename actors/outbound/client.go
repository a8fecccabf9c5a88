package outbound

import (
	"fmt"
	"net"
	"net/http"
	"net/url"
	"strings"
	"syscall"

	"code.dny.dev/ssrf"
)

// NewClient returns a client that holds to o. It is safe for concurrent use; make
// one per kind of call and keep it, each has its own connections.
func NewClient(o Options) *http.Client {
	o = o.withDefaults()
	dialer := &net.Dialer{
		Timeout:   dialTimeout,
		KeepAlive: keepAliveTime,
		Resolver:  o.Resolver,
		Control:   control(o),
	}
	protocols := new(http.Protocols)
	protocols.SetHTTP1(true)
	protocols.SetHTTP2(!o.HTTP1)
	transport := &http.Transport{
		Proxy:                  nil,
		DialContext:            dialer.DialContext,
		TLSClientConfig:        o.TLS,
		TLSHandshakeTimeout:    dialTimeout,
		Protocols:              protocols,
		MaxResponseHeaderBytes: maxHeader,
		MaxIdleConns:           max(idleTotal, o.Idle),
		MaxIdleConnsPerHost:    o.Idle,
		IdleConnTimeout:        idleTime,
	}
	client := &http.Client{
		Transport: &guard{
			next:      transport,
			options:   o,
			inFlight:  newCounter(o.PerHost),
			userAgent: o.UserAgent,
		},
		CheckRedirect: redirects(o),
	}
	if o.Timeout > 0 {
		client.Timeout = o.Timeout
	}
	return client
}

// control judges the address that the dialler is about to connect to. It runs after
// resolution and once per address tried, so a name with one good and one bad address
// reaches only the good one.
func control(o Options) func(network, address string, c syscall.RawConn) error {
	if o.AllowPrivate {
		return func(network, address string, _ syscall.RawConn) error {
			return checkPort(o.Ports, network, address)
		}
	}
	guardian := ssrf.New(ssrf.WithPorts(o.Ports...), ssrf.WithAllowedV4Prefixes(o.public...))
	return func(network, address string, c syscall.RawConn) error {
		if err := guardian.Safe(network, address, c); err != nil {
			return fmt.Errorf("%w: %w", ErrForbidden, err)
		}
		return nil
	}
}

// checkPort is what is left of the policy for private destinations.
func checkPort(ports []uint16, network, address string) error {
	if network != "tcp4" && network != "tcp6" {
		return fmt.Errorf("%w: network %s", ErrForbidden, network)
	}
	if len(ports) == 0 {
		return nil
	}
	_, port, err := net.SplitHostPort(address)
	if err != nil {
		return fmt.Errorf("%w: %w", ErrForbidden, err)
	}
	for _, p := range ports {
		if port == fmt.Sprint(p) {
			return nil
		}
	}
	return fmt.Errorf("%w: port %s", ErrForbidden, port)
}

// redirects is the CheckRedirect of a client with these options.
func redirects(o Options) func(*http.Request, []*http.Request) error {
	return func(next *http.Request, via []*http.Request) error {
		if o.Redirects <= 0 {
			return http.ErrUseLastResponse
		}
		if len(via) > o.Redirects {
			return fmt.Errorf("%w: more than %d", ErrRedirect, o.Redirects)
		}
		from := via[len(via)-1].URL
		if from.Scheme == "https" && next.URL.Scheme != "https" {
			return fmt.Errorf("%w: from https to %s", ErrRedirect, next.URL.Scheme)
		}
		if !o.CrossHost && !strings.EqualFold(via[0].URL.Host, next.URL.Host) {
			return fmt.Errorf("%w: from %s to another host", ErrRedirect, via[0].URL.Host)
		}
		return nil
	}
}

// checkURL refuses what needs no resolution to be refused.
func checkURL(u *url.URL, allowHTTP bool) error {
	switch {
	case u.Scheme != "https" && !(u.Scheme == "http" && allowHTTP):
		return fmt.Errorf("%w: scheme %q", ErrForbidden, u.Scheme)
	case u.Hostname() == "":
		return fmt.Errorf("%w: no host", ErrForbidden)
	case u.User != nil:
		return fmt.Errorf("%w: user info in the URL", ErrForbidden)
	}
	return nil
}
