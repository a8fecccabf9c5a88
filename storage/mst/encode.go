package mst

import "troupe/storage/dag"

// linkHead is the DAG-CBOR in front of the digest of a link: tag 42, a byte
// string of 37 bytes, the zero byte that links start with, and the CID's head.
const linkHead = "\xd8\x2a\x58\x25\x00" + cidHead

// The members of a node and of an entry, in their order, with the heads of the
// maps they are in (Repository specification, "MST Node").
const (
	entriesMember = "\xa2\x61e"
	suffixMember  = "\xa4\x61k" // of the entry's key, behind what it shares with the one before
	prefixMember  = "\x61p"     // bytes of the key that it shares
	rightMember   = "\x61t"     // null where there is no subtree, never left out; so is l
	valueMember   = "\x61v"
	leftMember    = "\x61l"
)

// encode appends the block of a node whose children all have sums.
func (n *node) encode(dst []byte) []byte {
	dst = append(dst, entriesMember...)
	dst = dag.AppendArray(dst, len(n.entries))
	prev := ""
	for i := range n.entries {
		e := &n.entries[i]
		p := shared(prev, e.key)
		dst = append(dst, suffixMember...)
		dst = dag.AppendHead(dst, dag.MajorBytes, uint64(len(e.key)-p))
		dst = append(dst, e.key[p:]...)
		dst = append(dst, prefixMember...)
		dst = dag.AppendInt(dst, int64(p))
		dst = append(dst, rightMember...)
		dst = appendLink(dst, e.right.sum)
		dst = append(dst, valueMember+linkHead...)
		dst = append(dst, e.value[:]...)
		prev = e.key
	}
	dst = append(dst, leftMember...)
	return appendLink(dst, n.left.sum)
}

// bound is how many bytes encode appends, and a few more.
func (n *node) bound() int {
	const (
		link  = len(linkHead) + len(digest{})
		fixed = len(entriesMember) + 5 + len(leftMember) + 1
		each  = len(suffixMember) + 3 + len(prefixMember) + 3 + len(rightMember) + 1 + len(valueMember) + link
	)
	size := fixed + each*len(n.entries)
	if !n.left.absent() {
		size += link
	}
	prev := ""
	for i := range n.entries {
		e := &n.entries[i]
		size += len(e.key) - shared(prev, e.key)
		if !e.right.absent() {
			size += link
		}
		prev = e.key
	}
	return size
}

func appendLink(dst []byte, sum digest) []byte {
	if sum.isZero() {
		return dag.AppendNull(dst)
	}
	dst = append(dst, linkHead...)
	return append(dst, sum[:]...)
}
