package mst

import (
	"slices"

	"troupe/storage/car"
)

// Path returns the nodes from the root to key, or, if the tree does not hold it,
// down to where its search ends: what proves to someone who trusts the root
// which record key has, or that it has none (com.atproto.sync.getRecord).
func (t *Tree) Path(key string) ([]car.Block, error) {
	var p pack
	l, layer, s := &t.top, anyLayer, span{}
	for {
		n, err := t.open(l, layer, s)
		if err != nil {
			return nil, err
		}
		p.add(n)
		i, found := n.find(key)
		l = n.gap(i)
		if found || l.absent() {
			return p.blocks(), nil
		}
		layer, s = n.layer-1, n.span(i, s)
	}
}

// Proof returns the covering proof of keys in this tree: for each key the path to
// it and to its left and right neighbour, every node once, parents before
// children, in key order. With the proof of a commit's keys in the new tree,
// whoever trusts the old root can undo the commit's operations and check that he
// arrives at it (Sync specification, "Commit Validation"): removing a created key
// joins the subtrees on its two sides, and putting back a deleted one parts the
// nodes it falls into.
func (t *Tree) Proof(keys ...string) ([]car.Block, error) { return t.ProofBeside(nil, keys...) }

// ProofBeside is Proof without the blocks of have. A commit has most of its proof
// already: the nodes that it made.
func (t *Tree) ProofBeside(have []car.Block, keys ...string) ([]car.Block, error) {
	keys = slices.Clone(keys)
	slices.Sort(keys)
	c := cover{loader: t.loader, have: make(map[digest]struct{}, len(have))}
	for _, b := range have {
		sum, err := digestOf(b.CID)
		if err != nil {
			return nil, err
		}
		c.have[sum] = struct{}{}
	}
	if err := c.visit(&t.top, anyLayer, span{}, slices.Compact(keys), false, false); err != nil {
		return nil, err
	}
	return c.blocks(), nil
}

type cover struct {
	loader
	pack
	have map[digest]struct{} // nodes to leave out
}

// visit adds the node behind l and goes on to the gaps that keys, all in s, fall
// into, and to those beside a key found here. first and last ask for the lowest
// and the highest key of this subtree, as a neighbour of a key above.
func (c *cover) visit(l *link, layer int, s span, keys []string, first, last bool) error {
	n, err := c.open(l, layer, s)
	if err != nil {
		return err
	}
	if _, had := c.have[n.sum]; !had {
		c.add(n)
	}
	for i := 0; i <= len(n.entries); i++ {
		inside, wanted := keys, false // wanted: the entry behind this gap is one of keys
		if i < len(n.entries) {
			var j int
			j, wanted = slices.BinarySearch(keys, n.entries[i].key)
			inside, keys = keys[:j], keys[j:]
		} else {
			wanted = last
		}
		if g := n.gap(i); !g.absent() && (first || wanted || len(inside) > 0) {
			if err := c.visit(g, n.layer-1, n.span(i, s), inside, first, wanted); err != nil {
				return err
			}
		}
		if first = wanted; wanted && i < len(n.entries) {
			keys = keys[1:]
		}
	}
	return nil
}
