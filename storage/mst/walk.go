package mst

import (
	"github.com/ipfs/go-cid"

	"troupe/storage/car"
)

// Walk calls fn with every key that is not below from, in ascending order, until
// fn returns an error, which it passes on as it is. It does not keep the nodes
// it reads. Errors: ErrMissing, ErrInvalid, those of the Source, and fn's.
func (t *Tree) Walk(from string, fn func(key string, value cid.Cid) error) error {
	return t.walk(&t.top, anyLayer, span{}, from, fn)
}

func (ld loader) walk(l *link, layer int, s span, from string, fn func(string, cid.Cid) error) error {
	n, _, err := ld.peek(l, layer, s)
	if err != nil {
		return err
	}
	i, found := n.find(from)
	if found {
		if err := fn(n.entries[i].key, n.entries[i].value.cid()); err != nil {
			return err
		}
		i++
	}
	for ; ; i++ {
		if g := n.gap(i); !g.absent() {
			if err := ld.walk(g, n.layer-1, n.span(i, s), from, fn); err != nil {
				return err
			}
		}
		if i == len(n.entries) {
			return nil
		}
		if err := fn(n.entries[i].key, n.entries[i].value.cid()); err != nil {
			return err
		}
	}
}

// Step is one thing met by Preorder: either a node, or a key with its value.
type Step struct {
	Node  *car.Block // nil at a key
	Key   string     // "" at a node
	Value cid.Cid
}

// Preorder calls fn with every node and every key of the tree: a node, then its
// keys and subtrees in key order. With the records in the place of their keys
// this is the order in which a repository is best streamed (Repository
// specification, "CAR File Serialization"). It ends with fn's first error,
// passed on as it is, and does not keep the nodes it reads; a block is fn's
// until it returns.
func (t *Tree) Preorder(fn func(Step) error) error {
	return t.preorder(&t.top, anyLayer, span{}, fn)
}

func (ld loader) preorder(l *link, layer int, s span, fn func(Step) error) error {
	n, block, err := ld.peek(l, layer, s)
	if err != nil {
		return err
	}
	if block == nil {
		block = n.encode(nil)
	}
	if err := fn(Step{Node: &car.Block{CID: n.sum.cid(), Data: block}}); err != nil {
		return err
	}
	for i := 0; ; i++ {
		if g := n.gap(i); !g.absent() {
			if err := ld.preorder(g, n.layer-1, n.span(i, s), fn); err != nil {
				return err
			}
		}
		if i == len(n.entries) {
			return nil
		}
		if err := fn(Step{Key: n.entries[i].key, Value: n.entries[i].value.cid()}); err != nil {
			return err
		}
	}
}
