package mst

import (
	"crypto/sha256"

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
	var p packer
	p.seal(&e.top)

	gone := make(map[digest]bool, len(e.gone))
	for _, sum := range e.gone {
		gone[sum] = true
	}
	// A node made by this Edit may turn out equal to one it took out, after a
	// change and its undoing: that one stayed. No other node of the old tree can
	// be equal to a new one, because they would hold the same keys twice.
	fresh := p.blocks(func(sum digest) bool {
		if gone[sum] {
			gone[sum] = false
			return false
		}
		return true
	})
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

// packer encodes nodes one behind the other, so that a tree's worth of blocks is
// one allocation.
type packer struct {
	buf   []byte
	packs []pack
}

type pack struct {
	sum        digest
	start, end int // in packer.buf
}

// add encodes a sealed node.
func (p *packer) add(n *node) {
	start := len(p.buf)
	p.buf = n.encode(p.buf)
	p.packs = append(p.packs, pack{n.sum, start, len(p.buf)})
}

// seal encodes and hashes the unsealed nodes under l, children first because
// their sums are in their parent, but lists them parents first.
func (p *packer) seal(l *link) {
	n := l.node
	if n == nil || n.sealed {
		return
	}
	at := len(p.packs)
	p.packs = append(p.packs, pack{})
	for i := range len(n.entries) + 1 {
		p.seal(n.gap(i))
	}
	start := len(p.buf)
	p.buf = n.encode(p.buf)
	n.sum = sha256.Sum256(p.buf[start:])
	n.sealed = true
	l.sum = n.sum
	p.packs[at] = pack{n.sum, start, len(p.buf)}
}

// blocks returns what was packed, in order, without what keep refuses.
func (p *packer) blocks(keep func(digest) bool) []car.Block {
	out := make([]car.Block, 0, len(p.packs))
	for _, b := range p.packs {
		if keep == nil || keep(b.sum) {
			out = append(out, car.Block{CID: b.sum.cid(), Data: p.buf[b.start:b.end:b.end]})
		}
	}
	return out
}
