package dag

import (
	"bytes"
	"fmt"
	"unicode/utf8"

	"github.com/ipfs/go-cid"
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
	max   int // containers that may be open at a time
	depth int // containers that are
	low   [8]level
	high  []level // those beyond low; kept apart so that a Reader holds no pointer to itself and may live on a stack
}

// level is an open container.
type level struct {
	left      int // items still to come; a pair of a map is two
	key, next int // the previous key of a map with its head is b[key:next]; empty before the first
	isMap     bool
}

// NewReader reads b, which must not change while the Reader or anything it gave
// out under the word "alias" is in use.
func NewReader(b []byte) *Reader { return &Reader{b: b, max: maxDepth} }

func (r *Reader) level(i int) *level {
	if i < len(r.low) {
		return &r.low[i]
	}
	return &r.high[i-len(r.low)]
}

// settle leaves the containers that have been read to their end.
func (r *Reader) settle() {
	for r.depth > 0 && r.level(r.depth-1).left == 0 {
		r.depth--
	}
}

func (r *Reader) atKey() bool {
	if r.depth == 0 {
		return false
	}
	top := r.level(r.depth - 1)
	return top.isMap && top.left&1 == 0
}

// value counts the value that is about to be read against its container.
func (r *Reader) value() error {
	r.settle()
	if r.depth == 0 {
		return nil
	}
	if r.atKey() {
		return fmt.Errorf("%w (at byte %d): a key", ErrKind, r.pos)
	}
	r.level(r.depth-1).left--
	return nil
}

// open enters a container of n items whose head has just been read.
func (r *Reader) open(n int, isMap bool) error {
	if r.depth >= r.max {
		return at(ErrDepth, r.pos)
	}
	l := level{left: n, isMap: isMap}
	switch i := r.depth - len(r.low); {
	case i < 0:
		r.low[r.depth] = l
	case i < len(r.high):
		r.high[i] = l
	default:
		r.high = append(r.high, l)
	}
	r.depth++
	return nil
}

// head reads a head of the given kind. The argument of a simple value is its
// number; whatever the data model lacks is refused here.
func (r *Reader) head(want Kind) (uint64, error) {
	if r.pos >= len(r.b) {
		return 0, at(fmt.Errorf("%w: cut short", ErrSyntax), r.pos)
	}
	start := r.pos
	major, n, size, err := readHead(r.b[start:])
	if err != nil {
		return 0, at(err, start)
	}
	if got := kindOf(r.b[start]); got != want {
		return 0, fmt.Errorf("%w (at byte %d): %v where %v belongs", ErrKind, start, got, want)
	}
	if major == MajorTag && n != linkTag {
		return 0, at(fmt.Errorf("%w: tag %d", ErrSyntax, n), start)
	}
	r.pos += size
	return n, nil
}

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

// count reads the head of a container whose items take at least one byte each.
func (r *Reader) count(want Kind, per int) (int, error) {
	if err := r.value(); err != nil {
		return 0, err
	}
	start := r.pos
	n, err := r.head(want)
	if err != nil {
		return 0, err
	}
	if n > uint64(len(r.b)-r.pos)/uint64(per) {
		return 0, at(fmt.Errorf("%w: count beyond the end", ErrSyntax), start)
	}
	return int(n), r.open(int(n)*per, per == 2)
}

// span reads the head of a string and steps over its content, b[from:r.pos].
func (r *Reader) span(want Kind) (from int, err error) {
	start := r.pos
	n, err := r.head(want)
	if err != nil {
		return 0, err
	}
	if n > uint64(len(r.b)-r.pos) {
		return 0, at(fmt.Errorf("%w: length beyond the end", ErrSyntax), start)
	}
	from = r.pos
	r.pos += int(n)
	return from, nil
}

