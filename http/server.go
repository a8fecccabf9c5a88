package http

import (
	"context"
	"errors"
	"log/slog"
	"net"
	nethttp "net/http"
	"net/netip"
	"time"

	"github.com/labstack/echo/v4"
	"github.com/prometheus/client_golang/prometheus"

	"troupe/http/atproto"
	"troupe/http/auth"
	"troupe/http/bsky"
	"troupe/http/firehose"
	"troupe/http/proxy"
	"troupe/http/rate"
	"troupe/http/upstream"
	"troupe/http/web"
	"troupe/http/xrpc"
)

// Limits on what a peer may make the server wait for.
const (
	headerTimeout = 10 * time.Second
	keepAlive     = 90 * time.Second
	maxHeader     = 64 << 10
)

// Config is what a server is made of.
type Config struct {
	Verifier *auth.Verifier
	Service  *atproto.Service
	Firehose *firehose.Server
	Pages    *web.Pages
	Upstream *upstream.Client // other services, on behalf of accounts
	Limiter  *rate.Limiter    // nil: everybody may ask as often as they like
	Proxies  []netip.Prefix   // that are believed about who their client is, beside private addresses
	Bluesky  *bsky.Service    // of no use without an app view
	Logger   *slog.Logger
	Metrics  prometheus.Registerer // nil: none

	// CheckOutput holds every answer to its lexicon: for development and tests.
	CheckOutput bool
	Connections int // open at a time; further ones wait to be accepted. 0: any number
}

// Server answers HTTP on one listener.
type Server struct {
	xrpc     *xrpc.Server
	firehose *firehose.Server
	http     *nethttp.Server
	log      *slog.Logger
	conns    int
}

// New joins the route table with the handlers. It panics when the table and
// the lexicon catalog disagree: that is a mistake in the program.
func New(c Config) *Server {
	table := surface(c)
	x := xrpc.NewServer(table, c.Service.Lexicons, translate, xrpc.Options{
		Fallback: proxy.CatchAll{Upstream: c.Upstream, Verify: c.Verifier.AsOwnerUp},
		Limit:    c.Limiter.Routes(table), Proxies: c.Proxies,
		Log: c.Logger, Metrics: c.Metrics, CheckOutput: c.CheckOutput,
	})
	e := echo.New()
	e.HideBanner, e.HidePort = true, true
	e.HTTPErrorHandler = plainError
	c.Pages.Mount(e)
	x.Mount(e)
	return &Server{
		xrpc: x, firehose: c.Firehose, log: c.Logger, conns: c.Connections,
		http: &nethttp.Server{
			Handler: x.Before(e), ReadHeaderTimeout: headerTimeout, IdleTimeout: keepAlive, MaxHeaderBytes: maxHeader,
			ErrorLog: slog.NewLogLogger(c.Logger.Handler(), slog.LevelDebug),
		},
	}
}

// Handler is the server without a listener, for tests.
func (s *Server) Handler() nethttp.Handler { return s.http.Handler }

// Serve answers on l until Shutdown.
func (s *Server) Serve(l net.Listener) error {
	if s.conns > 0 {
		l = limit(l, s.conns)
	}
	if err := s.http.Serve(l); !errors.Is(err, nethttp.ErrServerClosed) {
		return err
	}
	return nil
}

// Shutdown refuses new work, finishes what is under way, ends the firehose and
// closes every socket; ctx bounds the wait.
func (s *Server) Shutdown(ctx context.Context) error {
	if err := s.xrpc.Drain(ctx); err != nil {
		s.log.Warn("requests were cut off", "err", err)
	}
	s.firehose.Close()
	if err := s.http.Shutdown(ctx); err != nil {
		return s.http.Close()
	}
	return nil
}

// plainError answers what no route answers.
func plainError(err error, c echo.Context) {
	if c.Response().Committed {
		return
	}
	status := nethttp.StatusInternalServerError
	var he *echo.HTTPError
	if errors.As(err, &he) {
		status = he.Code
	}
	c.String(status, nethttp.StatusText(status))
}
