package xrpc

import (
	"context"
	"errors"
	"log/slog"
	"net/http"
	"slices"
	"strconv"
	"sync/atomic"
	"time"

	"github.com/prometheus/client_golang/prometheus"
)

// metrics of the server. Methods without a route share one label value, so that callers cannot make up series.
type metrics struct {
	requests *prometheus.CounterVec
	seconds  *prometheus.HistogramVec
	inFlight prometheus.Gauge
	refused  *prometheus.CounterVec
}

func newMetrics(r prometheus.Registerer) *metrics {
	m := &metrics{
		requests: prometheus.NewCounterVec(prometheus.CounterOpts{Name: "troupe_http_requests_total",
			Help: "Requests answered, by method and status."}, []string{"nsid", "status"}),
		seconds: prometheus.NewHistogramVec(prometheus.HistogramOpts{Name: "troupe_http_request_seconds",
			Help:    "Time from the header of a request to the end of its answer, by method.",
			Buckets: []float64{.001, .0025, .005, .01, .025, .05, .1, .25, .5, 1, 2.5, 10, 60}}, []string{"nsid"}),
		inFlight: prometheus.NewGauge(prometheus.GaugeOpts{Name: "troupe_http_in_flight",
			Help: "Requests under way. Subscriptions have left: see troupe_firehose_connections."}),
		refused: prometheus.NewCounterVec(prometheus.CounterOpts{Name: "troupe_http_refused_total",
			Help: "Requests refused at the door, by reason."}, []string{"reason"}),
	}
	if r != nil {
		m.requests = Register(r, m.requests)
		m.seconds = Register(r, m.seconds)
		m.inFlight = Register(r, m.inFlight)
		m.refused = Register(r, m.refused)
	}
	return m
}

// Register lets several servers (in tests, one after the other) share a registry.
func Register[C prometheus.Collector](r prometheus.Registerer, c C) C {
	var already prometheus.AlreadyRegisteredError
	switch err := r.Register(c); {
	case errors.As(err, &already):
		return already.ExistingCollector.(C)
	case err != nil:
		panic(err)
	}
	return c
}

// observer holds a method's series, so that a request does not look them up.
type observer struct {
	nsid     string
	seconds  prometheus.Observer
	requests *prometheus.CounterVec
	ok       atomic.Pointer[prometheus.Counter] // of status 200; nil until the first
}

func (m *metrics) observer(nsid string) *observer {
	return &observer{nsid: nsid, seconds: m.seconds.WithLabelValues(nsid), requests: m.requests}
}

func (o *observer) count(status int) {
	if status != http.StatusOK {
		o.requests.WithLabelValues(o.nsid, strconv.Itoa(status)).Inc()
		return
	}
	ok := o.ok.Load()
	if ok == nil {
		c := o.requests.WithLabelValues(o.nsid, "200")
		ok = &c
		o.ok.Store(ok)
	}
	(*ok).Inc()
}

// observe counts and logs a request that has been answered.
func (s *Server) observe(c *Call, began time.Time) {
	took := time.Since(began)
	o := s.other
	if b := s.routes[c.NSID]; b != nil && c.NSID != "" {
		o = b.observer
	}
	status := c.writer.status
	if status == 0 {
		status = http.StatusOK // what the server makes of a handler that wrote nothing
	}
	o.seconds.Observe(took.Seconds())
	o.count(status)
	if !s.log.Enabled(context.Background(), slog.LevelInfo) {
		return
	}
	s.log.LogAttrs(c.Request.Context(), slog.LevelInfo, "request",
		slog.String("request", c.RequestID),
		slog.String("verb", c.Request.Method),
		slog.String("nsid", string(c.NSID)),
		slog.Int("status", status),
		slog.Int64("bytes", c.writer.bytes),
		slog.Duration("took", took),
		slog.Any("client", c.ClientIP),
		slog.String("agent", short(c.Request.UserAgent())),
	)
}

// short keeps what others write out of our log's size.
func short(s string) string { return s[:min(len(s), 200)] }

// authenticated marks the answer to whoever says who he is.
func authenticated(h http.Header, r *http.Request) {
	if values := r.Header["Authorization"]; len(values) > 0 && values[0] != "" {
		private(h)
	}
}

// private marks an answer that was made for one caller, so that shared caches neither keep nor mix it up.
func private(h http.Header) {
	h["Cache-Control"] = privateCache
	switch vary := h["Vary"]; {
	case len(vary) == 0:
		h["Vary"] = varyAuthorization
	case !slices.Contains(vary, "Authorization"):
		h.Add("Vary", "Authorization")
	}
}

// Shared by all answers: header values are replaced or copied to grow, never changed in place.
var (
	privateCache      = []string{"private"}
	varyAuthorization = []string{"Authorization"}
)