func (r *Reader) text() ([]byte, error) {
	from, err := r.span(KindText)
	if err != nil {
		return nil, err
	}
	s := r.b[from:r.pos:r.pos]
	if !utf8.Valid(s) {
		return nil, at(ErrText, from)
	}
	return s, nil
}

// Map enters a map and gives the number of its pairs.
func (r *Reader) Map() (int, error) { return r.count(KindMap, 2) }

// Array enters an array and gives the number of its values.
func (r *Reader) Array() (int, error) { return r.count(KindArray, 1) }

// Key reads the key of a pair.
func (r *Reader) Key() (string, error) {
	k, err := r.KeyBytes()
	return string(k), err
}

// KeyBytes is Key without a copy: an alias of the input.
func (r *Reader) KeyBytes() ([]byte, error) {
	r.settle()
	if !r.atKey() {
		return nil, fmt.Errorf("%w (at byte %d): no key", ErrKind, r.pos)
	}
	start := r.pos
	key, err := r.text()
	if err != nil {
		return nil, err
	}
	top := r.level(r.depth - 1)
	// Heads are compared with the text. A shortest head grows with its length, so
	// that this is the order wanted: by length, then by bytes.
	if top.next > 0 {
		switch c := bytes.Compare(r.b[top.key:top.next], r.b[start:r.pos]); {
		case c == 0:
			return nil, at(ErrDuplicateKey, start)
		case c > 0:
			return nil, at(fmt.Errorf("%w: keys out of order", ErrCanonical), start)
		}
	}
	top.key, top.next = start, r.pos
	top.left--
	return key, nil
}

// Text reads a text string.
func (r *Reader) Text() (string, error) {
	s, err := r.TextBytes()
	return string(s), err
}

// TextBytes is Text without a copy: an alias of the input.
func (r *Reader) TextBytes() ([]byte, error) {
	if err := r.value(); err != nil {
		return nil, err
	}
	return r.text()
}

// Bytes reads a byte string: an alias of the input.
func (r *Reader) Bytes() ([]byte, error) {
	if err := r.value(); err != nil {
		return nil, err
	}
	from, err := r.span(KindBytes)
	if err != nil {
		return nil, err
	}
	return r.b[from:r.pos:r.pos], nil
}

// Int reads an integer. What does not fit an int64 is ErrFloat.
func (r *Reader) Int() (int64, error) {
	if err := r.value(); err != nil {
		return 0, err
	}
	start := r.pos
	n, err := r.head(KindInt)
	if err != nil {
		return 0, err
	}
	if n >= 1<<63 {
		return 0, at(ErrFloat, start)
	}
	if r.b[start]>>5 == MajorNint {
		return ^int64(n), nil
	}
	return int64(n), nil
}

// Bool reads true or false.
func (r *Reader) Bool() (bool, error) {
	if err := r.value(); err != nil {
		return false, err
	}
	if _, err := r.head(KindBool); err != nil {
		return false, err
	}
	return r.b[r.pos-1] == cborTrue, nil
}

// CID reads a link. Any well-formed CID is one, also of versions, codecs and
// hashes that this server does not mint: a record may point anywhere.
func (r *Reader) CID() (cid.Cid, error) {
	b, start, err := r.link()
	if err != nil {
		return cid.Undef, err
	}
	c, err := cid.Cast(b)
	if err != nil {
		return cid.Undef, at(ErrCID, start)
	}
	return c, nil
}

// link reads tag 42 up to the binary CID, which it does not look at.
func (r *Reader) link() (b []byte, start int, err error) {
	if err := r.value(); err != nil {
		return nil, 0, err
	}
	start = r.pos
	if _, err := r.head(KindCID); err != nil {
		return nil, 0, err
	}
	from, err := r.span(KindBytes)
	if err != nil {
		return nil, 0, err
	}
	b = r.b[from:r.pos]
	if len(b) == 0 || b[0] != 0 {
		return nil, 0, at(ErrCID, start)
	}
	return b[1:], start, nil
}
