package audit

import (
	"fmt"

	"github.com/bluesky-social/indigo/atproto/syntax"
)

// Rule is what a finding breaks.
type Rule string

// The rules, in the order in which they are looked at.
const (
	RuleFrame     Rule = "frame"      // two canonical DAG-CBOR objects of a known type, at most 5 MB
	RuleSeq       Rule = "seq"        // ascends within a connection
	RuleReuse     Rule = "seq-reuse"  // a number means the same bytes for ever
	RuleReplay    Rule = "replay"     // a replay is the history, byte for byte
	RuleField     Rule = "field"      // syntax of DIDs, revs, times, handles, statuses
	RuleLimit     Rule = "limit"      // 200 operations, 2,000,000 bytes of blocks, 1,000,000 of a record
	RuleCAR       Rule = "car"        // one root, whole blocks, none missing, none that nobody needs
	RuleCommit    Rule = "commit"     // version 3, canonical, the DID and rev of the event
	RuleSignature Rule = "signature"  // low-S, by the key of the DID document
	RuleOps       Rule = "ops"        // agree with the tree; no path twice
	RuleRecord    Rule = "record"     // canonical, of the type of its collection
	RuleTree      Rule = "tree"       // well-formed and canonical
	RuleInversion Rule = "inversion"  // undoing the operations gives prevData
	RuleRev       Rule = "rev"        // ascends per DID; not ahead of the clock
	RuleSince     Rule = "since"      // the previous rev of the DID
	RulePrevData  Rule = "prev-data"  // the previous tree of the DID
	RuleOrder     Rule = "order"      // identity, account, commit, sync at creation; nothing after deletion
	RuleSync      Rule = "sync"       // a #sync is the current commit, or a newer one
	RuleExport    Rule = "export"     // a repository read from scratch verifies
	RuleHead      Rule = "head"       // export, getLatestCommit, listRepos, getRepoStatus and firehose agree
	RuleContent   Rule = "content"    // the export is the sum of the operations
	RuleLost      Rule = "ack-lost"   // an answered write is on the firehose
	RuleDouble    Rule = "ack-double" // a write is on the firehose at most once
	RuleChanged   Rule = "ack-other"  // the event of an answered write says what the answer said
)

// Finding is one broken rule.
type Finding struct {
	Rule Rule
	Seq  int64      // 0: not about one event
	DID  syntax.DID // "": not about one account
	What string
}

func (f Finding) String() string {
	s := string(f.Rule)
	if f.Seq != 0 {
		s += fmt.Sprintf(" seq=%d", f.Seq)
	}
	if f.DID != "" {
		s += " " + f.DID.String()
	}
	return s + ": " + f.What
}

// findings collects what a check finds about one event.
type findings []Finding

func (f *findings) add(r Rule, format string, args ...any) {
	*f = append(*f, Finding{Rule: r, What: fmt.Sprintf(format, args...)})
}
