package fsck

import (
	"context"
	"errors"
	"fmt"
	"math"

	"github.com/bluesky-social/indigo/atproto/syntax"
	"github.com/ipfs/go-cid"

	"troupe/sequencing"
	"troupe/storage/dag"
	"troupe/storage/logdb"
	"troupe/storage/repodb"
)

// history is what an account's entries in the log come to, told in order.
type history struct {
	entries, commits int
	told             int64 // newest identity or account entry
	unsigned         bool  // a signature was refused: the rest would be, too

	// Where the repository stands after the entries so far.
	rev          syntax.TID
	commit, data cid.Cid

	// Nodes that came in and have not gone out, each with the entry that
	// brought it. All of them are nodes of the tree, so they are bounded by it.
	present map[cid.Cid]int64
	created bool // the log begins with the creation: present is the whole tree
	stood   bool // present was compared with the file

	next error // why the entries after the file's do not lead on from it
	met  bool  // there are such entries
	fork string
}

// readLog follows the account's entries.
func (a *account) readLog(ctx context.Context, log *logdb.View) error {
	h := &a.events
	if a.lost {
		return nil
	}
	h.present = map[cid.Cid]int64{}
	err := log.Read(ctx, func(r *logdb.Reader) error {
		return r.OfAccount(a.head.ID, 0, math.MaxInt64, func(row *logdb.Entry) error {
			e, err := sequencing.EventOf(row)
			if err != nil {
				a.bad(RuleEvent, a.logged(row.Seq), "%v", err)
				return errStop
			}
			return a.entry(ctx, e)
		})
	})
	if err == nil {
		err = a.stand(ctx)
	}
	switch {
	case errors.Is(err, errStop):
	case ctx.Err() == nil && (damaged(err) || errors.Is(err, logdb.ErrChecksum)):
		if a.DID != "" { // else the log's own check has said so
			a.bad(RuleLog, a.logged(0), "%v", err)
		}
	default:
		return err
	}
	a.lost = true
	return nil
}

// errStop ends the walk over entries of which one cannot be read.
var errStop = errors.New("fsck: stop")

func (a *account) entry(ctx context.Context, e sequencing.Event) error {
	h := &a.events
	h.entries++
	if e.Kind == sequencing.KindIdentity || e.Kind == sequencing.KindAccount {
		h.told = int64(e.Seq)
	}
	if e.Next.Rev != "" && int64(e.Seq) > a.file.root.Seq {
		if err := a.stand(ctx); err != nil {
			return err
		}
	}
	var frame any
	if len(e.Frame) > 0 {
		var err error
		if frame, _, err = sequencing.DecodeFrame(e.Frame); err != nil {
			a.bad(RuleEvent, a.logged(int64(e.Seq)), "%v", err)
			return errStop
		}
	}
	switch f := frame.(type) {
	case sequencing.CommitFrame:
		h.commits++
		a.commitEvent(e, f)
		a.leadsOn(e, f.Since, f.PrevData)
		h.effects(a, e, f)
	case sequencing.SyncFrame:
		a.syncEvent(e, f)
	case sequencing.AccountFrame:
		if e.Next.Status != sequencing.StatusNone && f.Status != e.Next.Status {
			a.bad(RuleEvent, a.logged(int64(e.Seq)), "it says %s, the log made the account %s", f.Status, e.Next.Status)
		}
	default:
		if e.Next.Rev != "" { // an import, or a head taken over from a file
			a.replaced(e)
		}
	}
	h.move(a, e)
	return nil
}

// move takes an entry into the history.
func (h *history) move(a *account, e sequencing.Event) {
	if e.Next.Rev == "" {
		return
	}
	h.rev, h.commit, h.data = e.Next.Rev, e.Next.Commit, e.Next.Data
	if root := a.file.root; a.file.there && root.Rev == e.Next.Rev && !root.Commit.Equals(e.Next.Commit) {
		h.fork = fmt.Sprintf("the file has commit %s, entry %d of the log %s, both of rev %s", root.Commit, e.Seq, e.Next.Commit, root.Rev)
	}
}

