package mst

import "github.com/ipfs/go-cid"

// DiffOp is a key whose value is not the same in two trees.
type DiffOp struct {
	Key string
	Old cid.Cid // cid.Undef: the old tree does not hold the key
	New cid.Cid // cid.Undef: the new tree does not
}

// Diff returns the keys in which two trees differ, in ascending order. Subtrees
// that both have are not read: the cost goes with the difference, not with the
// size. It does not keep the nodes it reads. Errors: ErrMissing, ErrInvalid, and
// those of the Sources.
func Diff(old, new *Tree) ([]DiffOp, error) {
	if old.top.sum == new.top.sum && !old.top.sum.isZero() {
		return nil, nil
	}
	a, b := cursor{loader: old.loader}, cursor{loader: new.loader}
	if err := a.push(&old.top, anyLayer, span{}); err != nil {
		return nil, err
	}
	if err := b.push(&new.top, anyLayer, span{}); err != nil {
		return nil, err
	}
	var ops []DiffOp
	for {
		la, lb := a.link(), b.link()
		var err error
		switch {
		case la != nil && lb != nil && la.sum == lb.sum:
			a.next()
			b.next()
		case la != nil && (lb == nil || a.layer() > b.layer()):
			// The higher one may hold the other, so it is the one to look into.
			err = a.enter()
		case lb != nil && (la == nil || b.layer() > a.layer()):
			err = b.enter()
		case la != nil:
			if err = a.enter(); err == nil {
				err = b.enter()
			}
		default:
			ea, eb := a.entry(), b.entry()
			switch {
			case ea == nil && eb == nil:
				return ops, nil
			case eb == nil || ea != nil && ea.key < eb.key:
				ops = append(ops, DiffOp{Key: ea.key, Old: ea.value.cid()})
				a.next()
			case ea == nil || eb.key < ea.key:
				ops = append(ops, DiffOp{Key: eb.key, New: eb.value.cid()})
				b.next()
			default:
				if ea.value != eb.value {
					ops = append(ops, DiffOp{ea.key, ea.value.cid(), eb.value.cid()})
				}
				a.next()
				b.next()
			}
		}
		if err != nil {
			return nil, err
		}
	}
}

// cursor goes through a tree in key order, and stands on a link or on an entry,
// or at the end. A link may be stepped over or entered.
type cursor struct {
	loader
	stack []place
}

// place is a position in a node: gap at/2 if at is even, entry at/2 if it is odd.
type place struct {
	n  *node
	s  span
	at int
}

func (c *cursor) push(l *link, layer int, s span) error {
	n, _, err := c.peek(l, layer, s)
	if err != nil {
		return err
	}
	c.stack = append(c.stack, place{n: n, s: s})
	c.settle()
	return nil
}

func (c *cursor) top() *place { return &c.stack[len(c.stack)-1] }

// settle moves past gaps without a link and out of nodes at their end.
func (c *cursor) settle() {
	for len(c.stack) > 0 {
		p := c.top()
		switch {
		case p.at > 2*len(p.n.entries):
			c.stack = c.stack[:len(c.stack)-1]
		case p.at%2 == 0 && p.n.gap(p.at/2).absent():
			p.at++
		default:
			return
		}
	}
}

// link is the one that the cursor stands on, or nil.
func (c *cursor) link() *link {
	if len(c.stack) == 0 || c.top().at%2 == 1 {
		return nil
	}
	p := c.top()
	return p.n.gap(p.at / 2)
}

// entry is the one that the cursor stands on, or nil.
func (c *cursor) entry() *entry {
	if len(c.stack) == 0 || c.top().at%2 == 0 {
		return nil
	}
	p := c.top()
	return &p.n.entries[p.at/2]
}

// layer is that of the node behind the current link.
func (c *cursor) layer() int { return c.top().n.layer - 1 }

func (c *cursor) next() {
	c.top().at++
	c.settle()
}

func (c *cursor) enter() error {
	p := c.top()
	i := p.at / 2
	p.at++ // when the child is done, behind it
	return c.push(p.n.gap(i), p.n.layer-1, p.n.span(i, p.s))
}
