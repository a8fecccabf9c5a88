package dag

import (
	"bytes"
	"fmt"
	"unicode/utf8"

	"github.com/ipfs/go-cid"
)

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
	if r.top.left == 0 {
		r.settle()
	}
	if !r.atKey() {
		return nil, fmt.Errorf("%w (at byte %d): no key", ErrKind, r.pos)
	}
	start := r.pos
	key, err := r.text()
	if err != nil {
		return nil, err
	}
	top := &r.top
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
	tag, err := r.head(KindCID)
	if err != nil {
		return nil, 0, err
	}
	if tag != linkTag {
		return nil, 0, at(fmt.Errorf("%w: tag %d", ErrSyntax, tag), start)
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
