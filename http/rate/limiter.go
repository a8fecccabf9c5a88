package rate

import (
	"crypto/subtle"
	"net/netip"
	"slices"
	"strconv"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"troupe/http/xrpc"
)

// Options of a Limiter.
type Options struct {
	BypassKey string         // who sends it as X-Ratelimit-Bypass is not counted; "": nobody
	Bypass    []netip.Prefix // addresses that are not counted
	Keys      int            // windows that are kept of each kind; 0: 131072
	Now       func() time.Time
	Metrics   prometheus.Registerer // nil: none
}

// Limiter counts. Safe for concurrent use; a nil one lets everybody in.
type Limiter struct {
	// fixed by New
	bypassKey string
	bypass    []netip.Prefix
	global    *bucket
	now       func() time.Time
	began     time.Time
	hash      hasher
	limited   *prometheus.CounterVec

	// windows by kind of key; each has locks of its own
	addresses *windows
	accounts  *windows
	names     *windows

	buckets uint32 // made so far, all before the first call
}

// bucket is a bound, with what is said about it.
type bucket struct {
	id     uint32
	name   string
	points int64
	length int64 // nanoseconds
	limit  []string
	policy []string
}

// New makes a limiter that knows no routes yet.
func New(o Options) *Limiter {
	keys := o.Keys
	if keys == 0 {
		keys = 1 << 17
	}
	l := &Limiter{
		bypassKey: o.BypassKey, bypass: o.Bypass, now: o.Now, hash: newHasher(),
		addresses: newWindows(keys), accounts: newWindows(keys), names: newWindows(keys),
		limited: prometheus.NewCounterVec(prometheus.CounterOpts{Name: "troupe_http_limited_total",
			Help: "Requests refused by a rate limit, by the limit."}, []string{"limit"}),
	}
	if l.now == nil {
		l.now = time.Now
	}
	l.began = l.now()
	if o.Metrics != nil {
		l.limited = xrpc.Register(o.Metrics, l.limited)
	}
	l.global = l.bucket("global-ip", Global)
	return l
}

func (l *Limiter) bucket(name string, w Window) *bucket {
	l.buckets++
	points := strconv.FormatInt(w.Points, 10)
	return &bucket{
		id: l.buckets, name: name, points: w.Points, length: int64(w.Time), limit: []string{points},
		policy: []string{points + ";w=" + strconv.FormatInt(int64(w.Time/time.Second), 10)},
	}
}

func (l *Limiter) taking() taking {
	at := l.now()
	return taking{l: l, at: at, now: int64(at.Sub(l.began))}
}

// exempt says whether a call is not counted.
func (l *Limiter) exempt(c *xrpc.Call) bool {
	if l.bypassKey != "" {
		if k := c.Request.Header["X-Ratelimit-Bypass"]; len(k) > 0 && subtle.ConstantTimeCompare([]byte(k[0]), []byte(l.bypassKey)) == 1 {
			return true
		}
	}
	return slices.ContainsFunc(l.bypass, func(p netip.Prefix) bool { return p.Contains(c.ClientIP) })
}
