package mst

import (
	"crypto/sha256"
	"fmt"

	"github.com/ipfs/go-cid"
)

// Source is where a tree reads its nodes from, one at a time and only when
// needed: the node table of an account, or the blocks of an event or an import.
type Source interface {
	// Node returns the block of the node c, or an error that wraps ErrMissing.
	// The bytes need not be checked, the tree does that; it neither keeps nor
	// changes them, so they may be valid until the next call only.
	Node(c cid.Cid) ([]byte, error)
}

// anyLayer is the layer asked of a root, which defines its own.
const anyLayer = -1

// loader reads and verifies nodes.
type loader struct{ src Source }

// open returns the node behind l and keeps it there for the next time.
// layer and s are what its place in the tree demands of it.
func (ld loader) open(l *link, layer int, s span) (*node, error) {
	if l.node == nil {
		n, _, err := ld.read(l.sum, layer, s)
		if err != nil {
			return nil, err
		}
		l.node = n
	}
	return l.node, nil
}

// peek is open without keeping, for walks over a whole tree, which would
// otherwise leave all of it in memory. block is the node's encoding if it had to
// be read for this, and nil if the node was there.
func (ld loader) peek(l *link, layer int, s span) (n *node, block []byte, err error) {
	if l.node != nil {
		return l.node, nil, nil
	}
	return ld.read(l.sum, layer, s)
}

func (ld loader) read(sum digest, layer int, s span) (*node, []byte, error) {
	if sum.isZero() {
		return nil, nil, invalid("the root is not the CID of a DAG-CBOR block")
	}
	c := sum.cid()
	if ld.src == nil {
		return nil, nil, fmt.Errorf("%w: %s: the tree has no source", ErrMissing, c)
	}
	data, err := ld.src.Node(c)
	if err != nil {
		return nil, nil, fmt.Errorf("mst: reading node %s: %w", c, err)
	}
	if sha256.Sum256(data) != sum {
		return nil, nil, fmt.Errorf("mst: node %s: %w", c, invalid("the block has another hash"))
	}
	n, err := decode(data)
	if err == nil {
		err = n.place(layer, s)
	}
	if err != nil {
		return nil, nil, fmt.Errorf("mst: node %s: %w", c, err)
	}
	n.sum, n.sealed = sum, true
	return n, data, nil
}

// place checks that a decoded node may stand where it was found. Because every
// child must lie exactly one layer below its parent and only a node with keys
// may be a root, a tree is never deeper than the height of a real key; links
// that form a cycle or an endless chain end here, not in the stack.
func (n *node) place(layer int, s span) error {
	switch {
	case len(n.entries) > 0:
		if layer != anyLayer && n.layer != layer {
			return invalid("keys of height %d in layer %d", n.layer, layer)
		}
		first, last := n.entries[0].key, n.entries[len(n.entries)-1].key
		if !s.holds(first) || !s.holds(last) {
			return invalid("keys %q to %q in the place of keys between %q and %q", first, last, s.lo, s.hi)
		}
	case layer == anyLayer:
		n.layer = 0 // the empty tree, or else refused below: no root is without keys
	case n.left.absent():
		return invalid("an empty node inside of a tree")
	default:
		n.layer = layer
	}
	if n.layer > 0 {
		return nil
	}
	for i := range len(n.entries) + 1 {
		if !n.gap(i).absent() {
			return invalid("a node below the lowest layer, or below a root without keys")
		}
	}
	return nil
}
