package audit

import (
	"bytes"
	"slices"

	comatproto "github.com/bluesky-social/indigo/api/atproto"
	"github.com/bluesky-social/indigo/atproto/repo"
	"github.com/bluesky-social/indigo/atproto/syntax"
	"github.com/ipfs/go-cid"
)

// opening is how far the first events of an account have come.
type opening int

const (
	joined     opening = iota // open: whatever comes must chain
	nothing                   // the account is not known to consumers
	named                     // #identity was first: a new account, or one that moves in
	renamed                   // …then another #identity: one that moves in
	born                      // …then #account
	filled                    // …then its first #commit, and a #sync must come
	arrived                   // #account with nothing before it, or after those: one that moved in
	introduced                // …then #identity, and a #sync must come
)

// history is what the events of one account say up to now.
type history struct {
	opening opening
	rev     syntax.TID // "": no commit seen
	cid     cid.Cid
	data    cid.Cid
	status  string // "": none seen; "active" or why not

	content map[string]cid.Cid  // path → record; nil: not known
	commits map[syntax.TID]seen // nil like content
}

// seen is a #commit, kept to be compared with what writers were told.
type seen struct {
	seq    int64
	before syntax.TID // rev of the commit before
	cid    cid.Cid
	ops    []Op
}

// onlyDeletes says whether the commit does nothing else.
func (s seen) onlyDeletes() bool {
	return len(s.ops) > 0 && !slices.ContainsFunc(s.ops, func(op Op) bool { return op.Action != "delete" })
}

const active = "active"

func unborn() history {
	return history{opening: nothing, content: map[string]cid.Cid{}, commits: map[syntax.TID]seen{}}
}

func (h *history) commit(f *findings, e Event, m *comatproto.SyncSubscribeRepos_Commit, commit *repo.Commit, ops []Op) {
	since := syntax.TID("")
	if m.Since != nil {
		since = syntax.TID(*m.Since)
	}
	prevData := link(m.PrevData)
	if h.status != "" && h.status != active {
		f.add(RuleOrder, "a commit while the account is %s", h.status)
	}
	switch h.opening {
	case joined:
	case born:
		h.opening = filled
	default:
		h.broken(f, KindCommit)
	}
	if h.rev != "" || h.content != nil {
		if since != h.rev {
			f.add(RuleSince, "%q, the rev before was %q", since, h.rev)
		}
		if prevData != h.data {
			f.add(RulePrevData, "%s, the tree before was %s", prevData, h.data)
		}
	} else if (since == "") != (prevData == cid.Undef) {
		f.add(RuleSince, "%q with prevData %s", since, prevData)
	}
	if h.rev != "" && e.Rev <= h.rev {
		f.add(RuleRev, "%s after %s", e.Rev, h.rev)
	}
	h.fold(f, ops)
	if h.commits != nil {
		if _, twice := h.commits[e.Rev]; twice {
			f.add(RuleRev, "%s twice", e.Rev)
		}
		h.commits[e.Rev] = seen{e.Seq, h.rev, cid.Cid(m.Commit), ops}
	}
	h.rev, h.cid = e.Rev, cid.Cid(m.Commit)
	h.data = cid.Undef
	if commit != nil {
		h.data = commit.Data
	}
}

// fold applies operations to the known content.
func (h *history) fold(f *findings, ops []Op) {
	if h.content == nil {
		return
	}
	for _, op := range ops {
		if was := h.content[op.Path]; was != op.Prev {
			f.add(RuleOps, "%s of %s: prev is %s, the record was %s", op.Action, op.Path, op.Prev, was)
		}
		if op.CID.Defined() {
			h.content[op.Path] = op.CID
		} else {
			delete(h.content, op.Path)
		}
	}
}

// sync reports whether it moved the account to a commit that had no event.
func (h *history) sync(f *findings, e Event, m *comatproto.SyncSubscribeRepos_Sync, commit *repo.Commit) (moved bool) {
	switch h.opening {
	case joined:
	case filled, introduced:
		h.opening = joined
	default:
		h.broken(f, KindSync)
	}
	if commit == nil {
		return false
	}
	car, err := readCAR(bytes.NewReader(m.Blocks))
	if err != nil {
		return false // found before
	}
	switch {
	case h.rev == "" || e.Rev > h.rev:
		moved = h.rev != ""
		h.rev, h.cid, h.data, h.content = e.Rev, car.root, commit.Data, nil
	case e.Rev < h.rev:
		f.add(RuleRev, "%s after %s", e.Rev, h.rev)
	case car.root != h.cid:
		f.add(RuleSync, "%s of rev %s, which was %s", car.root, e.Rev, h.cid)
	}
	return moved
}

func (h *history) identity(f *findings) {
	switch h.opening {
	case joined:
	case nothing:
		h.opening = named
	case named, renamed:
		// One that moves in: its document has changed, and it is not active yet.
		h.opening = renamed
	case arrived, born:
		h.opening = introduced
	default:
		h.broken(f, KindIdentity)
	}
}

func (h *history) account(f *findings, m *comatproto.SyncSubscribeRepos_Account) {
	switch {
	case h.opening == joined:
	case h.opening == named && m.Active:
		h.opening = born
	case (h.opening == nothing || h.opening == renamed) && m.Active:
		h.opening = arrived
	case h.opening == nothing:
		// An account may be taken down before anybody has seen it.
	default:
		h.broken(f, KindAccount)
	}
	h.status = active
	if !m.Active && m.Status != nil {
		h.status = *m.Status
	}
	if h.status == "deleted" {
		// What was is gone, from the log too; only a new beginning may follow.
		*h = unborn()
		h.status = "deleted"
	}
}

// broken reports an event out of the order of beginnings; what follows is taken
// as it comes.
func (h *history) broken(f *findings, k Kind) {
	names := map[opening]string{
		nothing: "at the beginning", named: "after #identity", renamed: "after #identity, #identity", born: "after #identity, #account",
		filled: "after #identity, #account, #commit", arrived: "after #account", introduced: "after #account, #identity",
	}
	f.add(RuleOrder, "%s %s of a new account", k, names[h.opening])
	h.opening = joined
}
