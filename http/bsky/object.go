package bsky

import (
	"bytes"
	"encoding/json"
	"errors"

	"troupe/http/xrpc"
)

// object is a JSON object of which some members are to change. All others stay
// as they came, byte for byte and in their order, known to a lexicon or not.
type object []member

type member struct {
	name  string
	value json.RawMessage
}

var errShape = errors.New("not of the shape that its lexicon says")

func parseObject(raw []byte) (object, error) {
	dec := json.NewDecoder(bytes.NewReader(raw))
	if t, err := dec.Token(); err != nil || t != json.Delim('{') {
		return nil, errShape
	}
	o := make(object, 0, 12)
	for dec.More() {
		name, err := dec.Token()
		if err != nil {
			return nil, err
		}
		var m member
		m.name, _ = name.(string)
		if err := dec.Decode(&m.value); err != nil {
			return nil, err
		}
		o = append(o, m)
	}
	if _, err := dec.Token(); err != nil {
		return nil, err
	}
	return o, nil
}

// get is a member's value; nil if there is none.
func (o object) get(name string) json.RawMessage {
	for i := range o {
		if o[i].name == name {
			return o[i].value
		}
	}
	return nil
}

// put changes a member, or adds it. nil removes it.
func (o *object) put(name string, value []byte) {
	kept := (*o)[:0]
	done := value == nil
	for _, m := range *o {
		if m.name == name {
			if done {
				continue
			}
			m.value, done = value, true
		}
		kept = append(kept, m)
	}
	if !done {
		kept = append(kept, member{name, value})
	}
	*o = kept
}

func (o object) encode() json.RawMessage {
	size := 2
	for i := range o {
		size += len(o[i].name) + len(o[i].value) + 4
	}
	out := append(make([]byte, 0, size), '{')
	for i, m := range o {
		if i > 0 {
			out = append(out, ',')
		}
		out = append(append(xrpc.AppendString(out, m.name), ':'), m.value...)
	}
	return append(out, '}')
}

func encodeArray(items []json.RawMessage) json.RawMessage {
	return append(append([]byte{'['}, bytes.Join(rawItems(items), []byte{','})...), ']')
}

func rawItems(items []json.RawMessage) [][]byte {
	out := make([][]byte, len(items))
	for i := range items {
		out[i] = items[i]
	}
	return out
}

// encode is json.Marshal without its fear of HTML; what is made here can be encoded.
func encode(v any) (json.RawMessage, error) {
	var b bytes.Buffer
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false)
	if err := enc.Encode(v); err != nil {
		return nil, err
	}
	return bytes.TrimSuffix(b.Bytes(), []byte("\n")), nil
}
