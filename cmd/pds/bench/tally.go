package bench

import (
	"math"
	"slices"
	"time"
)

// tally is what was counted in one or more rounds of a scenario.
type tally struct {
	ops     int           // answered as asked
	elapsed time.Duration // in which they were
	watched time.Duration // over which CPU was counted
	rates   []float64     // of each round
	latency []time.Duration
	errors  map[string]int
	limited bool
	bytes   int64 // of bodies, where a scenario counts them

	serverCPU, ownCPU, otherCPU time.Duration
	serverKnown                 bool
	rss, rssGrown, written      int64

	lag       []time.Duration // firehose: from the write's answer
	delivered int
	lost      int // deliveries that did not come
	claimed   int // writes that were acknowledged and asked for
	proved    int
	figures   []Figure
	notes     []string
}

// Figure is one that only some scenarios have: the mean of Times measurements.
type Figure struct {
	Name  string  `json:"name"`
	Value float64 `json:"value"`
	Times int     `json:"times"`
}

// figure adds a measurement; names end with the unit.
func (t *tally) figure(name string, value float64) { t.join(Figure{name, value, 1}) }

func (t *tally) join(f Figure) {
	i := slices.IndexFunc(t.figures, func(g Figure) bool { return g.Name == f.Name })
	if i < 0 {
		t.figures = append(t.figures, f)
		return
	}
	g := &t.figures[i]
	g.Value = (g.Value*float64(g.Times) + f.Value*float64(f.Times)) / float64(g.Times+f.Times)
	g.Times += f.Times
}

// notServed is true when nothing was done because the server does not have the method.
func (t *tally) notServed() bool {
	return t.ops == 0 && len(t.errors) == 1 && t.errors[nameNotServed] > 0
}

func (t *tally) failed(err error) {
	if t.errors == nil {
		t.errors = map[string]int{}
	}
	t.errors[errorName(err)]++
	t.limited = t.limited || limited(err)
}

// spent adds what was used between two moments.
func (t *tally) spent(before, after usage) {
	t.elapsed += after.at.Sub(before.at)
	t.watched += after.at.Sub(before.at)
	t.ownCPU += after.own - before.own
	t.otherCPU += after.busy - before.busy - (after.own - before.own)
	if before.known && after.known {
		t.serverKnown = true
		t.serverCPU += after.server - before.server
		t.otherCPU -= after.server - before.server
		t.written += after.written - before.written
		t.rss = after.rss
	}
}

// add joins another tally of the same scenario.
func (t *tally) add(o tally) {
	t.ops += o.ops
	t.elapsed += o.elapsed
	t.watched += o.watched
	t.rates = append(t.rates, o.rates...)
	t.latency = append(t.latency, o.latency...)
	for name, n := range o.errors {
		if t.errors == nil {
			t.errors = map[string]int{}
		}
		t.errors[name] += n
	}
	t.limited = t.limited || o.limited
	t.bytes += o.bytes
	t.serverCPU += o.serverCPU
	t.ownCPU += o.ownCPU
	t.otherCPU += o.otherCPU
	t.serverKnown = t.serverKnown || o.serverKnown
	t.rss = max(t.rss, o.rss)
	t.rssGrown = max(t.rssGrown, o.rssGrown)
	t.written += o.written
	t.lag = append(t.lag, o.lag...)
	t.delivered += o.delivered
	t.lost += o.lost
	t.claimed += o.claimed
	t.proved += o.proved
	for _, f := range o.figures {
		t.join(f)
	}
	for _, n := range o.notes {
		t.note(n)
	}
}

func (t *tally) note(n string) {
	if !slices.Contains(t.notes, n) {
		t.notes = append(t.notes, n)
	}
}

func (t *tally) rate() float64 { return per(float64(t.ops), t.elapsed.Seconds()) }

// per is a quotient, 0 when there is nothing to divide by.
func per(a, b float64) float64 {
	if b <= 0 {
		return 0
	}
	return a / b
}

// percentile is the smallest value that a share p (0 to 1) of all values does
// not exceed; 0 of none. It sorts its argument.
func percentile(values []time.Duration, p float64) time.Duration {
	if len(values) == 0 {
		return 0
	}
	slices.Sort(values)
	rank := int(math.Ceil(p * float64(len(values))))
	return values[min(max(rank, 1), len(values))-1]
}
