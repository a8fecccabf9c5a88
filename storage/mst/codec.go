package mst

import (
	"fmt"

	"troupe/storage/dag"
)

// linkHead is the DAG-CBOR in front of the digest of a link: tag 42, a byte
// string of 37 bytes, the zero byte that links start with, and the CID's head.
const linkHead = "\xd8\x2a\x58\x25\x00" + cidHead

// minEntry is fewer bytes than any entry takes: it caps what is allocated for an
// announced number of entries by the bytes that are really there.
const minEntry = 50

// encode appends the block of a node whose children all have sums
// (Repository specification, "MST Node": l and t are null when there is no
// subtree, never left out).
func (n *node) encode(dst []byte) []byte {
	dst = dag.AppendMap(dst, 2)
	dst = dag.AppendText(dst, "e")
	dst = dag.AppendArray(dst, len(n.entries))
	prev := ""
	for i := range n.entries {
		e := &n.entries[i]
		p := shared(prev, e.key)
		dst = dag.AppendMap(dst, 4)
		dst = dag.AppendText(dst, "k")
		dst = dag.AppendHead(dst, dag.MajorBytes, uint64(len(e.key)-p))
		dst = append(dst, e.key[p:]...)
		dst = dag.AppendText(dst, "p")
		dst = dag.AppendInt(dst, int64(p))
		dst = dag.AppendText(dst, "t")
		dst = appendLink(dst, e.right.sum)
		dst = dag.AppendText(dst, "v")
		dst = append(dst, linkHead...)
		dst = append(dst, e.value[:]...)
		prev = e.key
	}
	dst = dag.AppendText(dst, "l")
	return appendLink(dst, n.left.sum)
}

func appendLink(dst []byte, sum digest) []byte {
	if sum.isZero() {
		return dag.AppendNull(dst)
	}
	dst = append(dst, linkHead...)
	return append(dst, sum[:]...)
}

// decode reads a block and checks all that can be known from the block alone:
// the one canonical encoding, complete prefix compression, valid keys in
// ascending order and of one height. A node without keys gets layer -1. It keeps
// nothing of data.
func decode(data []byte) (*node, error) {
	d := decoder{r: dag.NewReader(data)}
	n := d.node(len(data))
	if d.err == nil && !d.r.Done() {
		d.fail(invalid("bytes behind the node"))
	}
	if d.err != nil {
		return nil, d.err
	}
	// All keys share one string: they live and die with their node, near enough.
	keys, start := string(d.keys), 0
	prev := ""
	n.layer = -1
	for i := range n.entries {
		key := keys[start:d.ends[i]]
		start = d.ends[i]
		if err := ValidKey(key); err != nil {
			return nil, err
		}
		if key <= prev {
			return nil, invalid("key %q follows %q", key, prev)
		}
		if shared(prev, key) != d.prefixes[i] {
			return nil, invalid("key %q is not fully compressed", key)
		}
		switch h := Height(key); {
		case i == 0:
			n.layer = h
		case h != n.layer:
			return nil, invalid("key %q of height %d among keys of height %d", key, h, n.layer)
		}
		n.entries[i].key = key
		prev = key
	}
	return n, nil
}

// decoder holds the first error, after which every read is a no-op.
type decoder struct {
	r        *dag.Reader
	err      error
	keys     []byte // every key in full, one after the other
	ends     []int  // where each one ends in keys
	prefixes []int  // and what it claimed to share with the one before it
}

func (d *decoder) fail(err error) {
	if d.err == nil {
		d.err = err
	}
}

// check turns an error of the CBOR reader into one of this package.
func (d *decoder) check(err error) bool {
	if err != nil && d.err == nil {
		d.err = fmt.Errorf("%w: %w", ErrInvalid, err)
	}
	return d.err == nil
}

func (d *decoder) node(size int) *node {
	n := new(node)
	d.open(2)
	d.member("e")
	if d.err != nil {
		return n
	}
	count, err := d.r.Array()
	if !d.check(err) {
		return n
	}
	expect := min(count, size/minEntry+1)
	n.entries = make([]entry, 0, expect)
	d.ends = make([]int, 0, expect)
	d.prefixes = make([]int, 0, expect)
	start := 0
	for i := 0; i < count && d.err == nil; i++ {
		d.open(4)
		d.member("k")
		suffix := d.bytes()
		d.member("p")
		prefix := d.length(len(d.keys) - start)
		d.member("t")
		right := d.optionalLink()
		d.member("v")
		value := d.link()
		if d.err != nil {
			break
		}
		if prefix+len(suffix) > MaxKey { // before it is copied: blocks may claim much
			d.fail(fmt.Errorf("%w: %d bytes", ErrKey, prefix+len(suffix)))
			break
		}
		next := len(d.keys)
		d.keys = append(d.keys, d.keys[start:start+prefix]...)
		d.keys = append(d.keys, suffix...)
		start = next
		d.ends = append(d.ends, len(d.keys))
		d.prefixes = append(d.prefixes, prefix)
		n.entries = append(n.entries, entry{value: value, right: link{sum: right}})
	}
	d.member("l")
	n.left.sum = d.optionalLink()
	return n
}

func (d *decoder) open(members int) {
	if d.err != nil {
		return
	}
	if n, err := d.r.Map(); d.check(err) && n != members {
		d.fail(invalid("a map of %d members instead of %d", n, members))
	}
}

func (d *decoder) member(name string) {
	if d.err != nil {
		return
	}
	if k, err := d.r.Key(); d.check(err) && k != name {
		d.fail(invalid("member %q where %q belongs", k, name))
	}
}

func (d *decoder) bytes() []byte {
	if d.err != nil {
		return nil
	}
	b, err := d.r.Bytes()
	d.check(err)
	return b
}

// length reads an integer from 0 to limit.
func (d *decoder) length(limit int) int {
	if d.err != nil {
		return 0
	}
	i, err := d.r.Int()
	if d.check(err) && (i < 0 || i > int64(limit)) {
		d.fail(invalid("a prefix of %d bytes of a key of %d", i, limit))
	}
	if d.err != nil {
		return 0
	}
	return int(i)
}

func (d *decoder) optionalLink() (sum digest) {
	if d.err != nil || d.r.IsNull() {
		return sum
	}
	sum = d.link()
	if d.err == nil && sum.isZero() {
		// No block has this hash, and in memory it means that there is no child.
		d.fail(invalid("a link to nothing"))
	}
	return sum
}

func (d *decoder) link() (sum digest) {
	if d.err != nil {
		return sum
	}
	raw, err := d.r.Raw()
	if !d.check(err) {
		return sum
	}
	if len(raw) != len(linkHead)+len(sum) || string(raw[:len(linkHead)]) != linkHead {
		d.fail(invalid("a link to something else than a DAG-CBOR block"))
		return sum
	}
	copy(sum[:], raw[len(linkHead):])
	return sum
}
