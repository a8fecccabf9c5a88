package lexicon

import (
	"errors"
	"strings"
)

// MaxDepth is how deep a JSON body may be nested: the 64 levels of a record, and what the method puts around it.
// Checked before each descent: Go's stack overflow kills the process.
const MaxDepth = 80

// skipped stands for an object that the schema calls "unknown": its syntax was checked, its content was not kept.
type skipped struct{}

var (
	errSyntax    = errors.New("is not valid JSON")
	errDepth     = errors.New("is nested too deeply")
	errDuplicate = errors.New("has a duplicate property")
	errCase      = errors.New("has a property that differs from a declared one only in case")
	errProto     = errors.New("must not have the property \"__proto__\"")
)

// reader parses one JSON text in the shapes of encoding/json (int64 for integers), guided by a schema: where that says
// "unknown" it skips, and where that lists properties it refuses names that encoding/json would confuse.
type reader struct {
	text  []byte
	at    int
	depth int
}

// document parses the whole text; an empty one counts as an empty object, since that is what clients mean by it.
func (r *reader) document(s *schema) (any, error) {
	r.space()
	if r.at == len(r.text) {
		return map[string]any{}, nil
	}
	v, err := r.value(s)
	if err != nil {
		return nil, err
	}
	r.space()
	if r.at != len(r.text) {
		return nil, errSyntax
	}
	return v, nil
}

// value parses a value. The schema may be nil: nothing is known of it.
func (r *reader) value(s *schema) (any, error) {
	switch r.peek() {
	case '{':
		return r.object(s)
	case '[':
		return r.array(s)
	case '"':
		return r.string()
	case 't':
		return true, r.literal("true")
	case 'f':
		return false, r.literal("false")
	case 'n':
		return nil, r.literal("null")
	}
	return r.number()
}

func (r *reader) object(s *schema) (any, error) {
	if s != nil {
		s = s.resolved()
		if s.kind == kindUnion {
			s = s.union.members[r.typeAhead()]
		}
	}
	if s != nil && s.kind == kindUnknown {
		return skipped{}, r.skip()
	}
	var rules *objectRules
	if s != nil {
		s = s.resolved()
		rules = s.object // nil for other kinds: the check will refuse the value
	}
	object := map[string]any{}
	err := r.members(func(key string) error {
		if _, twice := object[key]; twice {
			return errDuplicate
		}
		var hint *schema
		if rules != nil {
			property, known := rules.byName[key]
			if known {
				hint = property.schema
			} else if rules.confusable(key) {
				return errCase
			}
		}
		v, err := r.value(hint)
		object[key] = v
		return err
	})
	return object, err
}

// confusable reports whether encoding/json, which ignores case, would take the unknown property for a known one.
func (o *objectRules) confusable(key string) bool {
	for i := range o.properties {
		if strings.EqualFold(o.properties[i].name, key) {
			return true
		}
	}
	return false
}

func (r *reader) array(s *schema) (any, error) {
	var items *schema
	if s != nil {
		if s = s.resolved(); s.kind == kindArray {
			items = s.array.items
		}
	}
	elements := []any{}
	err := r.elements(func() error {
		v, err := r.value(items)
		elements = append(elements, v)
		return err
	})
	return elements, err
}

// members walks an object: each is called at the value of every member and must consume it.
func (r *reader) members(each func(key string) error) error {
	return r.nest('{', '}', func() error {
		if r.peek() != '"' {
			return errSyntax
		}
		key, err := r.string()
		if err != nil {
			return err
		}
		if key == "__proto__" {
			return errProto
		}
		r.space()
		if !r.take(':') {
			return errSyntax
		}
		r.space()
		return each(key)
	})
}

func (r *reader) elements(each func() error) error { return r.nest('[', ']', each) }

// nest walks a comma-separated list between two brackets.
func (r *reader) nest(open, end byte, each func() error) error {
	if r.depth++; r.depth > MaxDepth {
		return errDepth
	}
	defer func() { r.depth-- }()
	r.take(open)
	r.space()
	if r.take(end) {
		return nil
	}
	for {
		if err := each(); err != nil {
			return err
		}
		r.space()
		if r.take(end) {
			return nil
		}
		if !r.take(',') {
			return errSyntax
		}
		r.space()
	}
}

// skip consumes a value without keeping it.
func (r *reader) skip() error {
	switch r.peek() {
	case '{':
		return r.nest('{', '}', func() error {
			if r.peek() != '"' {
				return errSyntax
			}
			if _, err := r.span(); err != nil {
				return err
			}
			r.space()
			if !r.take(':') {
				return errSyntax
			}
			r.space()
			return r.skip()
		})
	case '[':
		return r.nest('[', ']', r.skip)
	case '"':
		_, err := r.span()
		return err
	}
	_, err := r.value(nil)
	return err
}

// typeAhead returns the $type of the object at hand without consuming it. Clients put it first, as a rule.
func (r *reader) typeAhead() (name string) {
	ahead := *r
	_ = ahead.members(func(key string) (err error) {
		if key != "$type" {
			return ahead.skip()
		}
		if ahead.peek() == '"' {
			name, err = ahead.string()
		}
		if err == nil {
			err = errFound
		}
		return err
	})
	return name
}

var errFound = errors.New("found")
