package xrpc

import (
	"context"
	"log/slog"
	"net/http"
	"time"

	"troupe/actors/lexicon"

	"github.com/labstack/echo/v4"
	"github.com/prometheus/client_golang/prometheus"
)

// Options of a Server. The zero value works.
type Options struct {
	Fallback http.Handler                                      // methods that have no route (the proxy); nil = 501 MethodNotImplemented
	Limit    func(c *Call, r *Route, who any, input any) error // rate limiter, asked after auth and body, before the handler
	Log      *slog.Logger                                      // nil = slog.Default()
	Metrics  prometheus.Registerer                             // nil = none
	Working  int                                               // requests worked on at a time; 0 = 1024
	Streams  int                                               // uploads and downloads at a time; 0 = 256
	Timeout  time.Duration                                     // of a handler that is not a stream; 0 = 60 s
}

// Server answers everything under /xrpc/.
type Server struct{}

// NewServer checks every route against the catalog and panics when they disagree: that is a mistake in the program.
// translate maps the errors of handlers and verifiers to what a client is told; nil from it means 500.
func NewServer(routes []Route, catalog *lexicon.Catalog, translate func(error) *Error, o Options) *Server {
	return &Server{}
}

// Mount routes /xrpc/* of e to s.
func (s *Server) Mount(e *echo.Echo) {}

func (s *Server) ServeHTTP(w http.ResponseWriter, r *http.Request) {}

// Drain refuses new requests (503, Retry-After, Connection: close) and waits until those under way are answered.
func (s *Server) Drain(ctx context.Context) error { return nil }
