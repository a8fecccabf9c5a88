package mst

import (
	"bytes"
	"encoding/binary"
	"fmt"

	"troupe/storage/dag"
)

// minEntry is fewer bytes than any entry takes: it caps what is allocated for an
// announced number of entries by the bytes that are really there.
const minEntry = 50

// decode reads a block and checks all that can be known from the block alone:
// the one canonical encoding, complete prefix compression, valid keys in
// ascending order and of one height. A node without keys gets layer -1. It keeps
// nothing of data.
func decode(data []byte) (*node, error) {
	d := decoder{b: data}
	// For most nodes this is enough, and stays on the stack because it is handed
	// through and not kept in d.
	n, keys, marks := d.node(make([]byte, 0, 512), make([]mark, 0, 16))
	if d.err != nil {
		return nil, d.err
	}
	// All keys share one string: they live and die with their node, near enough.
	all, start := string(keys), 0
	prev := ""
	n.layer = -1
	for i := range n.entries {
		key := all[start:marks[i].end]
		start = marks[i].end
		if err := ValidKey(key); err != nil {
			return nil, err
		}
		if key <= prev {
			return nil, invalid("key %q follows %q", key, prev)
		}
		if shared(prev, key) != marks[i].prefix {
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

// decoder accepts exactly what encode writes. It does without the Reader of
// package dag because a node has one form only: comparing with what must stand
// there is all the parsing it takes, at a third of the time. It holds the first
// error, after which every step does nothing.
type decoder struct {
	b   []byte
	pos int
	err error
}

// mark is what is to be remembered of a key until there is a string of it.
type mark struct {
	end    int // among the bytes of all keys
	prefix int // how many it said to share with the one before it
}

func (d *decoder) fail(what string) {
	if d.err == nil {
		d.err = invalid("%s at byte %d of a node", what, d.pos)
	}
}

// node reads everything but the keys, whose bytes, in full and one behind the
// other, it appends to keys.
func (d *decoder) node(keys []byte, marks []mark) (*node, []byte, []mark) {
	n := new(node)
	d.literal(entriesMember)
	count := d.head(dag.MajorArray)
	n.entries = make([]entry, 0, min(count, len(d.b)/minEntry))
	start := 0
	for i := 0; i < count && d.err == nil; i++ {
		d.literal(suffixMember)
		suffix := d.take(d.head(dag.MajorBytes))
		d.literal(prefixMember)
		prefix := d.head(dag.MajorUint)
		d.literal(rightMember)
		right := d.optionalLink()
		d.literal(valueMember)
		value := d.link()
		switch {
		case d.err != nil:
			continue
		case prefix > len(keys)-start:
			d.fail("a prefix longer than the key before it")
			continue
		case prefix+len(suffix) > MaxKey: // before it is copied: blocks may claim much
			d.err = fmt.Errorf("%w: %d bytes", ErrKey, prefix+len(suffix))
			continue
		}
		next := len(keys)
		keys = append(keys, keys[start:start+prefix]...)
		keys = append(keys, suffix...)
		start = next
		marks = append(marks, mark{len(keys), prefix})
		n.entries = append(n.entries, entry{value: value, right: link{sum: right}})
	}
	d.literal(leftMember)
	n.left.sum = d.optionalLink()
	if d.pos < len(d.b) {
		d.fail("something behind the end")
	}
	return n, keys, marks
}

// literal steps over bytes that must be there.
func (d *decoder) literal(s string) {
	if d.err != nil {
		return
	}
	if end := d.pos + len(s); end <= len(d.b) && string(d.b[d.pos:end]) == s {
		d.pos = end
		return
	}
	d.fail("no member of a node")
}

// head reads the head of a major type and returns its argument, which must be
// in the shortest form and below 2^32.
func (d *decoder) head(major byte) int {
	if d.err != nil {
		return 0
	}
	if b := d.b[d.pos:]; len(b) > 0 && b[0]>>5 == major {
		switch low := int(b[0] & 31); {
		case low < 24:
			d.pos++
			return low
		case low == 24 && len(b) > 1 && b[1] >= 24:
			d.pos += 2
			return int(b[1])
		case low == 25 && len(b) > 2 && b[1] > 0:
			d.pos += 3
			return int(binary.BigEndian.Uint16(b[1:]))
		case low == 26 && len(b) > 4 && (b[1] > 0 || b[2] > 0):
			d.pos += 5
			return int(binary.BigEndian.Uint32(b[1:]))
		}
	}
	d.fail("no length or an overlong one")
	return 0
}

func (d *decoder) take(n int) []byte {
	if d.err != nil {
		return nil
	}
	if n > len(d.b)-d.pos {
		d.fail("too few bytes")
		return nil
	}
	d.pos += n
	return d.b[d.pos-n : d.pos]
}

func (d *decoder) optionalLink() (sum digest) {
	if d.err != nil {
		return sum
	}
	if bytes.HasPrefix(d.b[d.pos:], null) {
		d.pos += len(null)
		return sum
	}
	if sum = d.link(); sum.isZero() {
		// No block has this hash, and in memory it means that there is no child.
		d.fail("a link to nothing")
	}
	return sum
}

func (d *decoder) link() (sum digest) {
	d.literal(linkHead)
	copy(sum[:], d.take(len(sum)))
	return sum
}

var null = dag.AppendNull(nil)
