package oauth

import (
	"context"
	"log/slog"
	nethttp "net/http"

	"github.com/bluesky-social/indigo/atproto/syntax"
	"github.com/labstack/echo/v4"

	"troupe/actors/account"
	"troupe/actors/mailbox"
	"troupe/actors/permission"
	"troupe/http/dpop"
	"troupe/http/oauth/client"
	"troupe/http/xrpc"
)

// Server is the authorization server.
type Server struct {
	Issuer   string // public URL, without a trailing slash
	DID      syntax.DID
	Accounts mailbox.Address[*account.Accounts]
	Private  *account.Reads
	Tokens   account.Tokens
	Clients  *client.Registry
	Proofs   *dpop.Checker
	// Sets finds a published permission set.
	Sets   func(context.Context, syntax.NSID) (permission.Published, error)
	Logger *slog.Logger
}

// Mount adds the endpoints to e.
func (s *Server) Mount(e *echo.Echo) {
	open := echo.WrapMiddleware(xrpc.CORS) // apps run in browsers
	for path, doc := range map[string]any{
		"/.well-known/oauth-authorization-server": s.metadata(),
		"/.well-known/oauth-protected-resource":   s.resource(),
		"/oauth/jwks":                             map[string]any{"keys": []any{}}, // tokens are for this server alone
	} {
		h := func(c echo.Context) error {
			c.Response().Header().Set("Cache-Control", "max-age=300")
			return c.JSON(nethttp.StatusOK, doc)
		}
		e.Match([]string{nethttp.MethodGet, nethttp.MethodHead, nethttp.MethodOptions}, path, h, open)
	}
	for path, h := range map[string]endpoint{"/oauth/par": s.push, "/oauth/token": s.token, "/oauth/revoke": s.revoke} {
		e.Any(path, s.endpoint(h), open)
	}
}

// endpoint answers one call of an app: status and JSON, or an error.
type endpoint func(r *nethttp.Request, in input) (status int, out any, err error)

// endpoint puts what all calls have in common around one.
func (s *Server) endpoint(call endpoint) echo.HandlerFunc {
	return func(c echo.Context) error {
		r, h := c.Request(), c.Response().Header()
		if r.Method != nethttp.MethodPost {
			h.Set("Allow", "POST, OPTIONS")
			return c.NoContent(nethttp.StatusMethodNotAllowed)
		}
		h.Set("Cache-Control", "no-store")
		h.Set("Pragma", "no-cache")
		h.Set("DPoP-Nonce", s.Proofs.Nonces.Next())
		in, err := read(r)
		var status int
		var out any
		if err == nil {
			status, out, err = call(r, in)
		}
		if err != nil {
			return s.refuse(c, err)
		}
		return c.JSON(status, out)
	}
}
