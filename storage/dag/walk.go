package dag

import (
	"fmt"

	"github.com/ipfs/go-cid"
)

// Check says whether cbor is one value of canonical DAG-CBOR within l, with
// nothing behind it.
func Check(cbor []byte, l Limits) error {
	l = l.orDefault()
	if len(cbor) > l.Bytes {
		return fmt.Errorf("%w: %d bytes, %d are allowed", ErrTooLarge, len(cbor), l.Bytes)
	}
	r := newReader(cbor, l.Depth)
	if err := r.Skip(); err != nil {
		return err
	}
	return r.end()
}

// end is nil if everything has been read.
func (r *Reader) end() error {
	if !r.Done() {
		return at(fmt.Errorf("%w: bytes behind the end", ErrSyntax), r.pos)
	}
	return nil
}

// Kind tells what is read next, without reading it. At a key it is KindText.
func (r *Reader) Kind() Kind {
	if r.pos >= len(r.b) {
		return KindNone
	}
	return kinds[r.b[r.pos]]
}

// IsNull reads a null if one stands there and tells whether it did.
func (r *Reader) IsNull() bool {
	if r.Kind() != KindNull || r.value() != nil {
		return false
	}
	r.pos++
	return true
}

// Skip steps over one value, with all that is in it, and checks it.
func (r *Reader) Skip() error {
	r.settle()
	base := r.depth
	if r.atKey() {
		return fmt.Errorf("%w (at byte %d): a key", ErrKind, r.pos)
	}
	// A loop and not a recursion: depth costs a level of the Reader, no stack.
	for {
		if err := r.step(); err != nil {
			return err
		}
		if r.settle(); r.depth <= base {
			return nil
		}
	}
}

// step reads one scalar, one key, or the head of one container.
func (r *Reader) step() (err error) {
	if r.atKey() {
		_, err = r.KeyBytes()
		return err
	}
	switch r.Kind() {
	case KindInt:
		_, err = r.Int()
	case KindBytes:
		_, err = r.Bytes()
	case KindText:
		_, err = r.TextBytes()
	case KindArray:
		_, err = r.Array()
	case KindMap:
		_, err = r.Map()
	case KindCID:
		err = r.skipCID()
	case KindNull:
		r.IsNull()
	default: // KindNone: Bool finds out what is wrong
		_, err = r.Bool()
	}
	return err
}

// skipCID checks a link. The common forms are recognised by their first bytes;
// that saves the allocation of a cid.Cid.
func (r *Reader) skipCID() error {
	b, start, err := r.link()
	if err != nil {
		return err
	}
	if len(b) == sumLen && (string(b[:4]) == prefixDagCBOR || string(b[:4]) == prefixRaw) {
		return nil
	}
	if _, err := cid.Cast(b); err != nil {
		return at(ErrCID, start)
	}
	return nil
}

// Raw reads one whole value and gives its bytes: an alias of the input.
func (r *Reader) Raw() ([]byte, error) {
	start := r.pos
	if err := r.Skip(); err != nil {
		return nil, err
	}
	return r.b[start:r.pos:r.pos], nil
}

// Rest is what has not been read yet: an alias of the input.
func (r *Reader) Rest() []byte { return r.b[r.pos:] }

// Done tells whether everything has been read, every container to its end.
func (r *Reader) Done() bool {
	r.settle()
	return r.depth == 0 && r.pos == len(r.b)
}
