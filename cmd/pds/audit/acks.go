package audit

import (
	"fmt"
	"slices"
	"sync"

	"github.com/bluesky-social/indigo/atproto/syntax"
	"github.com/ipfs/go-cid"
)

// Answer is what became of a write, as its writer saw it.
type Answer int

const (
	Unanswered Answer = iota // no answer: it is there or not
	Committed                // 200 with a commit
	Unchanged                // 200 without a commit: it was there before
	Refused                  // an error of the request's own: it is not there
)

// Write is one request of a writer. Values are expected to be unique: a CID
// that two writes share cannot be told apart.
type Write struct {
	DID    syntax.DID
	Ops    []Op // Path "" where the server chooses; CID of creates and updates
	Extra  bool // the server may delete other records in the same commit
	Answer Answer
	Rev    syntax.TID // of Committed
	Commit cid.Cid
}

// Acks is the log of all writers. Safe for concurrent use; the zero value is
// empty.
type Acks struct {
	mu     sync.Mutex
	writes []Write
}

// Add notes a write after its answer, or after it stayed away.
func (a *Acks) Add(w Write) {
	a.mu.Lock()
	a.writes = append(a.writes, w)
	a.mu.Unlock()
}

// AckCounts are what became of all writes.
type AckCounts struct {
	Committed, Unchanged, Refused int
	Unanswered, Landed            int // Landed: of the unanswered, on the firehose
	Lost, Doubled, Changed        int // findings
}

// place is where a value appeared.
type place struct {
	rev syntax.TID
	seq int64
}

type value struct {
	did syntax.DID
	cid cid.Cid
}

// CheckAcks compares a complete stream with everything that writers saw. A
// commit that no writer asked for is a finding too.
func (s *Stream) CheckAcks(a *Acks) AckCounts {
	a.mu.Lock()
	defer a.mu.Unlock()
	c := ackCheck{stream: s, places: map[value][]place{}, claimed: map[syntax.DID]map[syntax.TID]bool{}, extra: map[syntax.DID]map[int64]bool{}}
	for did, h := range s.accounts {
		c.claimed[did], c.extra[did] = map[syntax.TID]bool{}, map[int64]bool{}
		for rev, commit := range h.commits {
			for _, op := range commit.ops {
				if op.CID.Defined() {
					v := value{did, op.CID}
					c.places[v] = append(c.places[v], place{rev, commit.seq})
				}
			}
		}
	}
	for _, w := range a.writes {
		c.write(w)
	}
	c.phantoms(a.writes)
	return c.counts
}

type ackCheck struct {
	stream  *Stream
	places  map[value][]place
	claimed map[syntax.DID]map[syntax.TID]bool // commits that a writer was told of
	extra   map[syntax.DID]map[int64]bool      // numbers of commits that may bring deletes with them
	counts  AckCounts
}

func (c *ackCheck) write(w Write) {
	switch w.Answer {
	case Committed:
		c.counts.Committed++
		c.committed(w)
	case Unchanged:
		c.counts.Unchanged++
		c.unanswered(w) // an earlier request of the same write did it
	case Refused:
		c.counts.Refused++
	case Unanswered:
		c.counts.Unanswered++
		c.unanswered(w)
	}
	for _, op := range w.Ops {
		if !op.CID.Defined() {
			continue
		}
		n := len(c.places[value{w.DID, op.CID}])
		switch {
		case n > 1:
			c.counts.Doubled++
			c.find(RuleDouble, w, "%s %s is there %d times: %v", op.Action, op.CID, n, c.places[value{w.DID, op.CID}])
		case n == 0 && w.Answer == Unchanged:
			c.counts.Lost++
			c.find(RuleLost, w, "%s %s was answered as being there", op.Path, op.CID)
		case n > 0 && w.Answer == Refused:
			c.counts.Changed++
			c.find(RuleChanged, w, "%s %s was refused and is there", op.Action, op.Path)
		}
	}
}

