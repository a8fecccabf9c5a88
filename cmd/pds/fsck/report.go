package fsck

import (
	"fmt"
	"strings"
	"sync"

	"github.com/bluesky-social/indigo/atproto/syntax"

	"troupe/sequencing"
)

// Rule names what is broken. doc.go says what each demands.
type Rule string

const (
	RuleLog       Rule = "log"
	RuleCeiling   Rule = "ceiling"
	RuleEvent     Rule = "event"
	RuleEffects   Rule = "effects"
	RuleListed    Rule = "listed"
	RuleIndex     Rule = "index"
	RuleStore     Rule = "store"
	RuleBlob      Rule = "blob"
	RuleHead      Rule = "head"
	RuleSignature Rule = "signature"
	RuleAhead     Rule = "ahead"
	RuleFork      Rule = "fork"
	RuleGap       Rule = "gap"
	RuleMark      Rule = "mark"
	RuleKey       Rule = "key"
	RuleCache     Rule = "cache"
	RuleOrphan    Rule = "orphan"
	RuleMode      Rule = "mode"
)

// Place is where something was found. Fields that do not apply are zero.
type Place struct {
	DID  syntax.DID
	File string // below the data directory where it is, else in full
	Seq  sequencing.Seq
}

func (p Place) String() string {
	var parts []string
	if p.DID != "" {
		parts = append(parts, string(p.DID))
	}
	if p.File != "" {
		parts = append(parts, p.File)
	}
	if p.Seq != 0 {
		parts = append(parts, fmt.Sprintf("entry %d", p.Seq))
	}
	return strings.Join(parts, ", ")
}

// Finding is one broken rule.
type Finding struct {
	Rule Rule
	Place
	Text string
}

func (f Finding) String() string { return fmt.Sprintf("%-9s %s: %s", f.Rule, f.Place, f.Text) }

// Note is something legal that an operator may want to know, or, if Unseen,
// something that could not be looked at.
type Note struct {
	Place
	Text   string
	Unseen bool
}

func (n Note) String() string { return fmt.Sprintf("%s: %s", n.Place, n.Text) }

// Summary is what was looked at.
type Summary struct {
	Accounts int // with a head in the log, tombstones included
	Folders  int
	Entries  int // of the log that belong to the accounts looked at
	Commits  int // of these: verified
	Files    int // store.sqlite, read from end to end
	Behind   int // files that the log leads on
	Findings int
	Notes    int
	Unseen   int
}

// reporter gives results out one at a time, whoever makes them.
type reporter struct {
	mu sync.Mutex // results of several goroutines
	Summary
	found func(Finding)
	noted func(Note)
}

func (r *reporter) bad(rule Rule, p Place, format string, args ...any) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.Findings++
	if r.found != nil {
		r.found(Finding{rule, p, fmt.Sprintf(format, args...)})
	}
}

func (r *reporter) note(p Place, format string, args ...any) {
	r.say(Note{Place: p, Text: fmt.Sprintf(format, args...)})
}

func (r *reporter) unseen(p Place, err error) {
	r.say(Note{Place: p, Text: err.Error(), Unseen: true})
}

func (r *reporter) say(n Note) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if n.Unseen {
		r.Unseen++
	} else {
		r.Notes++
	}
	if r.noted != nil {
		r.noted(n)
	}
}

// count adds to the summary.
func (r *reporter) count(fn func(*Summary)) {
	r.mu.Lock()
	defer r.mu.Unlock()
	fn(&r.Summary)
}
