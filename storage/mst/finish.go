package mst

import (
	"github.com/ipfs/go-cid"

	"troupe/storage/car"
)

// Changes is how the blocks of a new tree differ from those of the old one. No
// CID is in both lists, and applying both to the nodes of the old tree gives
// exactly those of the new one.
type Changes struct {
	Root    cid.Cid
	New     []car.Block // nodes in the new tree and not in the old, a parent before its children, in key order
	Removed []cid.Cid   // nodes in the old tree and not in the new
}

// Finish hashes what was changed and ends the Edit. Where nothing is different in
// the end the tree is the old one itself. The blocks of New share one array.
// Errors: the one that ended the Edit before.
func (e *Edit) Finish() (*Tree, Changes, error) {
	if e.err != nil {
		return nil, Changes{}, e.err
	}
	e.err = errFinished
	var p pack
	p.addUnsealed(&e.top)
	made := p.blocks()
	if e.top.node != nil {
		e.top.sum = e.top.node.sum
	}

	gone := make(map[digest]bool, len(e.gone))
	for _, sum := range e.gone {
		gone[sum] = true
	}
	// A node made by this Edit may turn out equal to one it took out, after a
	// change and its undoing: that one stayed. No other node of the old tree can
	// be equal to a new one, because they would hold the same keys twice.
	fresh := made[:0]
	for i, block := range made {
		if sum := p.nodes[i].sum; gone[sum] {
			gone[sum] = false
		} else {
			fresh = append(fresh, block)
		}
	}
	removed := make([]cid.Cid, 0, len(e.gone))
	for _, sum := range e.gone {
		if gone[sum] {
			removed = append(removed, sum.cid())
		}
	}
	if e.top.sum == e.old.top.sum {
		return e.old, Changes{Root: e.old.root, New: fresh, Removed: removed}, nil
	}
	t := &Tree{loader: e.loader, root: e.top.sum.cid(), top: e.top}
	return t, Changes{Root: t.root, New: fresh, Removed: removed}, nil
}
