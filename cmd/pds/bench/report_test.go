package bench

import (
	"bytes"
	"encoding/json"
	"errors"
	"strings"
	"testing"
	"time"
)

func ms(n ...float64) (all []time.Duration) {
	for _, v := range n {
		all = append(all, time.Duration(v*float64(time.Millisecond)))
	}
	return all
}

func TestPercentile(t *testing.T) {
	hundred := make([]time.Duration, 100)
	for i := range hundred {
		hundred[i] = time.Duration(100 - i) // 100…1, not sorted
	}
	for _, c := range []struct {
		values []time.Duration
		p      float64
		want   time.Duration
	}{
		{nil, 0.5, 0},
		{[]time.Duration{7}, 0.5, 7},
		{[]time.Duration{7}, 0.99, 7},
		{[]time.Duration{3, 1, 2}, 0.5, 2},
		{[]time.Duration{4, 1, 3, 2}, 0.5, 2},
		{[]time.Duration{4, 1, 3, 2}, 0.99, 4},
		{[]time.Duration{4, 1, 3, 2}, 0, 1},
		{[]time.Duration{4, 1, 3, 2}, 1, 4},
		{hundred, 0.50, 50},
		{hundred, 0.99, 99},
		{hundred, 0.991, 100},
	} {
		if got := percentile(c.values, c.p); got != c.want {
			t.Errorf("percentile %v of %d values: %d, want %d", c.p, len(c.values), got, c.want)
		}
	}
}

func TestRatioAndNumber(t *testing.T) {
	for _, c := range []struct{ got, want string }{
		{ratio(2000, 100), "20.0x"}, {ratio(1, 4), "0.25x"}, {ratio(3, 0), "–"}, {ratio(0, 3), "–"}, {ratio(300, 2), "150x"},
		{number(0), "–"}, {number(-1), "–"}, {number(12345.6), "12346"}, {number(12.34), "12.3"}, {number(1.234), "1.23"}, {number(0.01234), "0.0123"},
	} {
		if c.got != c.want {
			t.Errorf("%q, want %q", c.got, c.want)
		}
	}
}

// Rounds are added, not averaged: a slow round weighs as much as it took.
func TestRowOfTwoRounds(t *testing.T) {
	slow := tally{
		ops: 100, elapsed: 2 * time.Second, watched: 2 * time.Second, rates: []float64{50}, latency: ms(1, 2, 3),
		serverKnown: true, serverCPU: 100 * time.Millisecond, ownCPU: 20 * time.Millisecond, otherCPU: time.Second,
		rss: 10 << 20, written: 1_000_000, errors: map[string]int{"InvalidSwap": 1},
	}
	fast := tally{
		ops: 300, elapsed: time.Second, watched: 2 * time.Second, rates: []float64{300}, latency: ms(4, 5),
		serverKnown: true, serverCPU: 100 * time.Millisecond, ownCPU: 20 * time.Millisecond, rss: 20 << 20, written: 1_000_000,
		errors: map[string]int{"InvalidSwap": 2, "timeout": 1}, limited: true, delivered: 600, lag: ms(9), claimed: 3, proved: 2,
	}
	var sum tally
	sum.add(slow)
	sum.add(fast)
	r := newRow("one", scenario{name: "create-record"}, &sum, nil)
	for what, pair := range map[string][2]float64{
		"rate": {r.Rate, 400.0 / 3}, "min": {r.RateMin, 50}, "max": {r.RateMax, 300}, "p50": {r.P50, 3}, "p99": {r.P99, 5},
		"server": {r.ServerCPU, 500}, "own": {r.OwnCPU, 100}, "others": {r.Others, 0.25}, "rss": {r.ServerRSS, 20}, "written": {r.Written, 5000},
		"swaps": {float64(r.Errors["InvalidSwap"]), 3}, "each": {r.PerCopy, 1e6 * 0.2 / 600}, "lag": {r.LagP99, 9}, "delivered": {r.Delivered, 200},
	} {
		if d := pair[0] - pair[1]; d > 1e-6 || d < -1e-6 {
			t.Errorf("%s is %v, want %v", what, pair[0], pair[1])
		}
	}
	if !r.Limited || r.Unit != "requests" {
		t.Errorf("%+v", r)
	}
}

func TestUsageBetweenTwoMoments(t *testing.T) {
	var sum tally
	start := time.Now()
	sum.spent(usage{at: start, own: 1, busy: 10, server: 5, known: true, rss: 1, written: 100},
		usage{at: start.Add(time.Second), own: 4, busy: 30, server: 12, known: true, rss: 7, written: 150})
	if sum.elapsed != time.Second || sum.ownCPU != 3 || sum.serverCPU != 7 || sum.otherCPU != 10 || sum.rss != 7 || sum.written != 50 {
		t.Errorf("%+v", sum)
	}
	// A server that went away while it was measured has no figure, rather than a negative one.
	sum = tally{}
	sum.spent(usage{at: start, busy: 10, server: 5, known: true}, usage{at: start.Add(time.Second), busy: 30})
	if sum.serverKnown || sum.serverCPU != 0 || sum.otherCPU != 20 {
		t.Errorf("%+v", sum)
	}
}

