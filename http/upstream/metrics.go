package upstream

import (
	"context"
	"errors"

	"github.com/prometheus/client_golang/prometheus"

	"troupe/actors/outbound"
)

// metrics of what was asked of others. Strangers' services share one label, so
// that clients cannot make up series.
type metrics struct {
	requests *prometheus.CounterVec
	seconds  *prometheus.HistogramVec
	inFlight prometheus.Gauge
}

func newMetrics(r prometheus.Registerer) *metrics {
	m := &metrics{
		requests: prometheus.NewCounterVec(prometheus.CounterOpts{Name: "troupe_upstream_requests_total",
			Help: "Requests to other services on behalf of accounts, by service and outcome."}, []string{"service", "outcome"}),
		seconds: prometheus.NewHistogramVec(prometheus.HistogramOpts{Name: "troupe_upstream_header_seconds",
			Help:    "Time until the header of an answer came, by service.",
			Buckets: []float64{.001, .0025, .005, .01, .025, .05, .1, .25, .5, 1, 2.5, 10, 60}}, []string{"service"}),
		inFlight: prometheus.NewGauge(prometheus.GaugeOpts{Name: "troupe_upstream_in_flight",
			Help: "Requests to other services whose answers are not read to their end."}),
	}
	if r != nil {
		m.requests, m.seconds, m.inFlight = register(r, m.requests), register(r, m.seconds), register(r, m.inFlight)
	}
	return m
}

// register lets several clients (in tests, one after the other) share a registry.
func register[C prometheus.Collector](r prometheus.Registerer, c C) C {
	var already prometheus.AlreadyRegisteredError
	switch err := r.Register(c); {
	case errors.As(err, &already):
		return already.ExistingCollector.(C)
	case err != nil:
		panic(err)
	}
	return c
}

func (s Service) label() string {
	switch {
	case !s.named:
		return "other"
	case s.ID == idLabeler:
		return "moderation"
	}
	return "appview"
}

// outcome names how a request ended.
func outcome(a *Answer, err error) string {
	switch {
	case a != nil && a.Status < 400:
		return "ok"
	case a != nil && a.Status < 500:
		return "refused"
	case a != nil:
		return "failed"
	case errors.Is(err, errOpen):
		return "open"
	case errors.Is(err, outbound.ErrBusy):
		return "busy"
	case errors.Is(err, errSlowHeader):
		return "slow"
	case errors.Is(err, outbound.ErrForbidden), errors.Is(err, errEndpoint):
		return "forbidden"
	case errors.Is(err, context.Canceled):
		return "gone"
	}
	return "unreachable"
}
