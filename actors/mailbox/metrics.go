package mailbox

import (
	"reflect"
	"sync"
	"sync/atomic"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promauto"
)

// turnSeconds is the saturation of each kind of actor: the rate of its sum is
// how many of them are busy at a time.
var turnSeconds = promauto.NewHistogramVec(prometheus.HistogramOpts{
	Name:    "troupe_actor_turn_seconds",
	Help:    "Time an actor spent in one turn, by kind of actor and message.",
	Buckets: []float64{.0001, .0003, .001, .003, .01, .03, .1, .3, 1, 3, 10},
}, []string{"actor", "message"})

// kind is a kind of actor: all those behind one router, or one singleton.
type kind struct {
	name    string
	crashes atomic.Int64
	turns   sync.Map // reflect.Type or string → prometheus.Observer: labels are looked up once
}

func (k *kind) observe(message reflect.Type, d time.Duration) {
	k.observer(message, func() string {
		if message.Kind() == reflect.Pointer {
			return message.Elem().Name()
		}
		return message.Name()
	}).Observe(d.Seconds())
}

func (k *kind) observeNamed(turn string, d time.Duration) {
	k.observer(turn, func() string { return turn }).Observe(d.Seconds())
}

func (k *kind) observer(key any, label func() string) prometheus.Observer {
	if o, ok := k.turns.Load(key); ok {
		return o.(prometheus.Observer)
	}
	o := turnSeconds.WithLabelValues(k.name, label())
	k.turns.Store(key, o)
	return o
}

// Stats are figures since the start (counters) and of now (Live, Queued).
type Stats struct {
	Live        int   // actors alive: active or leaving
	Queued      int   // requests admitted and not yet answered
	Activations int64 // instances' hosts started; a restart after a crash is not counted
	Evictions   int64 // passivated to make room
	Crashes     int64 // panics in Start, Receive, Run, Idle or Stop
	Busy        int64 // requests refused with ErrBusy
	Quarantined int64 // times a key was put into quarantine
}

// source is a router or a singleton.
type source interface{ stats() (name string, s Stats) }

// watched holds every source that has not been closed: what metrics read.
var watched sync.Map // source → nothing

type collector map[*prometheus.Desc]column

type column struct {
	kind prometheus.ValueType
	read func(Stats) float64
}

func init() {
	c := collector{}
	add := func(name, help string, kind prometheus.ValueType, read func(Stats) float64) {
		c[prometheus.NewDesc("troupe_actor_"+name, help, []string{"actor"}, nil)] = column{kind, read}
	}
	const gauge, counter = prometheus.GaugeValue, prometheus.CounterValue
	add("live", "Actors alive.", gauge, func(s Stats) float64 { return float64(s.Live) })
	add("mailbox_depth", "Requests admitted and not yet answered.", gauge, func(s Stats) float64 { return float64(s.Queued) })
	add("activations_total", "Actors activated.", counter, func(s Stats) float64 { return float64(s.Activations) })
	add("evictions_total", "Actors passivated to make room.", counter, func(s Stats) float64 { return float64(s.Evictions) })
	add("crashes_total", "Panics in turns.", counter, func(s Stats) float64 { return float64(s.Crashes) })
	add("busy_total", "Requests refused because too many were waiting.", counter, func(s Stats) float64 { return float64(s.Busy) })
	add("quarantined_total", "Keys put into quarantine.", counter, func(s Stats) float64 { return float64(s.Quarantined) })
	prometheus.MustRegister(c)
}

// Describe implements prometheus.Collector.
func (c collector) Describe(out chan<- *prometheus.Desc) {
	for d := range c {
		out <- d
	}
}

// Collect implements prometheus.Collector. Sources of one name are added up.
func (c collector) Collect(out chan<- prometheus.Metric) {
	sums := map[string]Stats{}
	watched.Range(func(k, _ any) bool {
		name, s := k.(source).stats()
		sums[name] = sums[name].plus(s)
		return true
	})
	for name, s := range sums {
		for d, col := range c {
			out <- prometheus.MustNewConstMetric(d, col.kind, col.read(s), name)
		}
	}
}

func (s Stats) plus(o Stats) Stats {
	return Stats{
		Live: s.Live + o.Live, Queued: s.Queued + o.Queued,
		Activations: s.Activations + o.Activations, Evictions: s.Evictions + o.Evictions,
		Crashes: s.Crashes + o.Crashes, Busy: s.Busy + o.Busy, Quarantined: s.Quarantined + o.Quarantined,
	}
}
