package mst

import (
	"errors"
	"slices"

	"github.com/ipfs/go-cid"
)

// Edit is a batch of changes on the way from one tree to the next. Reads through
// it see the changes made so far. The tree it started from stays what it is.
//
// An error other than ErrKeyExists, ErrKeyAbsent and ErrKey, or a value that is
// no record CID, may leave the batch half done: it ends the Edit, and every
// later call answers the same error.
type Edit struct {
	loader
	old     *Tree
	top     link
	gone    []digest // sealed nodes taken out of the tree, each once
	partial bool     // of an inversion: a new root may be one that cannot be read
	err     error
}

// Edit starts a batch of changes. It reads nothing.
func (t *Tree) Edit() *Edit {
	return &Edit{loader: t.loader, old: t, top: t.top}
}

// Create adds a key. Errors: ErrKey, ErrInvalid for a value that is not the CID
// of a DAG-CBOR block, ErrKeyExists, and those of reading.
func (e *Edit) Create(key string, value cid.Cid) error {
	if e.err != nil {
		return e.err
	}
	if err := ValidKey(key); err != nil {
		return err
	}
	v, err := digestOf(value)
	if err != nil {
		return err
	}
	return e.outcome(e.create(entry{key: key, value: v}))
}

// Update gives a key another value and returns the one it had. The same value
// again changes nothing. Errors: ErrKeyAbsent, ErrInvalid for a value that is
// not the CID of a DAG-CBOR block, and those of reading.
func (e *Edit) Update(key string, value cid.Cid) (prev cid.Cid, err error) {
	if e.err != nil {
		return cid.Undef, e.err
	}
	v, err := digestOf(value)
	if err != nil {
		return cid.Undef, err
	}
	was, err := e.update(key, v)
	if err != nil {
		return cid.Undef, e.outcome(err)
	}
	return was.cid(), nil
}

// Delete removes a key and returns the value it had. Errors: ErrKeyAbsent, and
// those of reading.
func (e *Edit) Delete(key string) (prev cid.Cid, err error) {
	if e.err != nil {
		return cid.Undef, e.err
	}
	was, err := e.remove(key)
	if err != nil {
		return cid.Undef, e.outcome(err)
	}
	return was.cid(), nil
}

// Get is Tree.Get with the changes made so far.
func (e *Edit) Get(key string) (value cid.Cid, found bool, err error) {
	p, err := e.Place(key)
	return p.Value, p.Found, err
}

// Place is Tree.Place with the changes made so far.
func (e *Edit) Place(key string) (Place, error) {
	if e.err != nil {
		return Place{}, e.err
	}
	if _, err := e.root(); err != nil {
		return Place{}, err
	}
	return e.place(&e.top, key)
}

// outcome keeps the errors that end the Edit. A key that is or is not there was
// found out before anything was changed.
func (e *Edit) outcome(err error) error {
	if err != nil && !errors.Is(err, ErrKeyExists) && !errors.Is(err, ErrKeyAbsent) {
		e.err = err
	}
	return err
}

// root opens the top node, and lets the tree this started from keep it too.
func (e *Edit) root() (*node, error) {
	n, err := e.open(&e.top, anyLayer, span{})
	if err == nil && e.old.top.node == nil && e.old.top.sum == e.top.sum {
		e.old.top.node = n
	}
	return n, err
}

// own returns n for changing: itself if this Edit made it, else a copy that
// takes its place.
func (e *Edit) own(n *node) *node {
	if !n.sealed {
		return n
	}
	e.drop(n)
	return &node{layer: n.layer, left: n.left, entries: room(n.entries)}
}

// drop notes that n is no longer in the tree. Whatever leaves the tree passes
// here with its node loaded, which is why an unread node is known to have stayed.
func (e *Edit) drop(n *node) {
	if n.sealed {
		e.gone = append(e.gone, n.sum)
	}
}

