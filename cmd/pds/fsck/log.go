package fsck

import (
	"context"
	"fmt"
	"math"

	"troupe/sequencing"
	"troupe/storage/logdb"
)

// wholeLog checks the log against itself, and the ceiling against the log.
func (c *check) wholeLog(ctx context.Context, log *logdb.View) error {
	err := log.Read(ctx, func(r *logdb.Reader) error {
		complaints, err := r.Integrity()
		if err != nil {
			return err
		}
		if len(complaints) > 0 {
			c.torn = true
			c.bad(RuleLog, c.at(c.Sequencer), "%s", together(complaints))
			return nil // what follows would only repeat it
		}
		violations, err := r.Check(math.MaxInt64)
		c.violations(violations)
		if err != nil {
			return err
		}
		return c.ceiling(r)
	})
	if !damaged(err) || ctx.Err() != nil {
		return err
	}
	if !c.torn {
		c.torn = true
		c.bad(RuleLog, c.at(c.Sequencer), "%v", err)
	}
	return nil
}

// together makes one finding of what SQLite complains of: it is one damage as
// a rule, seen from several tables.
func together(complaints []string) string {
	if n := len(complaints) - 1; n > 0 {
		return fmt.Sprintf("%s (and %d more)", complaints[0], n)
	}
	return complaints[0]
}

// violations gives out what storage/logdb found, and remembers whose rows are
// not to be built upon.
func (c *check) violations(all []logdb.Violation) {
	for _, v := range all {
		if v.DID != "" {
			c.broken[v.DID] = true
		}
		p := c.at(c.Sequencer)
		p.DID, p.Seq = v.DID, sequencing.Seq(v.Seq)
		c.bad(RuleLog, p, "%s", v.Text)
	}
}

// ceiling: no number may be in use that the ceiling does not cover, or a
// restore of the log could give it out again.
func (c *check) ceiling(r *logdb.Reader) error {
	path := logdb.CeilingPath(c.Sequencer)
	rows, err := r.Last()
	if err != nil {
		return err
	}
	heads, err := r.LastOfHeads()
	if err != nil {
		return err
	}
	last := max(rows, heads)
	ceiling, exists, err := logdb.ReadCeiling(path)
	p := c.at(path)
	p.Seq = sequencing.Seq(last)
	switch {
	case err != nil:
		c.bad(RuleCeiling, p, "%v", err)
	case !exists && last > 0:
		c.bad(RuleCeiling, p, "the file is gone, and numbers up to %d are in use", last)
	case last > ceiling:
		c.bad(RuleCeiling, p, "it ends at %d, numbers up to %d are in use", ceiling, last)
	}
	return nil
}
