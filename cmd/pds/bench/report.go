package bench

import (
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"slices"
	"strconv"
	"strings"
	"text/tabwriter"
	"time"
)

// Report is what a run found. The JSON form has the same fields.
type Report struct {
	Started    time.Time `json:"started"`
	Cores      int       `json:"cores"`
	LoadBefore string    `json:"loadBefore"` // first field of /proc/loadavg
	LoadAfter  string    `json:"loadAfter"`
	Options    Options   `json:"-"`
	Rows       []Row     `json:"rows"` // of each scenario one a server
	Notes      []string  `json:"notes,omitempty"`
}

// Row is one scenario on one server. A figure that does not apply, or was not
// to be had, is 0.
type Row struct {
	Scenario  string         `json:"scenario"`
	Server    string         `json:"server"`
	Unit      string         `json:"unit"` // what an operation is
	Failed    string         `json:"failed,omitempty"`
	NotServed bool           `json:"notServed,omitempty"` // the server does not have the method
	Ops       int            `json:"ops"`
	Rate      float64        `json:"opsPerSecond"`
	RateMin   float64        `json:"opsPerSecondMin"` // of the rounds
	RateMax   float64        `json:"opsPerSecondMax"`
	P50       float64        `json:"p50Ms"`
	P99       float64        `json:"p99Ms"`
	Errors    map[string]int `json:"errors,omitempty"`
	Limited   bool           `json:"rateLimited"`
	ServerCPU float64        `json:"serverCpuMicrosPerOp"`
	ServerRSS float64        `json:"serverRssMB"` // at the end
	RSSGrown  float64        `json:"serverRssGrownMB,omitempty"`
	Written   float64        `json:"serverDiskBytesPerOp"`
	OwnCPU    float64        `json:"ownCpuMicrosPerOp"`
	Others    float64        `json:"coresUsedByOthers"`

	MBs       float64 `json:"mbPerSecond,omitempty"` // of bodies
	LagP50    float64 `json:"lagP50Ms,omitempty"`
	LagP99    float64 `json:"lagP99Ms,omitempty"`
	Delivered float64 `json:"deliveredPerSecond,omitempty"`
	PerCopy   float64 `json:"serverCpuMicrosPerDelivery,omitempty"` // writes included
	Lost      int     `json:"deliveriesLost,omitempty"`
	Claimed   int     `json:"acknowledged,omitempty"`
	Proved    int     `json:"proved,omitempty"`

	Figures []Figure `json:"figures,omitempty"`
	Notes   []string `json:"notes,omitempty"`
}

func newRow(server string, s scenario, t *tally, failure error) Row {
	ops, seconds := float64(t.ops), t.elapsed.Seconds()
	r := Row{
		Scenario: s.name, Server: server, Unit: s.unit, Ops: t.ops, Rate: t.rate(),
		P50: millis(percentile(t.latency, 0.50)), P99: millis(percentile(t.latency, 0.99)),
		Errors: t.errors, Limited: t.limited,
		OwnCPU: per(micros(t.ownCPU), ops), Others: max(0, per(t.otherCPU.Seconds(), t.watched.Seconds())),
		ServerRSS: megabytes(t.rss), RSSGrown: megabytes(t.rssGrown), Written: per(float64(t.written), ops),
		MBs: per(float64(t.bytes)/1e6, seconds), LagP50: millis(percentile(t.lag, 0.50)), LagP99: millis(percentile(t.lag, 0.99)),
		Delivered: per(float64(t.delivered), seconds), Lost: t.lost, Claimed: t.claimed, Proved: t.proved, Figures: t.figures, Notes: t.notes,
	}
	if r.Unit == "" {
		r.Unit = "requests"
	}
	if !s.bytes {
		r.MBs = 0
	}
	if len(t.rates) > 0 {
		r.RateMin, r.RateMax = slices.Min(t.rates), slices.Max(t.rates)
	}
	if t.serverKnown {
		r.ServerCPU = per(micros(t.serverCPU), ops)
		r.PerCopy = per(micros(t.serverCPU), float64(t.delivered))
	}
	switch {
	case unserved(failure):
		r.NotServed, r.Errors = true, nil
	case failure != nil:
		r.Failed, r.Limited = failure.Error(), r.Limited || limited(failure)
	}
	return r
}

func millis(d time.Duration) float64 { return float64(d) / float64(time.Millisecond) }
func micros(d time.Duration) float64 { return float64(d) / float64(time.Microsecond) }
func megabytes(n int64) float64      { return float64(n) / (1 << 20) }

// WriteJSON writes the report as one object.
func (r *Report) WriteJSON(w io.Writer) error {
	e := json.NewEncoder(w)
	e.SetIndent("", "  ")
	return e.Encode(r)
}

