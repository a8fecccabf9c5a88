package dag

import (
	"fmt"
	"math"
)

// Kind says what stands at a place in DAG-CBOR.
type Kind uint8

// The kinds of the data model. KindNone is the end of the input, or something
// that the data model does not have: reading it gives the error that says what.
const (
	KindNone Kind = iota
	KindInt
	KindBytes
	KindText
	KindArray
	KindMap
	KindCID
	KindBool
	KindNull
)

func (k Kind) String() string {
	return [...]string{"nothing", "integer", "bytes", "text", "array", "map", "link", "boolean", "null"}[k]
}

// Reader takes one or more values of canonical DAG-CBOR apart, in order. It
// checks everything as it goes: shortest heads, definite lengths, keys that are
// text, sorted and single, UTF-8, tag 42 only, no floats.
//
// The caller asks for what it expects: Map or Array give a count, and that many
// pairs (Key, then a value) or values are to be read before the container is
// behind it. Asking for a key where a value stands, or the reverse, is an error
// too. After an error a Reader is spent.
//
// A Reader reserves nothing by a length that the input merely announces: a
// count that cannot fit into the bytes that are left is refused at once.
type Reader struct {
	b     []byte
	pos   int
	max   int      // containers that may be open at a time
	depth int      // containers that are
	top   level    // the innermost of them
	low   [8]level // the others, outermost first
	high  []level  // those beyond low; kept apart so that a Reader holds no pointer to itself and may live on a stack
}

// level is an open container.
type level struct {
	left      int // items still to come; a pair of a map is two
	key, next int // the previous key of a map with its head is b[key:next]; empty before the first
	isMap     bool
}

// outside stands for what is around the outermost value: as many as there are.
var outside = level{left: math.MaxInt}

// NewReader reads b, which must not change while the Reader or anything it gave
// out under the word "alias" is in use.
func NewReader(b []byte) *Reader {
	r := newReader(b, maxDepth)
	return &r
}

func newReader(b []byte, depth int) Reader { return Reader{b: b, max: depth, top: outside} }

// settle leaves the containers that have been read to their end.
func (r *Reader) settle() {
	for r.top.left == 0 {
		r.depth--
		switch i := r.depth - 1; {
		case i < 0:
			r.top = outside
		case i < len(r.low):
			r.top = r.low[i]
		default:
			r.top = r.high[i-len(r.low)]
		}
	}
}

// open enters a container of n items whose head has just been read.
func (r *Reader) open(n int, isMap bool) error {
	if r.depth >= r.max {
		return at(ErrDepth, r.pos)
	}
	if i := r.depth - 1; i >= len(r.low) {
		r.high = append(r.high[:i-len(r.low)], r.top)
	} else if i >= 0 {
		r.low[i] = r.top
	}
	r.top = level{left: n, isMap: isMap}
	r.depth++
	return nil
}

// atKey tells whether a key is next. The Reader must be settled.
func (r *Reader) atKey() bool { return r.top.isMap && r.top.left&1 == 0 }

// value counts the value that is about to be read against its container.
func (r *Reader) value() error {
	if r.top.left == 0 {
		r.settle()
	}
	if r.atKey() {
		return fmt.Errorf("%w (at byte %d): a key", ErrKind, r.pos)
	}
	r.top.left--
	return nil
}

// head reads a head of the given kind. The argument of a simple value is its
// number; whatever the data model lacks is refused here.
func (r *Reader) head(want Kind) (uint64, error) {
	if r.pos < len(r.b) {
		if c := r.b[r.pos]; kinds[c] == want && c&0x1f < 24 {
			r.pos++
			return uint64(c & 0x1f), nil
		}
	}
	return r.longHead(want)
}

// longHead is head where the argument does not stand in the first byte, or
// where something is wrong.
func (r *Reader) longHead(want Kind) (uint64, error) {
	if r.pos >= len(r.b) {
		return 0, at(fmt.Errorf("%w: cut short", ErrSyntax), r.pos)
	}
	_, n, size, err := readHead(r.b[r.pos:])
	if err != nil {
		return 0, at(err, r.pos)
	}
	if got := kinds[r.b[r.pos]]; got != want {
		return 0, fmt.Errorf("%w (at byte %d): %v where %v belongs", ErrKind, r.pos, got, want)
	}
	r.pos += size
	return n, nil
}

// kinds is the kind of a value by its first byte.
var kinds = func() (k [256]Kind) {
	for c := range 256 {
		k[c] = kindOf(byte(c))
	}
	return k
}()

func kindOf(first byte) Kind {
	switch first >> 5 {
	case MajorUint, MajorNint:
		return KindInt
	case MajorBytes:
		return KindBytes
	case MajorText:
		return KindText
	case MajorArray:
		return KindArray
	case MajorMap:
		return KindMap
	case MajorTag:
		return KindCID
	}
	switch first {
	case cborFalse, cborTrue:
		return KindBool
	case cborNull:
		return KindNull
	}
	return KindNone
}

// readHead reads the head at the start of b, which is not empty.
func readHead(b []byte) (major byte, n uint64, size int, err error) {
	major, info := b[0]>>5, b[0]&0x1f
	if major == majorSimple {
		switch b[0] {
		case cborFalse, cborTrue, cborNull:
			return major, uint64(info), 1, nil
		case 0xf9, 0xfa, 0xfb:
			return 0, 0, 0, ErrFloat
		}
		return 0, 0, 0, fmt.Errorf("%w: simple value other than false, true, null", ErrSyntax)
	}
	switch {
	case info < 24:
		return major, uint64(info), 1, nil
	case info == 31:
		return 0, 0, 0, fmt.Errorf("%w: indefinite length", ErrCanonical)
	case info > 27:
		return 0, 0, 0, fmt.Errorf("%w: reserved head", ErrSyntax)
	}
	width := 1 << (info - 24)
	if len(b) < 1+width {
		return 0, 0, 0, fmt.Errorf("%w: cut short", ErrSyntax)
	}
	for _, c := range b[1 : 1+width] {
		n = n<<8 | uint64(c)
	}
	// The argument must not fit into the next smaller head.
	if n < 24 || width > 1 && n>>(4*width) == 0 {
		return 0, 0, 0, fmt.Errorf("%w: not the shortest head", ErrCanonical)
	}
	return major, n, 1 + width, nil
}
