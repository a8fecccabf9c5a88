package fsck

import (
	"errors"
	"fmt"

	"github.com/ipfs/go-cid"

	"troupe/sequencing"
	"troupe/storage/car"
	"troupe/storage/mst"
)

// commitEvent judges a #commit by itself: blocks, operations, signature.
func (a *account) commitEvent(e sequencing.Event, f sequencing.CommitFrame) {
	bad := func(format string, args ...any) { a.bad(RuleEvent, a.logged(int64(e.Seq)), format, args...) }
	at, commit, err := readBlocks(f.Blocks, f.Commit)
	if err != nil {
		bad("%v", err)
		return
	}
	if err := commit.matches(a.head.DID, e.Next.Rev, e.Next.Data); err != nil {
		bad("commit %s: %v", f.Commit, err)
		return
	}
	if !a.events.unsigned && !a.verifies(commit) {
		bad("commit %s: no key of the account verifies the signature", f.Commit)
		a.events.unsigned = true
	}
	switch {
	case len(f.Ops) > sequencing.MaxCommitOps:
		bad("%d operations", len(f.Ops))
	case len(f.Blocks) > sequencing.MaxCommitBlocks:
		bad("%d bytes of blocks", len(f.Blocks))
	}
	if err := undo(f, e.Next.Data, at); err != nil {
		bad("%v", err)
	}
}

// syncEvent compares a #sync with where the repository stands.
func (a *account) syncEvent(e sequencing.Event, f sequencing.SyncFrame) {
	bad := func(format string, args ...any) { a.bad(RuleEvent, a.logged(int64(e.Seq)), format, args...) }
	roots, _, err := car.ReadAll(f.Blocks)
	if err != nil || len(roots) != 1 {
		bad("%d roots: %v", len(roots), err)
		return
	}
	_, commit, err := readBlocks(f.Blocks, roots[0])
	switch h := &a.events; {
	case err != nil:
		bad("%v", err)
	case h.rev == "":
		// What it shows is an entry that has been pruned.
	case f.Rev != h.rev || !roots[0].Equals(h.commit):
		bad("it shows rev %s, commit %s; the repository was at %s, %s", f.Rev, roots[0], h.rev, h.commit)
	default:
		if err := commit.matches(a.head.DID, h.rev, h.data); err != nil {
			bad("commit %s: %v", roots[0], err)
		}
	}
}

// readBlocks takes an event's CAR apart and decodes its commit.
func readBlocks(b []byte, root cid.Cid) (blocks, signed, error) {
	roots, all, err := car.ReadAll(b)
	if err != nil {
		return nil, signed{}, err
	}
	if len(roots) != 1 || !roots[0].Equals(root) {
		return nil, signed{}, fmt.Errorf("the blocks are of %v, not of commit %s", roots, root)
	}
	at := make(blocks, len(all))
	for _, one := range all {
		at[one.CID] = one.Data
	}
	block, ok := at[root]
	if !ok {
		return nil, signed{}, fmt.Errorf("commit %s is not among the blocks", root)
	}
	c, err := readCommit(block)
	if err != nil {
		return nil, signed{}, fmt.Errorf("commit %s: %w", root, err)
	}
	return at, c, nil
}

// blocks are those of an event.
type blocks map[cid.Cid][]byte

// Node makes them the source of a tree that is not whole.
func (b blocks) Node(c cid.Cid) ([]byte, error) {
	if block, ok := b[c]; ok {
		return block, nil
	}
	return nil, mst.ErrMissing
}

// undo checks the operations against each other and the blocks, and that
// without them the tree is the one before (atproto.com/specs/sync).
func undo(f sequencing.CommitFrame, data cid.Cid, at blocks) error {
	var ops []mst.Op
	seen := map[string]bool{}
	for _, op := range f.Ops {
		if seen[op.Path] {
			return fmt.Errorf("two operations on %s", op.Path)
		}
		seen[op.Path] = true
		creates, deletes := op.Action == sequencing.ActionCreate, op.Action == sequencing.ActionDelete
		if op.CID.Defined() == deletes || op.Prev.Defined() == creates {
			return fmt.Errorf("%s of %s: record %s, before it %s", op.Action, op.Path, op.CID, op.Prev)
		}
		if _, ok := at[op.CID]; !ok && !deletes {
			return fmt.Errorf("record %s of %s is not among the blocks", op.CID, op.Path)
		}
		ops = append(ops, mst.Op{Key: op.Path, Value: op.CID, Prev: op.Prev})
	}
	tree := mst.Load(data, at)
	before, err := mst.Invert(tree, ops)
	if err != nil {
		return fmt.Errorf("the operations cannot be undone: %w", err)
	}
	prev := f.PrevData
	if f.Since == "" {
		if prev.Defined() {
			return errors.New("a first commit with a tree before it")
		}
		prev = mst.Empty().Root()
	}
	if !before.Root().Equals(prev) {
		return fmt.Errorf("without its operations the tree is %s, not %s", before.Root(), prev)
	}
	return nil
}

// effects follows the nodes that a commit brought in and took out.
func (h *history) effects(a *account, e sequencing.Event, f sequencing.CommitFrame) {
	bad := func(format string, args ...any) { a.bad(RuleEffects, a.logged(int64(e.Seq)), format, args...) }
	at, _, err := readBlocks(f.Blocks, f.Commit)
	if err != nil {
		return // commitEvent has said so
	}
	if f.Since == "" {
		h.created = true
		clear(h.present)
	}
	for _, c := range e.Effects.New {
		if _, ok := at[c]; !ok {
			bad("node %s is to come in and is not among the blocks", c)
			return
		}
		if _, ok := h.present[c]; ok {
			bad("node %s comes in a second time", c)
			return
		}
		h.present[c] = int64(e.Seq)
	}
	for _, c := range e.Effects.Removed {
		if _, ok := h.present[c]; !ok && h.created {
			bad("node %s is to go out and was not there", c)
			return
		}
		delete(h.present, c)
	}
	for _, ref := range e.Effects.Blobs {
		if ref.Op < 0 || ref.Op >= len(f.Ops) || !f.Ops[ref.Op].CID.Defined() {
			bad("blob %s belongs to operation %d, which writes no record", ref.Blob.CID, ref.Op)
		}
	}
}
