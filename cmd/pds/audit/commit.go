package audit

import (
	"bytes"
	"fmt"
	"time"

	comatproto "github.com/bluesky-social/indigo/api/atproto"
	"github.com/bluesky-social/indigo/atproto/repo"
	"github.com/bluesky-social/indigo/atproto/repo/mst"
	"github.com/bluesky-social/indigo/atproto/syntax"
	lexutil "github.com/bluesky-social/indigo/lex/util"
	"github.com/ipfs/go-cid"
)

// Hard limits of events (atproto.com/specs/sync).
const (
	maxOps        = 200
	maxBlocks     = 2_000_000
	maxRecord     = 1_000_000
	maxSyncBlocks = 10_000
	maxAhead      = 5 * time.Minute
)

// Op is one operation of a commit.
type Op struct {
	Action    string // create, update, delete
	Path      string
	CID, Prev cid.Cid // Undef: none
}

// wellFormed says whether the fields fit the action. An update to the same
// record is no operation.
func (o Op) wellFormed() bool {
	switch o.Action {
	case "create":
		return o.CID.Defined() && !o.Prev.Defined()
	case "update":
		return o.CID.Defined() && o.Prev.Defined() && o.CID != o.Prev
	case "delete":
		return !o.CID.Defined() && o.Prev.Defined()
	}
	return false
}

// emptyTree is the root of a repository without records.
var emptyTree = func() cid.Cid {
	t := mst.NewEmptyTree()
	c, err := t.RootCID()
	if err != nil {
		panic(err) // a constant
	}
	return *c
}()

// checkCommon looks at what every event has.
func checkCommon(f *findings, e Event, at string) {
	if _, err := syntax.ParseDID(e.DID.String()); err != nil {
		f.add(RuleField, "%v", err)
	}
	if _, err := syntax.ParseDatetime(at); err != nil {
		f.add(RuleField, "time: %v", err)
	}
	if e.Seq <= 0 || e.Seq >= 1<<53 {
		f.add(RuleField, "seq %d", e.Seq)
	}
}

func checkRev(f *findings, rev syntax.TID, now time.Time) {
	t, err := syntax.ParseTID(rev.String())
	switch {
	case err != nil:
		f.add(RuleField, "rev: %v", err)
	case t.Time().After(now.Add(maxAhead)):
		f.add(RuleRev, "%s is %s ahead of the clock", rev, t.Time().Sub(now).Round(time.Second))
	}
}

// checkCommit verifies a #commit by itself. The commit is nil when it cannot
// be read.
func checkCommit(f *findings, e Event, m *comatproto.SyncSubscribeRepos_Commit, now time.Time) (commit *repo.Commit, ops []Op) {
	// indigo trusts some lengths of a tree node; broken bytes must not end the audit.
	defer func() {
		if p := recover(); p != nil {
			f.add(RuleTree, "unreadable: %v", p)
		}
	}()
	checkCommon(f, e, m.Time)
	checkRev(f, e.Rev, now)
	if m.TooBig || m.Rebase || len(m.Blobs) > 0 {
		f.add(RuleField, "tooBig, rebase and blobs are no longer used")
	}
	if len(m.Blocks) > maxBlocks {
		f.add(RuleLimit, "%d bytes of blocks", len(m.Blocks))
	}
	if len(m.Ops) > maxOps {
		f.add(RuleLimit, "%d operations", len(m.Ops))
	}
	ops = readOps(f, m.Ops)
	car, err := readCAR(bytes.NewReader(m.Blocks))
	if err != nil {
		f.add(RuleCAR, "%v", err)
		return nil, ops
	}
	if car.root != cid.Cid(m.Commit) {
		f.add(RuleCAR, "the root is %s, the event's commit %s", car.root, m.Commit)
	}
	if commit, err = car.commit(); err != nil {
		f.add(RuleCommit, "%v", err)
		return nil, ops
	}
	if commit.DID != m.Repo || commit.Rev != m.Rev {
		f.add(RuleCommit, "commit of %s rev %s in an event of rev %s", commit.DID, commit.Rev, m.Rev)
	}
	checkChange(f, car, commit.Data, ops, m)
	return commit, ops
}

