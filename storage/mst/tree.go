package mst

import (
	"crypto/sha256"

	"github.com/ipfs/go-cid"
)

// Tree is one state of a repository's tree: a sorted map from record path to
// record CID. It never changes; Edit makes another one that shares what did not
// change with it. Holding an old Tree costs the nodes in which it differs.
//
// Reading a Tree remembers the nodes it had to fetch, in links shared with the
// trees before and after it: one goroutine at a time may use the trees of one
// Load, Empty or Forget and all that were made from them.
type Tree struct {
	loader
	root cid.Cid
	top  link
}

// Empty is the tree of a repository without records. Its one node exists:
// Preorder gives the block to store.
func Empty() *Tree {
	n := &node{sealed: true}
	n.sum = sha256.Sum256(n.encode(nil))
	return &Tree{root: n.sum.cid(), top: link{sum: n.sum, node: n}}
}

// Load is the tree with a root CID whose nodes are in src. Nothing is read yet,
// so nothing can fail: a root that is missing or no node is an error of the
// first use.
func Load(root cid.Cid, src Source) *Tree {
	sum, err := digestOf(root)
	if err != nil {
		sum = digest{} // refused by read
	}
	return &Tree{loader: loader{src}, root: root, top: link{sum: sum}}
}

// Root is the CID of the root node: the data field of a commit.
func (t *Tree) Root() cid.Cid { return t.root }

// Forget is the same tree with nothing of it in memory. Its source must hold
// every node by then, those of recent edits included.
func (t *Tree) Forget() *Tree { return Load(t.root, t.src) }

// Over is the same tree reading what it has not read yet from src. The tree of
// Empty has no source of its own and is given one so.
func (t *Tree) Over(src Source) *Tree {
	return &Tree{loader: loader{src}, root: t.root, top: t.top}
}

// Get returns the value of key and whether the tree holds it. It reads the nodes
// on the way to key, no others. A key that is no repository path is held by no
// tree. Errors: ErrMissing, ErrInvalid, and those of the Source.
func (t *Tree) Get(key string) (value cid.Cid, found bool, err error) {
	return t.get(&t.top, key)
}

func (ld loader) get(l *link, key string) (cid.Cid, bool, error) {
	p, err := ld.place(l, key)
	return p.Value, p.Found, err
}

// Place is where a key stands in a tree, or where it would stand.
type Place struct {
	Found bool
	Value cid.Cid // of a key that was found
	// The keys on either side of a key that was not found; "" where there is none.
	Left, Right string
}

// Place is Get that also tells what stands beside a key that is not there. It
// reads what Get reads.
func (t *Tree) Place(key string) (Place, error) { return t.place(&t.top, key) }

// place goes down to key. Its neighbours are met on the way: the nearest keys of
// the deepest nodes that have any on that side.
func (ld loader) place(l *link, key string) (p Place, err error) {
	layer, s := anyLayer, span{}
	for {
		n, err := ld.open(l, layer, s)
		if err != nil {
			return Place{}, err
		}
		i, found := n.find(key)
		if found {
			return Place{Found: true, Value: n.entries[i].value.cid()}, nil
		}
		if i > 0 {
			p.Left = n.entries[i-1].key
		}
		if i < len(n.entries) {
			p.Right = n.entries[i].key
		}
		l = n.gap(i)
		if l.absent() {
			return p, nil
		}
		layer, s = n.layer-1, n.span(i, s)
	}
}
