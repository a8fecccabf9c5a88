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
