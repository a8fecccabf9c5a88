package mst

import "github.com/ipfs/go-cid"

// EachLink calls fn for what an encoded node points at, in key order: records,
// and the subtrees between them. It stops at fn's first error and passes it on
// as it is. It is for nodes that were verified before: the encoding is checked,
// with ErrInvalid, but neither the keys nor the node's place in a tree.
func EachLink(node []byte, fn func(c cid.Cid, isRecord bool) error) error {
	d := decoder{b: node}
	n, _, _ := d.node(nil, nil)
	if d.err != nil {
		return d.err
	}
	for i := 0; ; i++ {
		if g := n.gap(i); !g.absent() {
			if err := fn(g.sum.cid(), false); err != nil {
				return err
			}
		}
		if i == len(n.entries) {
			return nil
		}
		if err := fn(n.entries[i].value.cid(), true); err != nil {
			return err
		}
	}
}

// Item is one thing that a node holds: a record with its key, or a subtree with
// the two keys that everything in it lies between.
type Item struct {
	CID    cid.Cid
	Key    string // "": a subtree
	Lo, Hi string // of a subtree; "": the node sets no bound on that side
}

// EachItemDown calls fn for what an encoded node holds, in descending key order,
// for walks that look only at what they need. It stops at fn's first error and
// passes it on as it is. Like EachLink it is for nodes that were verified before.
func EachItemDown(block []byte, fn func(Item) error) error {
	n, err := decode(block)
	if err != nil {
		return err
	}
	for i := len(n.entries); ; i-- {
		if g := n.gap(i); !g.absent() {
			s := n.span(i, span{})
			if err := fn(Item{CID: g.sum.cid(), Lo: s.lo, Hi: s.hi}); err != nil {
				return err
			}
		}
		if i == 0 {
			return nil
		}
		e := n.entries[i-1]
		if err := fn(Item{CID: e.value.cid(), Key: e.key}); err != nil {
			return err
		}
	}
}
