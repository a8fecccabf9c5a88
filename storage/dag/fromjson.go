package dag

import (
	"bytes"
	"fmt"
	"sync"

	"github.com/bluesky-social/indigo/atproto/syntax"
)

// FromJSON makes the record that src, one JSON object, describes. src is only
// read. Errors wrap ErrInvalid; doc.go says what is accepted.
func FromJSON(src []byte, l Limits) (Record, error) { return fromJSON(src, "", l) }

// FromJSONWithType is FromJSON for a record of the collection typ: a missing
// $type is filled in, any other is ErrType.
func FromJSONWithType(src []byte, typ syntax.NSID, l Limits) (Record, error) {
	return fromJSON(src, typ, l)
}

func fromJSON(src []byte, typ syntax.NSID, l Limits) (Record, error) {
	p := parsers.Get().(*parser)
	defer p.free()
	p.src, p.typ, p.limits = src, typ.String(), l.orDefault()
	if err := p.document(); err != nil {
		return Record{}, err
	}
	rec := Record{Bytes: bytes.Clone(p.out), CID: Sum(p.out)}
	if p.blobs {
		var err error
		if rec.Blobs, err = Blobs(rec.Bytes); err != nil {
			return Record{}, err
		}
	}
	return rec, nil
}

// parser turns JSON into DAG-CBOR in one pass over both. A value is appended to
// out as soon as it has been read; a container gets one byte for its head in
// advance and is put right when it closes, when its members are counted and can
// be sorted.
//
// owned by the call of fromJSON; the buffers by the pool between calls
type parser struct {
	src    []byte
	pos    int
	limits Limits
	typ    string // $type of the outermost object; "" = whatever it says
	depth  int    // containers that are open
	blobs  bool   // out holds a blob reference

	out     []byte
	members []member // of all the objects that are open, innermost last
	scratch []byte   // an object while its members are put in order
	text    []byte   // a string with escapes, unescaped
}

// member is one pair of an object: out[key:value] and out[value:end].
type member struct{ key, value, end int }

var parsers = sync.Pool{New: func() any { return new(parser) }}

// free gives p back. A buffer that one huge record has blown up is let go.
func (p *parser) free() {
	const keep = 64 << 10
	if cap(p.out) > keep || cap(p.scratch) > keep || cap(p.text) > keep || cap(p.members) > keep/32 {
		return
	}
	*p = parser{out: p.out[:0], members: p.members[:0], scratch: p.scratch[:0], text: p.text[:0]}
	parsers.Put(p)
}

// fail is err at the place where p stands.
func (p *parser) fail(err error) error { return at(err, p.pos) }

func (p *parser) syntax(why string) error {
	return at(fmt.Errorf("%w: %s", ErrSyntax, why), p.pos)
}

func (p *parser) document() error {
	p.space()
	if p.pos == len(p.src) {
		return p.syntax("empty")
	}
	if p.src[p.pos] != '{' {
		return p.fail(fmt.Errorf("%w: a record is an object", ErrKind))
	}
	if err := p.object(); err != nil {
		return err
	}
	if p.out[0]>>5 != MajorMap {
		return fmt.Errorf("%w: a record is an object, not a link or bytes", ErrKind)
	}
	if p.space(); p.pos != len(p.src) {
		return p.syntax("something behind the end")
	}
	return nil
}

func (p *parser) space() {
	for p.pos < len(p.src) {
		switch p.src[p.pos] {
		case ' ', '\t', '\n', '\r':
			p.pos++
		default:
			return
		}
	}
}

// value reads any value. p stands at its first byte.
func (p *parser) value() error {
	if p.pos == len(p.src) {
		return p.syntax("cut short")
	}
	switch c := p.src[p.pos]; c {
	case '{':
		return p.object()
	case '[':
		return p.array()
	case '"':
		return p.string()
	case 't':
		return p.word("true", cborTrue)
	case 'f':
		return p.word("false", cborFalse)
	case 'n':
		return p.word("null", cborNull)
	default:
		return p.number()
	}
}

func (p *parser) word(w string, cbor byte) error {
	if len(p.src)-p.pos < len(w) || string(p.src[p.pos:p.pos+len(w)]) != w {
		return p.syntax("unknown word")
	}
	p.pos += len(w)
	p.out = append(p.out, cbor)
	return nil
}

// enter opens a container: the only way down, so the only place that counts.
func (p *parser) enter() (start int, err error) {
	if p.depth >= p.limits.Depth {
		return 0, p.fail(ErrDepth)
	}
	p.depth++
	p.pos++
	start = len(p.out)
	p.out = append(p.out, 0) // its head, if the count turns out to be below 24
	return start, nil
}

// leave closes the container at start and checks the size so far. That is
// often enough: scalars cost at most some times the JSON they were made of.
func (p *parser) leave() error {
	p.depth--
	if len(p.out) > p.limits.Bytes {
		return p.fail(ErrTooLarge)
	}
	return nil
}

// more steps over what stands between two items of a container. It tells
// whether another item follows; p then stands at it.
func (p *parser) more(first bool, end byte) (bool, error) {
	p.space()
	if p.pos == len(p.src) {
		return false, p.syntax("cut short")
	}
	if p.src[p.pos] == end {
		p.pos++
		return false, nil
	}
	if first {
		return true, nil
	}
	if p.src[p.pos] != ',' {
		return false, p.syntax("comma expected")
	}
	p.pos++
	p.space()
	return true, nil
}

func (p *parser) array() error {
	start, err := p.enter()
	if err != nil {
		return err
	}
	n := 0
	for ; ; n++ {
		switch more, err := p.more(n == 0, ']'); {
		case err != nil:
			return err
		case !more:
			p.setHead(start, MajorArray, n)
			return p.leave()
		}
		if err := p.value(); err != nil {
			return err
		}
	}
}

// setHead writes the head of the container whose content has been appended
// behind the byte that was kept free for it.
func (p *parser) setHead(start int, major byte, n int) {
	if n < 24 {
		p.out[start] = major<<5 | byte(n)
		return
	}
	var buf [9]byte
	head := AppendHead(buf[:0], major, uint64(n))
	p.out = append(p.out, head[1:]...) // room; the bytes do not matter
	copy(p.out[start+len(head):], p.out[start+1:len(p.out)-len(head)+1])
	copy(p.out[start:], head)
}
