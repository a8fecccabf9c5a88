package web

import (
	"context"
	"net"
	nethttp "net/http"
	"strings"

	"github.com/bluesky-social/indigo/atproto/syntax"
	"github.com/labstack/echo/v4"

	"troupe/actors/account"
	"troupe/http/xrpc"
)

// Pages answers the plain routes of a server.
type Pages struct {
	DID     syntax.DID
	URL     string   // public, without a trailing slash
	Domains []string // handle domains, with their leading dot
	Index   *account.Index
	Version string
	Healthy func(context.Context) error
	Home    nethttp.Handler // "/"; nil: the banner
	Dev     nethttp.Handler // "/dev/", of a development server; nil: not there
}

const banner = `This is an AT Protocol Personal Data Server (PDS): https://atproto.com

Most API routes are under /xrpc/
`

// Mount adds the routes to e.
func (p *Pages) Mount(e *echo.Echo) {
	if p.Dev != nil {
		e.Any("/dev/*", echo.WrapHandler(p.Dev))
	}
	open := echo.WrapMiddleware(xrpc.CORS) // web pages resolve handles, too
	for path, h := range map[string]echo.HandlerFunc{
		"/":                        p.home,
		"/robots.txt":              p.robots,
		"/xrpc/_health":            p.health,
		"/.well-known/atproto-did": p.atprotoDID,
		"/.well-known/did.json":    p.didDocument,
	} {
		if path == "/" && p.Home != nil {
			h = echo.WrapHandler(p.Home) // not for scripts of other origins
			e.Match([]string{nethttp.MethodGet, nethttp.MethodHead}, path, h)
			continue
		}
		e.Match([]string{nethttp.MethodGet, nethttp.MethodHead, nethttp.MethodOptions}, path, h, open)
	}
}

func (p *Pages) home(c echo.Context) error { return c.String(nethttp.StatusOK, banner) }

func (p *Pages) robots(c echo.Context) error {
	return c.String(nethttp.StatusOK, "# Hello!\n\n# Crawling the public API is allowed\nUser-agent: *\nAllow: /\n")
}

// health answers whether the server can do its work.
func (p *Pages) health(c echo.Context) error {
	if err := p.Healthy(c.Request().Context()); err != nil {
		return c.JSON(nethttp.StatusServiceUnavailable, map[string]string{"version": p.Version, "error": "Service Unavailable"})
	}
	return c.JSON(nethttp.StatusOK, map[string]string{"version": p.Version})
}

// atprotoDID proves that a handle under one of this server's domains belongs
// to an account: the handle is the host that is asked
// (atproto.com/specs/handle, "HTTPS well-known Method").
func (p *Pages) atprotoDID(c echo.Context) error {
	// X-Forwarded-Host is not believed: behind a cache, whoever may send it could
	// have another DID kept under a handle's own name.
	host := c.Request().Host
	if h, _, err := net.SplitHostPort(host); err == nil {
		host = h
	}
	host = strings.ToLower(host)
	for _, domain := range p.Domains {
		if !strings.HasSuffix(host, domain) && host != strings.TrimPrefix(domain, ".") {
			continue
		}
		if a, ok := p.Index.ByHandle(syntax.Handle(host)); ok && a.Active() {
			return c.String(nethttp.StatusOK, a.DID.String())
		}
	}
	return c.String(nethttp.StatusNotFound, "User not found")
}

// didDocument describes the server itself, if it is a did:web of its host.
func (p *Pages) didDocument(c echo.Context) error {
	if p.DID.Method() != "web" {
		return c.String(nethttp.StatusNotFound, "Not found")
	}
	return c.JSON(nethttp.StatusOK, map[string]any{
		"@context": []string{"https://www.w3.org/ns/did/v1"},
		"id":       p.DID,
		"service": []map[string]string{{
			"id": "#atproto_pds", "type": "AtprotoPersonalDataServer", "serviceEndpoint": p.URL,
		}},
	})
}
