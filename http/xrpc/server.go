package xrpc

import (
	"context"
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"net/http"
	"net/netip"
	"runtime"
	"runtime/debug"
	"strings"
	"time"

	"github.com/bluesky-social/indigo/atproto/syntax"
	"github.com/labstack/echo/v4"
	"github.com/prometheus/client_golang/prometheus"
	"golang.org/x/sync/semaphore"

	"troupe/actors/lexicon"
)

// Options of a Server. The zero value works.
type Options struct {
	// Fallback answers methods that have no route (the proxy). Its requests' context holds a Call; it reports errors
	// with Fail. Without one they are answered with 501 MethodNotImplemented.
	Fallback http.Handler
	// Limit is the rate limiter: asked after credential and body, before the handler. in is a *P or an *I. For
	// Fallback the route, who and in are nil; for a Subscription who is.
	Limit func(c *Call, r *Route, who, in any) error
	// Proxies are believed about who their client is, beside those that ClientIP believes anyway.
	Proxies []netip.Prefix

	Log         *slog.Logger          // nil = slog.Default()
	Metrics     prometheus.Registerer // nil = counted but not shown
	Working     int                   // requests being worked on at a time; 0 = 1024
	Streams     int                   // uploads, downloads and proxied requests at a time; 0 = 2048
	Memory      int64                 // bytes of request bodies held at a time; 0 = 128 MiB
	Timeout     time.Duration         // of a handler without a stream; 0 = 60 s
	CheckOutput bool                  // hold answers to their lexicon (500 if they fail): for development and tests
}

// Server answers everything under /xrpc/. Safe for concurrent use.
type Server struct {
	// fixed by NewServer
	routes    map[syntax.NSID]*bound
	catalog   *lexicon.Catalog
	translate func(error) *Error
	fallback  http.Handler
	limit     func(c *Call, r *Route, who, in any) error
	proxies   []netip.Prefix
	log       *slog.Logger
	metrics   *metrics
	other     *observer
	timeout   time.Duration
	strict    bool

	// counters with locks of their own
	door     *door
	working  quota
	streams  quota
	memory   quota
	decoders *semaphore.Weighted // of bodies in memory: short work, so these wait
}

// NewServer checks every route against the catalog and panics when they disagree or one is there twice: those are
// mistakes in the program. translate maps the errors of handlers and verifiers to what a client is told; nil from it
// means 500.
func NewServer(routes []Route, catalog *lexicon.Catalog, translate func(error) *Error, o Options) *Server {
	s := &Server{
		routes: make(map[syntax.NSID]*bound, len(routes)), catalog: catalog, translate: translate,
		fallback: o.Fallback, limit: o.Limit, proxies: o.Proxies, log: o.Log, metrics: newMetrics(o.Metrics),
		timeout: or(o.Timeout, 60*time.Second), strict: o.CheckOutput,
		door:     newDoor(),
		working:  quota{max: int64(or(o.Working, 1024))},
		streams:  quota{max: int64(or(o.Streams, 2048))},
		memory:   quota{max: or(o.Memory, 128<<20)},
		decoders: semaphore.NewWeighted(int64(2 * runtime.GOMAXPROCS(0))),
	}
	if s.log == nil {
		s.log = slog.Default()
	}
	s.other = s.metrics.observer("other")
	for _, r := range routes {
		b, err := bind(r, catalog)
		if err != nil {
			panic(err)
		}
		if s.routes[r.NSID] != nil {
			panic(fmt.Sprintf("xrpc: %s has two routes", r.NSID))
		}
		b.observer = s.metrics.observer(string(r.NSID))
		s.routes[r.NSID] = b
	}
	return s
}

// nosniff is shared by all answers: header values are replaced, never changed in place.
var nosniff = []string{"nosniff"}

func or[T comparable](v, preset T) T {
	var zero T
	if v == zero {
		return preset
	}
	return v
}