func (c *ackCheck) committed(w Write) {
	h := c.stream.accounts[w.DID]
	if h == nil {
		c.counts.Lost++
		c.find(RuleLost, w, "no event of this account")
		return
	}
	event, ok := h.commits[w.Rev]
	if !ok {
		c.counts.Lost++
		c.find(RuleLost, w, "rev %s, %d operations", w.Rev, len(w.Ops))
		return
	}
	if c.claimed[w.DID][w.Rev] {
		c.counts.Doubled++
		c.find(RuleDouble, w, "two answers said rev %s", w.Rev)
	}
	c.claimed[w.DID][w.Rev] = true
	c.extra[w.DID][event.seq] = w.Extra
	if event.cid != w.Commit {
		c.counts.Changed++
		c.find(RuleChanged, w, "rev %s was answered as %s, the event says %s", w.Rev, w.Commit, event.cid)
	}
	left := append(slices.Clone(event.ops), c.deletedBefore(w)...)
	for _, want := range w.Ops {
		if left, ok = without(left, want); !ok {
			c.counts.Changed++
			c.find(RuleChanged, w, "rev %s has no %s of %s %s", w.Rev, want.Action, want.Path, want.CID)
		}
	}
	for _, op := range left {
		if !w.Extra || op.Action != "delete" {
			c.counts.Changed++
			c.find(RuleChanged, w, "rev %s also has a %s of %s", w.Rev, op.Action, op.Path)
		}
	}
}

// deletedBefore are the deletes of a request that stand in a commit of their
// own right before the one that was answered. A server may split a request that
// leaves nothing of what was there before: consumers undo such a commit wrongly.
func (c *ackCheck) deletedBefore(w Write) []Op {
	h := c.stream.accounts[w.DID]
	event := h.commits[w.Rev]
	before, ok := h.commits[event.before]
	if !ok || !before.onlyDeletes() || before.seq != event.seq-1 {
		return nil
	}
	for _, op := range before.ops {
		asked := slices.ContainsFunc(w.Ops, func(want Op) bool { return want.Action == "delete" && want.Path == op.Path })
		if !asked {
			return nil // somebody else's
		}
	}
	c.claimed[w.DID][event.before] = true
	return before.ops
}

// without takes the operation that want describes out of ops.
func without(ops []Op, want Op) ([]Op, bool) {
	for i, op := range ops {
		if op.CID != want.CID || want.Path != "" && op.Path != want.Path || want.Action != "" && op.Action != want.Action {
			continue
		}
		return append(append([]Op(nil), ops[:i]...), ops[i+1:]...), true
	}
	return ops, false
}

// unanswered checks that a batch landed as a whole or not at all.
func (c *ackCheck) unanswered(w Write) {
	var first syntax.TID
	landed, values := 0, 0
	for _, op := range w.Ops {
		if !op.CID.Defined() {
			continue
		}
		values++
		if at := c.places[value{w.DID, op.CID}]; len(at) > 0 {
			landed++
			if first == "" {
				first = at[0].rev
			}
			if at[0].rev != first {
				c.counts.Changed++
				c.find(RuleChanged, w, "one request became the commits %s and %s", first, at[0].rev)
			}
		}
	}
	if landed > 0 {
		if w.Answer == Unanswered {
			c.counts.Landed++
		}
		c.claimed[w.DID][first] = true
		event := c.stream.accounts[w.DID].commits[first]
		c.extra[w.DID][event.seq] = w.Extra
	}
	if landed != 0 && landed != values {
		c.counts.Changed++
		c.find(RuleChanged, w, "%d of %d operations of one request landed", landed, values)
	}
}

// phantoms looks for commits that nobody asked for. Unanswered deletes have no
// value to know them by: theirs are the commits that only delete such a path.
// Deletes that a create brought with it may have a commit of their own before it.
func (c *ackCheck) phantoms(writes []Write) {
	type path struct {
		did  syntax.DID
		path string
	}
	deletes := map[path]bool{}
	for _, w := range writes {
		for _, op := range w.Ops {
			if op.Action == "delete" && w.Answer == Unanswered {
				deletes[path{w.DID, op.Path}] = true
			}
		}
	}
	for did, h := range c.stream.accounts {
		for rev, commit := range h.commits {
			asked := c.claimed[did][rev] || len(commit.ops) == 0 || c.extra[did][commit.seq+1] && commit.onlyDeletes()
			for _, op := range commit.ops {
				asked = asked || op.Action == "delete" && deletes[path{did, op.Path}]
			}
			if !asked {
				c.counts.Changed++
				c.find(RuleChanged, Write{DID: did, Rev: rev}, "nobody asked for rev %s: %v", rev, commit.ops)
			}
		}
	}
}

func (c *ackCheck) find(r Rule, w Write, format string, args ...any) {
	f := Finding{Rule: r, DID: w.DID, What: fmt.Sprintf(format, args...)}
	if h := c.stream.accounts[w.DID]; h != nil {
		f.Seq = h.commits[w.Rev].seq
	}
	c.stream.Findings = append(c.stream.Findings, f)
}
