package mst

import "errors"

// split divides the subtree behind g into the keys below key and those above.
// It reads and copies the nodes that key passes through, and none beside them; a
// side that gets all of a node gets the node itself.
func (e *Edit) split(g *link, layer int, s span, key string) (left, right link, err error) {
	if g.absent() {
		return link{}, link{}, nil
	}
	n, err := e.open(g, layer, s)
	if err != nil {
		return link{}, link{}, err
	}
	i, _ := n.find(key) // never found: keys of this height live above
	below, above, err := e.split(n.gap(i), n.layer-1, n.span(i, s), key)
	if err != nil {
		return link{}, link{}, err
	}
	switch {
	case i == 0 && below.absent():
		return link{}, *g, nil
	case i == len(n.entries) && above.absent():
		return *g, link{}, nil
	}
	e.drop(n)
	l := &node{layer: n.layer, left: n.left, entries: room(n.entries[:i])}
	*l.gap(i) = below
	r := &node{layer: n.layer, left: above, entries: room(n.entries[i:])}
	return link{node: l}, link{node: r}, nil
}

// merge is the reverse of split: it joins two neighbouring subtrees of one
// layer, all keys of a below all of b.
func (e *Edit) merge(a, b *link, layer int, sa, sb span) (link, error) {
	switch {
	case a.absent():
		return *b, nil
	case b.absent():
		return *a, nil
	}
	l, err := e.open(a, layer, sa)
	if err != nil {
		return link{}, err
	}
	r, err := e.open(b, layer, sb)
	if err != nil {
		return link{}, err
	}
	i := len(l.entries)
	seam, err := e.merge(l.gap(i), r.gap(0), layer-1, l.span(i, sa), r.span(0, sb))
	if err != nil {
		return link{}, err
	}
	e.drop(l)
	e.drop(r)
	n := &node{layer: layer, left: l.left, entries: make([]entry, 0, i+len(r.entries))}
	n.entries = append(append(n.entries, l.entries...), r.entries...)
	*n.gap(i) = seam
	return link{node: n}, nil
}

// lift puts nodes without keys above l, from its layer up to layer to: a child
// always lies exactly one layer below its parent.
func lift(l link, layer, to int) link {
	if l.absent() {
		return l
	}
	for layer < to {
		layer++
		l = link{node: &node{layer: layer, left: l}}
	}
	return l
}

// trim takes nodes without keys off the top, as no root may be one.
func (e *Edit) trim() error {
	for n := e.top.node; len(n.entries) == 0; n = e.top.node {
		if n.left.absent() {
			n.layer = 0
			return nil
		}
		_, err := e.open(&n.left, n.layer-1, span{})
		if e.partial && errors.Is(err, ErrMissing) {
			// The blocks end here. If this child is the root that the inversion
			// is to find, its sum says so; if it is not, so does its sum.
			e.drop(n)
			e.top = n.left
			return nil
		}
		if err != nil {
			return err
		}
		e.drop(n)
		e.top = n.left
	}
	return nil
}