// Mount routes /xrpc and everything below it to s, whatever the verb; routes that e has for paths of its own there
// (/xrpc/_health) come first.
func (s *Server) Mount(e *echo.Echo) {
	h := func(c echo.Context) error {
		s.ServeHTTP(c.Response(), c.Request())
		return nil
	}
	for _, path := range []string{"/xrpc", "/xrpc/*"} {
		e.Any(path, h)
		e.RouteNotFound(path, h) // verbs that echo does not know
	}
}

// Before answers requests whose path, as it was sent, is that of a method with a route, and leaves all others to next:
// the router of next has nothing to add about these, which are nearly all.
func (s *Server) Before(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		name, ok := strings.CutPrefix(r.URL.Path, prefix)
		if ok && r.URL.RawPath == "" && s.routes[syntax.NSID(name)] != nil {
			s.ServeHTTP(w, r)
			return
		}
		next.ServeHTTP(w, r)
	})
}

// Drain refuses new requests from now on and waits until those under way are answered, or ctx ends. Subscriptions are
// not waited for: they are told by Draining.
func (s *Server) Drain(ctx context.Context) error { return s.door.drain(ctx) }

// Draining is closed when Drain is called.
func (s *Server) Draining() <-chan struct{} { return s.door.closed }

func (s *Server) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	began := time.Now()
	c := &Call{ClientIP: ClientIP(r, s.proxies), RequestID: newRequestID(), server: s}
	c.writer = &c.recorder
	c.writer.record(w, r)
	c.Request = r.WithContext(context.WithValue(r.Context(), callKey{}, c))
	defer c.linger(r.Body) // last: nobody waits for it
	s.metrics.inFlight.Inc()
	defer func() {
		s.metrics.inFlight.Dec()
		s.observe(c, began)
	}()
	h := c.writer.Header()
	h["X-Request-Id"] = []string{c.RequestID}
	if cors(h, r) {
		c.writer.WriteHeader(http.StatusNoContent)
		return
	}
	h["X-Content-Type-Options"] = nosniff
	authenticated(h, r)
	if !s.door.enter() {
		s.metrics.refused.WithLabelValues("draining").Inc()
		h.Set("Connection", "close") // so that the next request finds another process
		c.fail(busy("The server is shutting down", "5"))
		return
	}
	defer func() {
		if !c.outside {
			s.door.leave()
		}
	}()
	defer func() { s.memory.give(c.charged) }()
	defer s.recover(c)
	if err := s.call(c); err != nil {
		c.fail(err)
	}
	s.memory.give(c.charged) // before the client knows: its next body may need the room
	c.charged = 0
	c.finish()
}

// recover answers for a handler that panicked, once; the rest of the process goes on.
func (s *Server) recover(c *Call) {
	v := recover()
	if v == nil {
		return
	}
	if v == http.ErrAbortHandler {
		panic(v)
	}
	s.log.LogAttrs(c.Request.Context(), slog.LevelError, "panic", slog.String("request", c.RequestID),
		slog.String("nsid", string(c.NSID)), slog.Any("panic", v), slog.String("stack", string(debug.Stack())))
	if c.writer.began {
		panic(http.ErrAbortHandler)
	}
	_ = c.writeJSON(http.StatusInternalServerError, map[string]string{"error": nameOf(500), "message": "Internal Server Error"})
	c.finish()
}

// finish sends what is left of the response.
func (c *Call) finish() {
	if c.outside {
		return // the connection is not ours any more
	}
	c.writer.finish()
}

// newRequestID makes a name that tells requests apart in logs. It is no secret and need not be hard to guess.
func newRequestID() string {
	var raw [16]byte
	binary.BigEndian.PutUint64(raw[:], rand.Uint64())
	binary.BigEndian.PutUint64(raw[8:], rand.Uint64())
	var text [20]byte
	hex.Encode(text[:], raw[:10])
	return string(text[:])
}
