package sequencing

import (
	"fmt"
	"time"

	"github.com/bluesky-social/indigo/atproto/syntax"
)

// validate refuses at the door what no state of the log could accept.
func (a *Append) validate() error {
	invalid := func(format string, args ...any) error {
		return fmt.Errorf("%w: %s", ErrInvalid, fmt.Sprintf(format, args...))
	}
	if a.DID == "" {
		return invalid("no DID")
	}
	if len(a.Entries) == 0 {
		return invalid("no entries")
	}
	floor := a.Expect.Rev
	var left Change // what the chain leaves behind
	for i := range a.Entries {
		e := &a.Entries[i]
		if !e.Kind.Valid() {
			return invalid("entry %d: kind %d", i, e.Kind)
		}
		if internal := e.Kind >= KindPurge; internal && e.Visibility == Public {
			return invalid("entry %d: a %s entry is never public", i, e.Kind)
		}
		if e.Visibility == Public && e.Frame.Empty() {
			return invalid("entry %d: public without a frame", i)
		}
		n := e.Next
		if n.Status != StatusNone && !n.Status.Valid() {
			return invalid("entry %d: status %d", i, n.Status)
		}
		if e.Kind == KindCommit && (n.Rev == "" || !n.Commit.Defined() || !n.Data.Defined()) {
			return invalid("entry %d: a commit names its rev, commit and data", i)
		}
		if n.Rev != "" {
			// An imported repo brings its own rev, of whatever age. What is
			// committed afterwards stands above both.
			if n.Rev <= floor && e.Kind != KindImport {
				return invalid("entry %d: rev %s is not above %s", i, n.Rev, floor)
			}
			floor = max(floor, n.Rev)
		}
		left.merge(n)
	}
	switch {
	case a.Expect.New && left.Status == StatusNone:
		return invalid("a new head without a status")
	case !a.Expect.New && a.Expect.Status == StatusNone && left != (Change{}):
		return invalid("a change of the head without an expected status")
	}
	return nil
}

func (c *Change) merge(n Change) {
	if n.Rev != "" {
		c.Rev = n.Rev
	}
	if n.Commit.Defined() {
		c.Commit = n.Commit
	}
	if n.Data.Defined() {
		c.Data = n.Data
	}
	if n.Status != StatusNone {
		c.Status = n.Status
	}
}

func (c Change) movesRepo() bool { return c.Rev != "" || c.Commit.Defined() || c.Data.Defined() }

// admit compares a valid append with the head and returns the head after it.
// It is the compare half of compare-and-swap: whatever it refuses leaves no
// trace. Seq and Applied of the result are those of the old head.
func (a *Append) admit(h Head, exists bool, now time.Time) (Head, error) {
	refused := Refused{Head: h, Exists: exists}
	var left Change
	for i := range a.Entries {
		left.merge(a.Entries[i].Next)
	}
	if a.Expect.New {
		if exists && h.Status != StatusDeleted {
			return Head{}, refused
		}
		// The tombstone's rev binds the next incarnation: relays remember it.
		if exists && a.firstRev() <= h.Rev {
			return Head{}, refused
		}
		h = Head{DID: a.DID, Seq: h.Seq, Applied: h.Applied, Incarnation: h.Incarnation + 1, CreatedAt: now}
		h.change(left)
		return h, nil
	}
	if !exists || h.Status == StatusDeleted {
		return Head{}, refused
	}
	if a.Expect.Status != StatusNone && a.Expect.Status != h.Status {
		return Head{}, refused
	}
	moves := left.movesRepo()
	if (moves || a.Expect.Rev != "") && a.Expect.Rev != h.Rev {
		return Head{}, refused
	}
	if (moves || a.Expect.Data.Defined()) && !a.Expect.Data.Equals(h.Data) {
		return Head{}, refused
	}
	h.change(left)
	return h, nil
}

// Public reports whether subscribers receive anything of the append.
func (a *Append) Public() bool {
	for i := range a.Entries {
		if a.Entries[i].Visibility == Public {
			return true
		}
	}
	return false
}

// firstRev is the rev of the first entry that has one, or "".
func (a *Append) firstRev() syntax.TID {
	for i := range a.Entries {
		if rev := a.Entries[i].Next.Rev; rev != "" {
			return rev
		}
	}
	return ""
}

func (h *Head) change(c Change) {
	if c.Rev != "" {
		h.Rev = c.Rev
	}
	if c.Commit.Defined() {
		h.Commit = c.Commit
	}
	if c.Data.Defined() {
		h.Data = c.Data
	}
	if c.Status != StatusNone {
		h.Status = c.Status
	}
}

// size is what the append counts for in the queue: what it keeps in memory.
func (a *Append) size() int {
	const perEntry = 256
	n := perEntry
	for i := range a.Entries {
		e := &a.Entries[i]
		n += perEntry + len(e.Frame.Prefix) + len(e.Frame.Suffix) + len(e.Private) +
			40*(len(e.Effects.New)+len(e.Effects.Removed)) + 128*len(e.Effects.Blobs) + 64*len(e.Effects.Collections)
	}
	return n
}
