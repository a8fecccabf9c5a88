package web

import (
	"context"
	nethttp "net/http"

	"github.com/labstack/echo/v4"

	"troupe/http/xrpc"
)

// Pages answers the plain routes of a server.
type Pages struct {
	Identities *Identities
	Version    string
	Healthy    func(context.Context) error
	Home       nethttp.Handler // "/"; nil: the banner
	Dev        nethttp.Handler // "/dev/", of a development server; nil: not there
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
		"/.well-known/atproto-did": p.Identities.wellKnownDID,
		"/.well-known/did.json":    p.Identities.didDocument,
		"/tls-check":               p.Identities.tlsCheck,
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
