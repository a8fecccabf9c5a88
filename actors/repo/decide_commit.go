package repo

import (
	"errors"

	"github.com/bluesky-social/indigo/atproto/syntax"
	"github.com/ipfs/go-cid"

	"troupe/sequencing"
	"troupe/storage/car"
	"troupe/storage/commit"
	"troupe/storage/mst"
	"troupe/storage/repodb"
)

// decide makes the ops one commit, or, where a consumer could not follow, two.
func (d *writeDecider) decide(s State, at Moment) (Decision, error) {
	tree, changed, err := d.edit.Finish()
	if err != nil {
		return Decision{}, err
	}
	split, err := d.replacesEverything(tree)
	if err != nil {
		return Decision{}, err
	}
	var decision Decision
	if split {
		decision, err = d.inTwo(s, at)
	} else {
		decision, err = d.commit(s, at, tree, changed)
	}
	if err != nil {
		return Decision{}, err
	}
	// The last entry of a chain speaks for it: what holds between two commits of
	// one append is seen by nobody.
	last := &decision.Entries[len(decision.Entries)-1]
	last.Effects.Collections, err = d.collections.changes(tree)
	return decision, err
}

// replacesEverything reports whether the commit deletes records and every
// record that is left was created by it. Relays that are built on indigo undo
// such a commit wrongly (their tree keeps its height when it becomes empty on
// the way) and would drop it as invalid.
func (d *writeDecider) replacesEverything(tree *mst.Tree) (bool, error) {
	created := map[string]bool{}
	for _, op := range d.ops {
		if op.Action == sequencing.ActionCreate {
			created[op.Path] = true
		}
	}
	if len(created) == 0 || len(created) == len(d.ops) {
		return false, nil
	}
	old := errors.New("an older record")
	err := tree.Walk("", func(key string, _ cid.Cid) error {
		if !created[key] {
			return old
		}
		return nil
	})
	if errors.Is(err, old) {
		return false, nil
	}
	return err == nil, err
}

// inTwo makes the deletes a commit of their own, before the creates. The chain
// is appended whole or not at all, so the request stays one step.
func (d *writeDecider) inTwo(s State, at Moment) (Decision, error) {
	var parts [2]writeDecider
	tree := s.Tree
	var whole Decision
	whole.Next = s
	for i, isDelete := range []bool{true, false} {
		p := &parts[i]
		p.records = d.records
		edit := tree.Edit()
		for j, op := range d.ops {
			if (op.Action == sequencing.ActionDelete) != isDelete {
				continue
			}
			var err error
			if isDelete {
				_, err = edit.Delete(op.Path)
			} else {
				err = edit.Create(op.Path, op.CID)
			}
			if err != nil {
				return Decision{}, err
			}
			for _, b := range d.blobs {
				if b.Op == j {
					p.blobs = append(p.blobs, sequencing.BlobRef{Op: len(p.ops), Blob: b.Blob})
				}
			}
			p.ops = append(p.ops, op)
			p.changes = append(p.changes, d.changes[j])
		}
		var changed mst.Changes
		var err error
		if tree, changed, err = edit.Finish(); err != nil {
			return Decision{}, err
		}
		part, err := p.commit(whole.Next, at, tree, changed)
		if err != nil {
			return Decision{}, err
		}
		whole.Entries = append(whole.Entries, part.Entries...)
		whole.Changes = append(whole.Changes, part.Changes...)
		whole.Next = part.Next
		at.Rev = syntax.NewTID(at.Rev.Time().UnixMicro()+1, at.Rev.ClockID())
	}
	return whole, nil
}

// commit signs a new tree and encodes the entry.
func (d *writeDecider) commit(s State, at Moment, tree *mst.Tree, changed mst.Changes) (Decision, error) {
	block, err := commit.Sign(s.DID, changed.Root, at.Rev, at.Key)
	if err != nil {
		return Decision{}, err
	}
	blocks, err := d.blocks(tree, changed, block)
	if err != nil {
		return Decision{}, err
	}
	next := s
	next.Rev, next.Commit, next.Data, next.Block, next.Tree = at.Rev, block.CID, changed.Root, block.Data, tree
	entry := commitEntry(s, next, blocks, d.ops)
	for _, n := range changed.New {
		entry.Effects.New = append(entry.Effects.New, n.CID)
	}
	entry.Effects.Removed = changed.Removed
	entry.Effects.Blobs = d.blobs
	change := &repodb.Change{
		Rev: at.Rev, Commit: block, Data: changed.Root, Time: entry.Time,
		Nodes: changed.New, Gone: changed.Removed, Records: d.changes,
	}
	return Decision{Entries: []sequencing.Entry{entry}, Changes: []*repodb.Change{change}, Next: next}, nil
}

// blocks is the CAR of the event: what is new, and what a consumer needs to
// undo the ops and arrive at the previous tree.
func (d *writeDecider) blocks(tree *mst.Tree, changed mst.Changes, commit car.Block) ([]byte, error) {
	keys := make([]string, len(d.ops))
	for i, op := range d.ops {
		keys[i] = op.Path
	}
	proof, err := tree.ProofBeside(changed.New, keys...)
	if err != nil {
		return nil, err
	}
	blocks, err := eventBlocks(commit, changed.Root, append(proof, changed.New...), d.records)
	if err != nil {
		return nil, err
	}
	if len(blocks) > sequencing.MaxCommitBlocks {
		return nil, ErrEventTooBig
	}
	return blocks, nil
}

// commitEntry is the #commit that leads from one state to the next.
func commitEntry(prev, next State, blocks []byte, ops []sequencing.RepoOp) sequencing.Entry {
	frame := sequencing.CommitFrame{
		Repo: next.DID, Commit: next.Commit, Rev: next.Rev, Since: prev.Rev,
		Blocks: blocks, Ops: ops, PrevData: prev.Data, Time: next.Rev.Time(),
	}
	return sequencing.Entry{
		Kind: sequencing.KindCommit, Visibility: sequencing.Public, Frame: frame.Encode(), Time: frame.Time,
		Next: sequencing.Change{Rev: next.Rev, Commit: next.Commit, Data: next.Data},
	}
}