// WriteTable writes the report for people. With two servers each scenario has
// a third line: how the first compares with the second.
func (r *Report) WriteTable(w io.Writer) error {
	o := r.Options
	fmt.Fprintf(w, "%s, %d cores, load average %s before and %s after; %d workers, %d accounts, %s of %s after %s\n\n",
		r.Started.Format("2006-01-02 15:04 MST"), r.Cores, r.LoadBefore, r.LoadAfter, o.Workers, o.Accounts, rounds(o.Rounds), o.Duration, o.Warmup)
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', tabwriter.AlignRight)
	fmt.Fprintln(t, "scenario\tserver\tops/s\tp50 ms\tp99 ms\tCPU µs/op\tRSS MB\tdisk kB/op\town µs/op\tothers\t  \t")
	for i, row := range r.Rows {
		fmt.Fprintln(t, row.line())
		if len(o.Servers) == 2 && i%2 == 1 {
			fmt.Fprintln(t, ratioLine(r.Rows[i-1], row))
		}
	}
	if err := t.Flush(); err != nil {
		return err
	}
	fmt.Fprintln(w, "\nCPU is the server's, own the load generator's; others: cores that neither of the two used.")
	for _, n := range r.notes() {
		fmt.Fprintln(w, "-", n)
	}
	return nil
}

func rounds(n int) string {
	if n == 1 {
		return "one round"
	}
	return strconv.Itoa(n) + " rounds"
}

func (r Row) line() string {
	if r.NotServed {
		return r.Scenario + "\t" + r.Server + "\t" + r.said() + strings.Repeat("\t–", 7) + "\t  \t"
	}
	cells := []string{r.Scenario, r.Server, r.said(), number(r.P50), number(r.P99), number(r.ServerCPU), number(r.ServerRSS),
		number(r.Written / 1e3), number(r.OwnCPU), strconv.FormatFloat(r.Others, 'f', 1, 64)}
	return strings.Join(cells, "\t") + "\t  \t" + r.more()
}

// said is the rate, or why there is none.
func (r Row) said() string {
	switch {
	case r.NotServed:
		return "not served"
	case r.Failed != "":
		return "failed"
	case r.RateMin != r.RateMax:
		return fmt.Sprintf("%s (%s–%s)", number(r.Rate), number(r.RateMin), number(r.RateMax))
	}
	return number(r.Rate)
}

// more is what only some scenarios have.
func (r Row) more() string {
	var all []string
	add := func(format string, args ...any) { all = append(all, fmt.Sprintf(format, args...)) }
	if r.MBs > 0 {
		add("%s MB/s", number(r.MBs))
	}
	if r.Delivered > 0 {
		add("lag %.2f / %.2f ms, %s delivered/s, %s µs each", r.LagP50, r.LagP99, number(r.Delivered), number(r.PerCopy))
	}
	if r.Lost > 0 {
		add("%d deliveries LOST", r.Lost)
	}
	if r.Claimed > 0 {
		add("%d of %d proved", r.Proved, r.Claimed)
	}
	if r.RSSGrown > 0 {
		add("RSS +%s MB", number(r.RSSGrown))
	}
	for _, f := range r.Figures {
		add("%s %s", number(f.Value), f.Name)
	}
	if r.Limited {
		add("RATE LIMITED")
	}
	for _, name := range slices.Sorted(maps.Keys(r.Errors)) {
		add("%d %s", r.Errors[name], name)
	}
	return strings.Join(all, "; ")
}

// ratioLine says how many times ours is what theirs is.
func ratioLine(ours, theirs Row) string {
	cells := []string{"", "ratio", ratio(ours.Rate, theirs.Rate), ratio(ours.P50, theirs.P50), ratio(ours.P99, theirs.P99),
		ratio(ours.ServerCPU, theirs.ServerCPU), ratio(ours.ServerRSS, theirs.ServerRSS), ratio(ours.Written, theirs.Written), "", ""}
	var more []string
	for _, m := range []struct {
		what string
		a, b float64
	}{{"MB/s", ours.MBs, theirs.MBs}, {"lag p99", ours.LagP99, theirs.LagP99}} {
		if m.a > 0 && m.b > 0 {
			more = append(more, m.what+" "+ratio(m.a, m.b))
		}
	}
	for _, f := range ours.Figures {
		if i := slices.IndexFunc(theirs.Figures, func(g Figure) bool { return g.Name == f.Name }); i >= 0 && theirs.Figures[i].Value > 0 {
			more = append(more, f.Name+" "+ratio(f.Value, theirs.Figures[i].Value))
		}
	}
	return strings.Join(cells, "\t") + "\t  \t" + strings.Join(more, "; ")
}

// ratio is a quotient, "–" where one of the two is not known.
func ratio(a, b float64) string {
	if a <= 0 || b <= 0 {
		return "–"
	}
	return number(a/b) + "x"
}

// number has three digits that count; "–" is nothing.
func number(f float64) string {
	switch {
	case f <= 0:
		return "–"
	case f >= 100:
		return strconv.FormatFloat(f, 'f', 0, 64)
	case f >= 10:
		return strconv.FormatFloat(f, 'f', 1, 64)
	case f >= 1:
		return strconv.FormatFloat(f, 'f', 2, 64)
	}
	return strconv.FormatFloat(f, 'g', 3, 64)
}

// notes is what a reader has to know beside the figures.
func (r *Report) notes() []string {
	notes := slices.Clone(r.Notes)
	for _, row := range r.Rows {
		if row.Failed != "" {
			notes = append(notes, fmt.Sprintf("%s on %s was not measured: %s", row.Scenario, row.Server, row.Failed))
		}
		if row.Limited {
			notes = append(notes, fmt.Sprintf("%s on %s was RATE LIMITED (429): the row measures the limit, not the server", row.Scenario, row.Server))
		}
		notes = append(notes, row.Notes...)
	}
	return notes
}