// checkChange verifies operations against the blocks: forwards (each is what
// the tree says) and backwards (undone, they give the previous tree).
func checkChange(f *findings, car *carFile, data cid.Cid, ops []Op, m *comatproto.SyncSubscribeRepos_Commit) {
	tree, err := car.tree(data)
	if err != nil {
		f.add(RuleTree, "%v", err)
		return
	}
	for _, op := range ops {
		checkOp(f, car, tree, op)
	}
	if n, first := car.unneeded(); n > 0 {
		f.add(RuleCAR, "%d blocks that nothing needs, first %s", n, first)
	}
	before, err := invert(tree, ops)
	if err != nil {
		f.add(RuleInversion, "%v", err)
		return
	}
	want := emptyTree
	if m.PrevData != nil {
		want = cid.Cid(*m.PrevData)
	}
	if before != want {
		f.add(RuleInversion, "the operations undone give %s, prevData is %s", before, want)
	}
}

func checkOp(f *findings, car *carFile, tree *mst.Tree, op Op) {
	got, err := tree.Get([]byte(op.Path))
	if err != nil {
		f.add(RuleOps, "%s: %v", op.Path, err)
		return
	}
	if op.Action == "delete" {
		if got != nil {
			f.add(RuleOps, "%s is deleted and still in the tree", op.Path)
		}
		return
	}
	if got == nil || *got != op.CID {
		f.add(RuleOps, "%s is %v in the tree, %s in the operation", op.Path, got, op.CID)
	}
	b, ok := car.take(op.CID)
	if !ok {
		f.add(RuleCAR, "the record of %s is missing", op.Path)
		return
	}
	if len(b) > maxRecord {
		f.add(RuleLimit, "%s has %d bytes", op.Path, len(b))
	}
	collection, _, _ := syntax.ParseRepoPath(op.Path)
	if err := checkRecord(b, collection.String()); err != nil {
		f.add(RuleRecord, "%s: %v", op.Path, err)
	}
}

// readOps checks the form of operations and leaves out what cannot be used.
func readOps(f *findings, in []*comatproto.SyncSubscribeRepos_RepoOp) []Op {
	seen := map[string]bool{}
	var ops []Op
	for _, o := range in {
		op := Op{Action: o.Action, Path: o.Path, CID: link(o.Cid), Prev: link(o.Prev)}
		if _, _, err := syntax.ParseRepoPath(o.Path); err != nil {
			f.add(RuleOps, "path %q: %v", o.Path, err)
			continue
		}
		if seen[o.Path] {
			f.add(RuleOps, "%s is there twice", o.Path)
			continue
		}
		seen[o.Path] = true
		if !op.wellFormed() {
			f.add(RuleOps, "%s %q with cid %s and prev %s", op.Action, op.Path, op.CID, op.Prev)
			continue
		}
		ops = append(ops, op)
	}
	return ops
}

// invert undoes ops on a copy of a partial tree and returns its root.
func invert(tree *mst.Tree, ops []Op) (cid.Cid, error) {
	list := make([]repo.Operation, len(ops))
	for i, op := range ops {
		list[i] = repo.Operation{Path: op.Path, Value: pointer(op.CID), Prev: pointer(op.Prev)}
	}
	list, err := repo.NormalizeOps(list)
	if err != nil {
		return cid.Undef, err
	}
	t := tree.Copy()
	for i := range list {
		if err := repo.InvertOp(&t, &list[i]); err != nil {
			return cid.Undef, fmt.Errorf("%s: %w", list[i].Path, err)
		}
	}
	root, err := t.RootCID()
	if err != nil {
		return cid.Undef, err
	}
	return *root, nil
}

func link(l *lexutil.LexLink) cid.Cid {
	if l == nil {
		return cid.Undef
	}
	return cid.Cid(*l)
}

func pointer(c cid.Cid) *cid.Cid {
	if !c.Defined() {
		return nil
	}
	return &c
}
