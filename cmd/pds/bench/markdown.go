package bench

import (
	"fmt"
	"io"
	"strings"
)

// WriteMarkdown writes the report as docs/performance.md shows it: one row a
// scenario, with the second server and the comparison beside the first.
func (r *Report) WriteMarkdown(w io.Writer) error {
	var b strings.Builder
	o := r.Options
	fmt.Fprintf(&b, "%s, %d cores, load average %s before and %s after; %d workers, %d accounts, %s of %s after %s.\n\n",
		r.Started.Format("2006-01-02 15:04 MST"), r.Cores, r.LoadBefore, r.LoadAfter, o.Workers, o.Accounts, rounds(o.Rounds), o.Duration, o.Warmup)
	n := len(o.Servers)
	b.WriteString("| scenario |")
	for _, s := range o.Servers {
		fmt.Fprintf(&b, " %s: ops/s | p50 / p99 ms | CPU µs/op | disk kB/op | RSS MB |", s.Name)
	}
	if n == 2 {
		b.WriteString(" rate | CPU |")
	}
	b.WriteString(" |\n|---|" + strings.Repeat("--:|", 5*n))
	if n == 2 {
		b.WriteString("--:|--:|")
	}
	b.WriteString("---|\n")
	for i := 0; i+n <= len(r.Rows); i += n {
		fmt.Fprintf(&b, "| %s |", r.Rows[i].Scenario)
		var more []string
		for _, row := range r.Rows[i : i+n] {
			fmt.Fprintf(&b, " %s | %s / %s | %s | %s | %s |", row.said(), number(row.P50), number(row.P99), number(row.ServerCPU), number(row.Written/1e3), number(row.ServerRSS))
			if m := row.more(); m != "" {
				more = append(more, m)
			}
		}
		if n == 2 {
			ours, theirs := r.Rows[i], r.Rows[i+1]
			fmt.Fprintf(&b, " %s | %s |", ratio(ours.Rate, theirs.Rate), ratio(ours.ServerCPU, theirs.ServerCPU))
		}
		fmt.Fprintf(&b, " %s |\n", strings.Join(more, " ‖ "))
	}
	if notes := r.notes(); len(notes) > 0 {
		b.WriteString("\n- " + strings.Join(notes, "\n- ") + "\n")
	}
	_, err := io.WriteString(w, b.String())
	return err
}
