package xrpc

import (
	"bytes"
	"encoding/json"
	"errors"
	"reflect"
	"strings"

	"troupe/actors/lexicon"
)

// parseInput reads, checks and decodes the body of a procedure into a new I, or prepares the stream. Nothing is held
// while a slow client sends: the caller has given its place back.
func (b *bound) parseInput(c *Call) (any, error) {
	if b.input == nil || b.input == noneType {
		if err := c.refuseBody(); err != nil || b.newInput == nil {
			return nil, err
		}
		return b.newInput(), nil
	}
	r := c.Request
	if !bodyPresent(r) {
		return nil, invalid("This method takes a body, and none was sent", nil)
	}
	if err := b.checkType(r); err != nil {
		return nil, err
	}
	if err := b.checkLength(r); err != nil {
		return nil, err
	}
	coding, err := codingOf(r)
	if err != nil {
		return nil, err
	}
	if b.input == bodyType {
		return b.openBody(c, coding)
	}
	body, err := b.readBody(c, coding)
	if err != nil {
		return nil, err
	}
	body = bytes.TrimPrefix(body, byteOrderMark) // RFC 8259 §8.1 lets a reader ignore it; some platforms always write one
	if err := b.method.CheckJSON(body); err != nil {
		return nil, err
	}
	return b.decode(body)
}

// readBody reads a JSON body. It is read as sent before it is decompressed, so that the memory of a decompressor (16 MB
// for brotli, at the sender's choice) is never held for a sender who takes his time.
func (b *bound) readBody(c *Call, coding string) ([]byte, error) {
	paced := newPacedReader(c, b.Limit)
	body, err := c.readAll(paced, c.Request.ContentLength)
	if err != nil || coding == "" {
		return body, err
	}
	if err := c.server.decoders.Acquire(c.Request.Context(), 1); err != nil {
		return nil, err
	}
	defer c.server.decoders.Release(1)
	plain, err := decompress(bytes.NewReader(body), coding, b.Limit)
	if err != nil {
		return nil, err
	}
	return c.readAll(plain, -1)
}

// openBody makes the stream that a handler reads itself.
func (b *bound) openBody(c *Call, coding string) (any, error) {
	paced := newPacedReader(c, b.Limit)
	in := &Body{Reader: paced, ContentType: c.Request.Header.Get("Content-Type"), Length: c.Request.ContentLength}
	if coding == "" {
		return in, nil
	}
	in.Length = -1
	if coding == "br" {
		if !c.server.memory.take(brotliWindow) {
			return nil, busy("The server has no room for another compressed body", "2")
		}
		c.charged += brotliWindow
	}
	plain, err := decompress(paced, coding, b.Limit)
	in.Reader = plain
	return in, err
}

var byteOrderMark = []byte("\ufeff")

// brotliWindow is the memory that a sender can make a brotli decoder take.
const brotliWindow = 16 << 20

// decode fills a new I from a checked body.
func (b *bound) decode(body []byte) (any, error) {
	in := b.newInput()
	if len(bytes.TrimSpace(body)) == 0 {
		body = []byte("{}") // what an empty body with a JSON type means
	}
	if b.input == rawType {
		*in.(*json.RawMessage) = body
		return in, nil
	}
	if defaults := b.method.Defaults(); defaults != nil {
		if err := json.Unmarshal(defaults, in); err != nil {
			return nil, err
		}
	}
	if b.members == nil {
		return in, unmarshal("Input", body, in)
	}
	into := reflect.ValueOf(in).Elem()
	return in, lexicon.Members(body, func(name string, value []byte) error {
		m, ok := b.members[name]
		if !ok {
			return nil
		}
		field := into.Field(m.index)
		switch {
		case m.raw:
			field.SetBytes(value) // the record, perhaps a megabyte: neither read nor copied
			return nil
		case m.plain && value[0] == '"' && bytes.IndexByte(value, '\\') < 0:
			field.SetString(string(value[1 : len(value)-1]))
			return nil
		}
		return unmarshal("Input/"+name, value, field.Addr().Interface())
	})
}

func unmarshal(path string, text []byte, into any) error {
	err := json.Unmarshal(text, into)
	var mismatch *json.UnmarshalTypeError
	if errors.As(err, &mismatch) {
		if mismatch.Field != "" {
			path += "/" + strings.ReplaceAll(mismatch.Field, ".", "/")
		}
		return invalid(path+" has the wrong type", err)
	}
	if err != nil { // a type that parses for itself refused
		return invalid(path+" is not valid", err)
	}
	return nil
}

// member is the field that a property of a body goes to.
type member struct {
	index int
	raw   bool // a json.RawMessage
	plain bool // a string that the lexicon has checked as far as its type would
}

// membersOf maps the properties of a body to the fields of its struct. It returns nil for what encoding/json has to
// sort out as a whole: types that are no plain structs, embedded fields, options other than omitempty.
func membersOf(t reflect.Type, method *lexicon.Method) map[string]member {
	if t == nil || t.Kind() != reflect.Struct || reflect.PointerTo(t).Implements(reflect.TypeFor[json.Unmarshaler]()) {
		return nil
	}
	members := make(map[string]member, t.NumField())
	for i := range t.NumField() {
		f := t.Field(i)
		name, option, _ := strings.Cut(f.Tag.Get("json"), ",")
		if f.Anonymous || option != "" && option != "omitempty" && option != "omitzero" {
			return nil
		}
		if name == "" {
			name = f.Name
		}
		if f.IsExported() && f.Tag.Get("json") != "-" {
			format, text := method.InputText(name)
			members[name] = member{i, f.Type == rawType, text && isPlain(f.Type, lexicon.Param{Type: lexicon.String, Format: format})}
		}
	}
	return members
}