func (e *Edit) create(it entry) error {
	root, err := e.root()
	if err != nil {
		return err
	}
	h := Height(it.key)
	switch {
	case root.empty():
		e.drop(root)
		e.top = link{node: &node{layer: h, entries: []entry{it}}}
	case h > root.layer:
		left, right, err := e.split(&e.top, anyLayer, span{}, it.key)
		if err != nil {
			return err
		}
		it.right = lift(right, root.layer, h-1)
		e.top = link{node: &node{layer: h, left: lift(left, root.layer, h-1), entries: []entry{it}}}
	default:
		root, err = e.insert(root, span{}, h, it)
		if err != nil {
			return err
		}
		e.top = link{node: root}
	}
	return nil
}

// insert puts it, of height h ≤ n.layer, into the subtree of n.
func (e *Edit) insert(n *node, s span, h int, it entry) (*node, error) {
	i, found := n.find(it.key)
	if found {
		return nil, ErrKeyExists
	}
	g, below := n.gap(i), n.span(i, s)
	if n.layer == h {
		left, right, err := e.split(g, n.layer-1, below, it.key)
		if err != nil {
			return nil, err
		}
		it.right = right
		n = e.own(n)
		*n.gap(i) = left
		n.entries = slices.Insert(n.entries, i, it)
		return n, nil
	}
	var child link
	if g.absent() {
		child = lift(link{node: &node{layer: h, entries: []entry{it}}}, h, n.layer-1)
	} else {
		c, err := e.open(g, n.layer-1, below)
		if err != nil {
			return nil, err
		}
		if c, err = e.insert(c, below, h, it); err != nil {
			return nil, err
		}
		child.node = c
	}
	n = e.own(n)
	*n.gap(i) = child
	return n, nil
}

func (e *Edit) update(key string, value digest) (prev digest, err error) {
	root, err := e.root()
	if err != nil {
		return prev, err
	}
	next, prev, err := e.replace(root, span{}, key, value)
	if err == nil && next != root {
		e.top = link{node: next}
	}
	return prev, err
}

// replace sets the value of key in the subtree of n. It returns n itself if
// nothing changed or n was this Edit's own already.
func (e *Edit) replace(n *node, s span, key string, value digest) (_ *node, prev digest, err error) {
	i, found := n.find(key)
	if found {
		prev = n.entries[i].value
		if prev != value {
			n = e.own(n)
			n.entries[i].value = value
		}
		return n, prev, nil
	}
	g, below := n.gap(i), n.span(i, s)
	if g.absent() {
		return nil, prev, ErrKeyAbsent
	}
	child, err := e.open(g, n.layer-1, below)
	if err != nil {
		return nil, prev, err
	}
	next, prev, err := e.replace(child, below, key, value)
	if err != nil {
		return nil, prev, err
	}
	if next != child {
		n = e.own(n)
		*n.gap(i) = link{node: next}
	}
	return n, prev, nil
}

func (e *Edit) remove(key string) (prev digest, err error) {
	root, err := e.root()
	if err != nil {
		return prev, err
	}
	root, prev, err = e.cut(root, span{}, key)
	if err != nil {
		return prev, err
	}
	e.top = link{node: root}
	return prev, e.trim()
}

// cut takes key out of the subtree of n. What it returns may be empty.
func (e *Edit) cut(n *node, s span, key string) (_ *node, prev digest, err error) {
	i, found := n.find(key)
	if found {
		joined, err := e.merge(n.gap(i), n.gap(i+1), n.layer-1, n.span(i, s), n.span(i+1, s))
		if err != nil {
			return nil, prev, err
		}
		prev = n.entries[i].value
		n = e.own(n)
		*n.gap(i) = joined
		n.entries = slices.Delete(n.entries, i, i+1)
		return n, prev, nil
	}
	g, below := n.gap(i), n.span(i, s)
	if g.absent() {
		return nil, prev, ErrKeyAbsent
	}
	child, err := e.open(g, n.layer-1, below)
	if err != nil {
		return nil, prev, err
	}
	if child, prev, err = e.cut(child, below, key); err != nil {
		return nil, prev, err
	}
	n = e.own(n)
	if child.empty() {
		*n.gap(i) = link{}
	} else {
		*n.gap(i) = link{node: child}
	}
	return n, prev, nil
}