// stand compares the nodes with the file once, at the entry that the file has
// as its newest.
func (a *account) stand(ctx context.Context) error {
	h := &a.events
	if h.stood {
		return nil
	}
	h.stood = true
	if !a.file.there || h.rev != a.file.root.Rev {
		return nil // another line: compare says so
	}
	return a.holds(ctx, h.present)
}

// leadsOn looks at the first commit that the file lacks.
func (a *account) leadsOn(e sequencing.Event, since syntax.TID, prev cid.Cid) {
	h := &a.events
	if int64(e.Seq) <= a.file.root.Seq || h.met {
		return
	}
	h.met = true
	root := a.file.root
	if root.Rev != since || !root.Data.Equals(prev) {
		h.next = fmt.Errorf("entry %d goes on from rev %q", e.Seq, since)
	}
}

// replaced is an entry that puts a whole repository in the place of the one before.
func (a *account) replaced(e sequencing.Event) {
	h := &a.events
	h.created = false
	clear(h.present)
	if int64(e.Seq) <= a.file.root.Seq || h.met {
		return
	}
	h.met = true
	switch {
	case e.Kind == sequencing.KindAdopt && e.Next.Rev != a.file.root.Rev:
		h.next = fmt.Errorf("entry %d only names rev %s, which another copy of the file had", e.Seq, e.Next.Rev)
	case e.Kind == sequencing.KindImport:
		id, err := importedBy(e)
		if err != nil {
			a.bad(RuleEvent, a.logged(int64(e.Seq)), "%v", err)
		} else if id != a.file.root.Staged {
			h.next = fmt.Errorf("entry %d only names import %d, which another copy of the file had", e.Seq, id)
		}
	}
}

// importedBy is the import that a KindImport names: the first member of what it
// says beyond the head.
func importedBy(e sequencing.Event) (repodb.ImportID, error) {
	r := dag.NewReader(e.Private)
	if _, err := r.Array(); err != nil {
		return 0, fmt.Errorf("which import it is: %w", err)
	}
	id, err := r.Int()
	if err != nil {
		return 0, fmt.Errorf("which import it is: %w", err)
	}
	return repodb.ImportID(id), nil
}

// compare is where the file and the log meet.
func (a *account) compare() {
	if !a.file.trusted {
		return
	}
	h, root, head := &a.events, a.file.root, &a.head
	place := a.place(repodb.FileName, root.Seq)
	switch {
	case root.Rev > head.Rev:
		a.bad(RuleAhead, place, "the file is at rev %s, the log at %s", root.Rev, head.Rev)
	case root.Rev == head.Rev && (!root.Commit.Equals(head.Commit) || !root.Data.Equals(head.Data)):
		a.bad(RuleFork, place, "the file has commit %s, the log %s, both of rev %s", root.Commit, head.Commit, head.Rev)
	case h.fork != "":
		a.bad(RuleFork, place, "%s", h.fork)
	case root.Seq > head.Seq:
		a.bad(RuleAhead, place, "the file has applied up to entry %d, the log ends at %d", root.Seq, head.Seq)
	case root.Rev < head.Rev && root.Seq == head.Seq:
		a.bad(RuleAhead, place, "the file says that it has applied entry %d, and is at rev %s instead of %s", root.Seq, root.Rev, head.Rev)
	case root.Rev < head.Rev && !h.met:
		a.bad(RuleGap, place, "the file is at rev %q, and the log holds nothing that leads to %s", root.Rev, head.Rev)
	case root.Rev < head.Rev && h.next != nil:
		a.bad(RuleGap, place, "the file is at rev %q, and %v", root.Rev, h.next)
	case head.Applied > root.Seq:
		a.bad(RuleMark, place, "the log believes that the file has applied up to entry %d, it has up to %d", head.Applied, root.Seq)
	case root.Seq < head.Seq:
		a.count(func(s *Summary) { s.Behind++ })
	}
}
