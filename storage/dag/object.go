package dag

import (
	"bytes"
	"encoding/base64"
	"slices"
)

// Keys that mean something, as they stand in DAG-CBOR with their heads.
const (
	keyType  = "\x65$type"
	keyLink  = "\x65$link"
	keyBytes = "\x66$bytes"
	keyProto = "\x69__proto__"
	textBlob = "\x64blob"
)

func (p *parser) object() error {
	start, err := p.enter()
	if err != nil {
		return err
	}
	base := len(p.members)
	typed, blob := false, false // has a $type; and it is "blob"
	for {
		more, err := p.more(len(p.members) == base, '}')
		if err != nil {
			return err
		}
		if !more {
			break
		}
		m, err := p.member()
		if err != nil {
			return err
		}
		p.members = append(p.members, m)
		if string(p.out[m.key:m.value]) == keyType {
			typed = true
			blob = blob || string(p.out[m.value:m.end]) == textBlob
		}
	}
	// Before the type is filled in: {"$link": …} as a record is a link, and refused.
	if len(p.members) == base+1 && p.special(start, p.members[base]) {
		p.members = p.members[:base]
		return p.leave()
	}
	if p.depth == 1 && p.typ != "" {
		if err := p.fixType(base, typed); err != nil {
			return err
		}
	}
	members := p.members[base:]
	p.members = p.members[:base]
	if err := p.closeObject(start, members); err != nil {
		return err
	}
	switch {
	case blob:
		if _, ok := readBlob(p.out[start:]); !ok {
			return p.fail(ErrBlob)
		}
		p.blobs = true
	case len(members) == 2:
		if _, ok := readLegacyBlob(p.out[start:]); ok {
			return p.fail(ErrLegacyBlob)
		}
	}
	return p.leave()
}

// member reads a key, the colon and a value. p stands at the key.
func (p *parser) member() (m member, err error) {
	m.key = len(p.out)
	if p.pos == len(p.src) || p.src[p.pos] != '"' {
		return m, p.syntax("key expected")
	}
	if err := p.string(); err != nil {
		return m, err
	}
	m.value = len(p.out)
	if string(p.out[m.key:m.value]) == keyProto {
		return m, p.fail(ErrKey)
	}
	p.space()
	if p.pos == len(p.src) || p.src[p.pos] != ':' {
		return m, p.syntax("colon expected")
	}
	p.pos++
	p.space()
	if err := p.value(); err != nil {
		return m, err
	}
	m.end = len(p.out)
	return m, nil
}

// fixType sees to the $type of the outermost object.
func (p *parser) fixType(base int, typed bool) error {
	if !typed {
		m := member{key: len(p.out)}
		p.out = append(p.out, keyType...)
		m.value = len(p.out)
		p.out = AppendText(p.out, p.typ)
		m.end = len(p.out)
		p.members = append(p.members, m)
		return nil
	}
	for _, m := range p.members[base:] {
		if string(p.out[m.key:m.value]) != keyType {
			continue
		}
		if major, _, size, err := readHead(p.out[m.value:]); err != nil || major != MajorText ||
			string(p.out[m.value+size:m.end]) != p.typ {
			return p.fail(ErrType)
		}
	}
	return nil
}

// special turns an object of one member into a link or bytes, if it is one. If
// not, as when the CID or the base64 cannot be read, it stays an object: so the
// reference does it, and what is hashed has to be the same on both sides.
func (p *parser) special(start int, m member) bool {
	link := string(p.out[m.key:m.value]) == keyLink
	if !link && string(p.out[m.key:m.value]) != keyBytes {
		return false
	}
	major, _, size, err := readHead(p.out[m.value:])
	if err != nil || major != MajorText {
		return false
	}
	text := p.out[m.value+size : m.end]
	if link {
		c, ok := parseCIDText(text)
		if ok {
			p.out = AppendCID(p.out[:start], c)
		}
		return ok
	}
	if p.scratch, err = appendBase64(p.scratch[:0], text); err != nil {
		return false
	}
	p.out = AppendBytes(p.out[:start], p.scratch)
	return true
}

// appendBase64 decodes text: the standard alphabet, padded in full or not at
// all. Bits that are left over are ignored, as the reference does.
func appendBase64(dst, text []byte) ([]byte, error) {
	if len(text)%4 == 0 {
		if bare := bytes.TrimSuffix(text, []byte("=")); len(bare) < len(text) {
			text = bytes.TrimSuffix(bare, []byte("="))
		}
	}
	if bytes.ContainsAny(text, "\r\n") { // which the decoder would step over
		return dst, ErrSyntax
	}
	return base64.RawStdEncoding.AppendDecode(dst, text)
}

// closeObject puts the members in canonical order and writes the head.
func (p *parser) closeObject(start int, members []member) error {
	sorted := true
	for i := 1; i < len(members) && sorted; i++ {
		sorted = p.compare(members[i-1], members[i]) < 0
	}
	if sorted {
		p.setHead(start, MajorMap, len(members))
		return nil
	}
	if len(members) <= 24 {
		p.insertionSort(members)
	} else {
		slices.SortFunc(members, p.compare)
	}
	for i := 1; i < len(members); i++ {
		if p.compare(members[i-1], members[i]) == 0 {
			return p.fail(ErrDuplicateKey)
		}
	}
	p.scratch = AppendHead(p.scratch[:0], MajorMap, uint64(len(members)))
	for _, m := range members {
		p.scratch = append(p.scratch, p.out[m.key:m.end]...)
	}
	p.out = append(p.out[:start], p.scratch...)
	return nil
}

// compare orders by key: by length, then by bytes. The heads are compared with
// the text, and since a shortest head grows with its length that is one
// comparison.
func (p *parser) compare(a, b member) int {
	return bytes.Compare(p.out[a.key:a.value], p.out[b.key:b.value])
}

func (p *parser) insertionSort(ms []member) {
	for i := 1; i < len(ms); i++ {
		m := ms[i]
		j := i
		for ; j > 0 && p.compare(ms[j-1], m) > 0; j-- {
			ms[j] = ms[j-1]
		}
		ms[j] = m
	}
}
