package crashtest

import (
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"
	"time"

	"troupe/cmd/pds/audit"
)

// Report is what a campaign did and found.
type Report struct {
	Kind   Kind
	Seed   uint64
	Time   time.Duration
	Rounds int
	Nested int // crashes while the server started, of which a round may have several

	Acked     int             // writes that were answered with a commit
	Acks      audit.AckCounts // of the last audit
	Answers   map[string]int  // of all requests
	Records   int             // answered by getRecord as the firehose says
	Events    map[audit.Kind]int
	Replayed  int // events whose bytes were compared
	Exports   int // repositories read from scratch
	Newcomers int // accounts made while the server died
	Audits    int
	Fscks     int // runs of package fsck, most of them on what a crash left behind
	Recovery  []time.Duration
	Resume    []time.Duration // Full: from the ballast's removal to each account's next write

	Findings []audit.Finding // of the auditor
	Broken   []string        // fsck, and whatever else a server must not do
	Forks    int             // accounts that a #sync moved
}

// Counts are the findings by what they mean to a user.
type Counts struct{ Lost, Duplicated, Forked, Reused, Phantom, Other int }

// Counts sorts the findings.
func (r *Report) Counts() Counts {
	c := Counts{Forked: r.Forks, Other: len(r.Broken)}
	for _, f := range r.Findings {
		switch f.Rule {
		case audit.RuleLost:
			c.Lost++
		case audit.RuleDouble:
			c.Duplicated++
		case audit.RuleSince, audit.RulePrevData, audit.RuleRev, audit.RuleInversion, audit.RuleSync:
			c.Forked++
		case audit.RuleReuse, audit.RuleSeq, audit.RuleReplay:
			c.Reused++
		case audit.RuleHead, audit.RuleContent, audit.RuleExport, audit.RuleChanged:
			c.Phantom++
		default:
			c.Other++
		}
	}
	return c
}

// OK says that the server kept its word.
func (r *Report) OK() bool { return r.Counts() == Counts{} }

// shown is how many findings are printed.
const shown = 30

// Write prints the report.
func (r *Report) Write(w io.Writer) {
	c := r.Counts()
	line := func(name, format string, args ...any) {
		fmt.Fprintf(w, "%-22s %s\n", name, fmt.Sprintf(format, args...))
	}
	line("campaign", "%s, seed %d, %s", r.Kind, r.Seed, r.Time.Round(time.Second))
	line("rounds", "%d, and %d crashes more while starting", r.Rounds, r.Nested)
	line("acknowledged writes", "%d (audited %d, unchanged %d, refused %d)", r.Acked, r.Acks.Committed, r.Acks.Unchanged, r.Acks.Refused)
	line("unanswered writes", "%d, of which %d happened", r.Acks.Unanswered, r.Acks.Landed)
	line("answers", "%s", list(r.Answers))
	line("events", "%s; %d replayed", list(r.Events), r.Replayed)
	line("audits", "%d: %d exports, %d records by getRecord, %d newcomers", r.Audits, r.Exports, r.Records, r.Newcomers)
	line("lost", "%d", c.Lost)
	line("duplicated", "%d", c.Duplicated)
	line("forked", "%d", c.Forked)
	line("seq reused", "%d", c.Reused)
	line("phantom events", "%d", c.Phantom)
	line("other findings", "%d", c.Other)
	line("recovery", "%s", spread(r.Recovery))
	if len(r.Resume) > 0 {
		line("resumed after", "%s", spread(r.Resume))
	}
	line("fsck", "%d runs", r.Fscks)
	n := 0
	for _, f := range r.Findings {
		if n++; n <= shown {
			fmt.Fprintln(w, "  ", f)
		}
	}
	for _, s := range r.Broken {
		if n++; n <= shown {
			fmt.Fprintln(w, "  ", s)
		}
	}
	if n > shown {
		fmt.Fprintf(w, "   … %d in all\n", n)
	}
}

func list[K ~string](m map[K]int) string {
	var parts []string
	for _, k := range slices.Sorted(maps.Keys(m)) {
		parts = append(parts, fmt.Sprintf("%d × %s", m[k], k))
	}
	return strings.Join(parts, ", ")
}

// spread is median and maximum.
func spread(all []time.Duration) string {
	if len(all) == 0 {
		return "none"
	}
	all = slices.Sorted(slices.Values(all))
	return fmt.Sprintf("p50 %s, max %s of %d", all[len(all)/2].Round(time.Millisecond), all[len(all)-1].Round(time.Millisecond), len(all))
}
