package rate

import (
	"net/http"
	"strconv"
	"time"

	"troupe/http/xrpc"
)

// most is how many buckets one call takes from at most.
const most = 8

// taking is one call's way through its buckets.
type taking struct {
	l   *Limiter
	at  time.Time
	now int64 // at, by the limiter's clock

	taken   [most]taken
	n, kept int // taken[:kept] is not given back

	tightest *bucket // which has the fewest points left; nil: nothing was counted
	left     int64
	ends     int64
}

type taken struct {
	table *windows
	key   key
	cost  int64
	ends  int64
}

// take takes points, and says no if there are not as many. Nobody in particular has any number.
func (t *taking) take(table *windows, b *bucket, who subject, cost int64) bool {
	if !who.some || cost < 1 {
		return true
	}
	k := key{b.id, who}
	left, ends, ok := table.take(k, cost, b.points, b.length, t.now)
	if !ok || t.tightest == nil || left <= t.left {
		t.tightest, t.left, t.ends = b, left, ends
	}
	if ok {
		t.taken[t.n] = taken{table, k, cost, ends}
		t.n++
	}
	return ok
}

func (t *taking) giveBack() {
	for _, p := range t.taken[t.kept:t.n] {
		p.table.give(p.key, p.cost, p.ends)
	}
	t.n = t.kept
}

// tell says in the response's header how much is left of the tightest bound.
func (t *taking) tell(c *xrpc.Call) {
	b := t.tightest
	if b == nil {
		return
	}
	h := c.Header()
	// What is the same for all answers is shared: header values are replaced, never changed in place.
	h["Ratelimit-Limit"], h["Ratelimit-Policy"] = b.limit, b.policy
	reset := t.at.Add(time.Duration(t.ends - t.now)).Unix()
	changing := [2]string{strconv.FormatInt(max(t.left, 0), 10), strconv.FormatInt(reset, 10)}
	h["Ratelimit-Remaining"], h["Ratelimit-Reset"] = changing[:1:1], changing[1:]
}

// refuse is the answer to a call of which the last take said no.
func (t *taking) refuse(c *xrpc.Call) error {
	t.left = 0
	t.tell(c)
	t.l.limited.WithLabelValues(t.tightest.name).Inc()
	wait := (time.Duration(t.ends-t.now) + time.Second - 1) / time.Second
	return &xrpc.Error{
		Status: http.StatusTooManyRequests, Message: "Rate Limit Exceeded",
		Header: http.Header{"Retry-After": {strconv.FormatInt(int64(wait), 10)}},
	}
}
