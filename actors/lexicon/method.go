package lexicon

import (
	"encoding/json"
	"strings"

	"github.com/bluesky-social/indigo/atproto/syntax"
)

// Kind tells how a method is called.
type Kind uint8

// The kinds of method.
const (
	Query        Kind = iota + 1 // GET
	Procedure                    // POST
	Subscription                 // WebSocket
)

// Method is the schema of one XRPC method. Read-only.
type Method struct {
	NSID     syntax.NSID
	Kind     Kind
	Params   []Param  // sorted by name
	HasInput bool     // a procedure that takes a body
	Input    string   // media type of the body it takes, perhaps with wildcards ("*/*"); "" = none
	Output   string   // media type of what it answers; "" = an empty body
	Errors   []string // error names that the lexicon lists

	input, output *schema         // nil: any body of that media type
	defaults      json.RawMessage // of the input's own properties
}

// ParamType is the type of a query parameter, or of each of its values.
type ParamType uint8

// The types of query parameter.
const (
	String ParamType = iota + 1
	Integer
	Boolean
)

// Param describes one query parameter.
type Param struct {
	Name     string
	Type     ParamType
	Format   string // string format of each value, e.g. "did"; "" = none
	Array    bool   // may be repeated
	Required bool

	schema *schema
}

// Takes reports whether the method takes a body of that media type (lower case, without parameters).
func (m *Method) Takes(mediaType string) bool {
	for pattern := range strings.SplitSeq(m.Input, ",") {
		if acceptable(strings.TrimSpace(pattern), mediaType) {
			return true
		}
	}
	return false
}

// Defaults returns the default values of the input's own properties as a JSON object, nil if it has none. Decode it
// into the input before the body.
func (m *Method) Defaults() json.RawMessage { return m.defaults }

// InputText reports whether a property of a JSON input is a string, and of which format ("" = any).
func (m *Method) InputText(property string) (format string, ok bool) {
	if m.input == nil {
		return "", false
	}
	s := m.input.resolved()
	if s.kind != kindObject || s.object.byName[property] == nil {
		return "", false
	}
	s = s.object.byName[property].schema.resolved()
	if s.kind != kindString {
		return "", false
	}
	return s.text.format.name, true
}

// CheckInput checks a decoded JSON body, in the shapes of encoding/json or of dag.Decode, against the schema.
// It does not change v. Errors are of type ErrInvalid; their paths begin with "Input".
func (m *Method) CheckInput(v any) error {
	if m.input == nil {
		return nil
	}
	return check(m.input, v, &path{name: "Input"})
}

// CheckJSON checks a JSON body against the schema: the text is valid JSON and UTF-8, nested at most MaxDepth deep,
// without duplicate or confusable property names where the schema knows them, and it passes CheckInput.
// Errors are of type ErrInvalid; their paths begin with "Input".
func (m *Method) CheckJSON(body []byte) error { return checkText(m.input, body, "Input") }

// Members walks the properties of a JSON object that CheckJSON has accepted: each gets the name and the text of the
// value, which aliases the object's. A text that is not such an object ends in an error.
func Members(object []byte, each func(name string, value []byte) error) error {
	r := reader{text: object}
	r.space()
	if r.peek() != '{' {
		return errSyntax
	}
	return r.members(func(name string) error {
		start := r.at
		if err := r.skip(); err != nil {
			return err
		}
		return each(name, object[start:r.at])
	})
}

// CheckOutput is CheckJSON for what the method answers; for tests and development.
func (m *Method) CheckOutput(body []byte) error { return checkText(m.output, body, "Output") }

func checkText(s *schema, body []byte, name string) error {
	p := path{name: name}
	r := reader{text: body}
	v, err := r.document(s)
	if err != nil {
		return p.fail(err.Error())
	}
	if s == nil {
		return nil
	}
	return check(s, v, &p)
}

// acceptable reports whether a media type matches a pattern: "*/*", "image/*" or a full type.
func acceptable(pattern, mediaType string) bool {
	if pattern == "" || mediaType == "" {
		return false
	}
	if pattern == "*/*" {
		return true
	}
	if prefix, wild := strings.CutSuffix(pattern, "*"); wild {
		return strings.HasPrefix(mediaType, prefix)
	}
	return pattern == mediaType
}