func TestTableComparesAndWarns(t *testing.T) {
	row := func(server string, rate, cpu float64) Row {
		return Row{Scenario: "create-record", Server: server, Rate: rate, RateMin: rate, RateMax: rate, P50: 1, P99: 10, ServerCPU: cpu}
	}
	ours, theirs := row("ours", 2000, 500), row("theirs", 100, 10000)
	theirs.Limited, theirs.Errors = true, map[string]int{"RateLimitExceeded": 12}
	ours.Claimed, ours.Proved, ours.Notes = 5, 4, []string{"NOT KEPT: 1"}
	r := Report{Cores: 2, Options: Options{Servers: make([]Server, 2), Rounds: 2}, Rows: []Row{ours, theirs}}
	var out bytes.Buffer
	if err := r.WriteTable(&out); err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"20.0x", "0.05x", "RATE LIMITED; 12 RateLimitExceeded", "4 of 5 proved", "- NOT KEPT: 1", "create-record on theirs was RATE LIMITED (429)", "2 rounds"} {
		if !strings.Contains(out.String(), want) {
			t.Errorf("no %q in\n%s", want, &out)
		}
	}
	out.Reset()
	if err := r.WriteJSON(&out); err != nil {
		t.Fatal(err)
	}
	var back Report
	if err := json.Unmarshal(out.Bytes(), &back); err != nil || len(back.Rows) != 2 || back.Rows[1].Rate != 100 || !back.Rows[1].Limited {
		t.Errorf("%v\n%s", err, &out)
	}
	failed := newRow("x", scenario{name: "get-repo"}, &tally{}, errors.New("no such repo"))
	if line := failed.line(); !strings.Contains(line, "failed") {
		t.Errorf("%q", line)
	}
}

func TestStatOfAProcess(t *testing.T) {
	got, err := parseStat([]byte("42 (a (b) c) S 1 42 42 0 -1 4194560 1 0 0 0 150 50 0 0 20 0 9 0 100"))
	if err != nil || got != 2*time.Second {
		t.Errorf("%v, %v", got, err)
	}
	for _, bad := range []string{"", "42 (a) S 1", "no"} {
		if got, err := parseStat([]byte(bad)); err == nil {
			t.Errorf("%q is %v", bad, got)
		}
	}
}

func TestScenariosAreChosen(t *testing.T) {
	names := func(wanted ...string) string {
		chosen, err := choose(wanted)
		if err != nil {
			return err.Error()
		}
		var all []string
		for _, s := range chosen {
			all = append(all, s.name)
		}
		return strings.Join(all, " ")
	}
	if got := names("get-record", "create-record"); got != "create-record get-record" {
		t.Errorf("two: %s", got) // in the order in which they run
	}
	if got := names("all"); got != strings.Join(Names(), " ") {
		t.Errorf("all: %s", got)
	}
	if got := names(); !strings.Contains(got, "create-record-hot") || strings.Contains(got, "cold") {
		t.Errorf("usual: %s", got)
	}
	if got := names("get-recrod"); !strings.Contains(got, `no scenario "get-recrod"`) {
		t.Errorf("unknown: %s", got)
	}
}

// A Markdown table has as many cells in each row as it has columns.
func TestMarkdownTable(t *testing.T) {
	row := func(scenario string, rate float64) Row {
		return Row{Scenario: scenario, Rate: rate, RateMin: rate, RateMax: rate, P50: 1.5, P99: 10, ServerCPU: 1000 / rate, Figures: []Figure{{"kB", rate, 1}}}
	}
	gone := row("create-account", 0)
	gone.NotServed, gone.ServerCPU = true, 0
	rows := []Row{row("get-record", 500), row("get-record", 50), gone, row("create-account", 20)}
	for _, servers := range [][]Server{{{Name: "ours"}}, {{Name: "ours"}, {Name: "theirs"}}} {
		r := Report{Options: Options{Servers: servers, Rounds: 1}, Rows: rows, Notes: []string{"a note"}}
		var out bytes.Buffer
		if err := r.WriteMarkdown(&out); err != nil {
			t.Fatal(err)
		}
		var table []string
		for line := range strings.Lines(out.String()) {
			if strings.HasPrefix(line, "|") {
				table = append(table, line)
			}
		}
		if want := 2 + len(rows)/len(servers); len(table) != want {
			t.Errorf("%d lines of table, want %d:\n%s", len(table), want, &out)
		}
		for _, line := range table {
			if strings.Count(line, "|") != strings.Count(table[0], "|") {
				t.Errorf("%q does not fit %q", line, table[0])
			}
		}
		for _, want := range []string{"| get-record | 500 | 1.50 / 10.0 | 2.00 |", "not served", "- a note"} {
			if !strings.Contains(out.String(), want) {
				t.Errorf("no %q in\n%s", want, &out)
			}
		}
		if len(servers) == 2 && !strings.Contains(out.String(), "| 10.0x | 0.1x | 500 kB ‖ 50.0 kB |") {
			t.Errorf("no comparison in\n%s", &out)
		}
	}
}
