package mst

// node is one block of the tree. The word of this package for the places between
// its keys is "gap": gap 0 lies before the first key, gap i after key i-1, and
// each may hold a link to the subtree of the keys in between.
//
// A sealed node belongs to a finished tree, may be shared by many of them and
// never changes again, except that a link of it may learn the node it points at.
// An unsealed node belongs to exactly one Edit, and so do all nodes above it.
type node struct {
	sum     digest // name of the node; set when it is sealed
	layer   int    // height of its keys
	sealed  bool
	left    link // gap 0
	entries []entry
}

// entry is a key with its record and the gap behind it.
type entry struct {
	key   string
	value digest
	right link
}

// link points to a child one layer below. Zero: there is none. With a sum only:
// it was not read yet. With a node only: it was made by an Edit not yet finished.
type link struct {
	sum  digest
	node *node
}

func (l *link) absent() bool { return l.node == nil && l.sum.isZero() }

// empty is true of the one node of an empty tree, and of a node that an Edit
// took everything out of and that is to go.
func (n *node) empty() bool { return len(n.entries) == 0 && n.left.absent() }

// gap returns the link in gap i, 0 ≤ i ≤ len(n.entries).
func (n *node) gap(i int) *link {
	if i == 0 {
		return &n.left
	}
	return &n.entries[i-1].right
}

// find returns how many keys of the node are below key, which is also the gap
// that key falls into, and whether the entry there is key itself.
func (n *node) find(key string) (i int, found bool) {
	lo, hi := 0, len(n.entries)
	for lo < hi {
		mid := int(uint(lo+hi) / 2)
		if n.entries[mid].key < key {
			lo = mid + 1
		} else {
			hi = mid
		}
	}
	return lo, lo < len(n.entries) && n.entries[lo].key == key
}

// span is the open interval of keys that a subtree may hold. "" is no bound,
// which is free to mean that because no key is empty.
type span struct{ lo, hi string }

// span narrows s, the node's own, to its gap i.
func (n *node) span(i int, s span) span {
	if i > 0 {
		s.lo = n.entries[i-1].key
	}
	if i < len(n.entries) {
		s.hi = n.entries[i].key
	}
	return s
}

func (s span) holds(key string) bool {
	return key > s.lo && (s.hi == "" || key < s.hi)
}

// room copies entries with space for one more, which is what most edits add.
func room(entries []entry) []entry {
	return append(make([]entry, 0, len(entries)+1), entries...)
}
