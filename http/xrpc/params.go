package xrpc

import (
	"encoding"
	"fmt"
	"reflect"

	"github.com/bluesky-social/indigo/atproto/syntax"

	"troupe/actors/lexicon"
)

// field says where a checked parameter goes.
type field struct {
	name  string
	index int
	set   func(into reflect.Value, v any) error
	plain bool // a string that needs no more than SetString
}

// fieldsOf plans how parameters get into a struct. Every tagged field must be declared by the lexicon, with a type that
// fits; parameters without a field are checked and dropped.
func fieldsOf(t reflect.Type, m *lexicon.Method) ([]field, error) {
	if t.Kind() != reflect.Struct {
		return nil, fmt.Errorf("parameters must be a struct, not %v", t)
	}
	var fields []field
	for i := range t.NumField() {
		f := t.Field(i)
		name := f.Tag.Get("query")
		if name == "" || !f.IsExported() {
			return nil, fmt.Errorf("field %s has no query tag", f.Name)
		}
		p, ok := param(m, name)
		if !ok {
			return nil, fmt.Errorf("the lexicon has no parameter %q", name)
		}
		set, err := setter(f.Type, p)
		if err != nil {
			return nil, fmt.Errorf("parameter %q: %w", name, err)
		}
		fields = append(fields, field{name, i, set, isPlain(f.Type, p) && !p.Array})
	}
	return fields, nil
}

func param(m *lexicon.Method, name string) (lexicon.Param, bool) {
	for _, p := range m.Params {
		if p.Name == name {
			return p, true
		}
	}
	return lexicon.Param{}, false
}

// setter returns the function that puts a checked value (see lexicon.Params) into a field of type t.
func setter(t reflect.Type, p lexicon.Param) (func(reflect.Value, any) error, error) {
	if p.Array {
		if t.Kind() != reflect.Slice {
			return nil, fmt.Errorf("an array needs a slice, not %v", t)
		}
		one, err := scalarSetter(t.Elem(), p)
		if err != nil {
			return nil, err
		}
		return func(into reflect.Value, v any) error {
			from := reflect.ValueOf(v)
			into.Set(reflect.MakeSlice(t, from.Len(), from.Len()))
			for i := range from.Len() {
				if err := one(into.Index(i), from.Index(i).Interface()); err != nil {
					return err
				}
			}
			return nil
		}, nil
	}
	if t.Kind() != reflect.Pointer {
		return scalarSetter(t, p)
	}
	one, err := scalarSetter(t.Elem(), p)
	return func(into reflect.Value, v any) error {
		into.Set(reflect.New(t.Elem()))
		return one(into.Elem(), v)
	}, err
}

func scalarSetter(t reflect.Type, p lexicon.Param) (func(reflect.Value, any) error, error) {
	kind := t.Kind()
	switch {
	case isPlain(t, p):
		return func(into reflect.Value, v any) error { into.SetString(v.(string)); return nil }, nil
	case p.Type == lexicon.String && reflect.PointerTo(t).Implements(reflect.TypeFor[encoding.TextUnmarshaler]()):
		return func(into reflect.Value, v any) error {
			err := into.Addr().Interface().(encoding.TextUnmarshaler).UnmarshalText([]byte(v.(string)))
			if err != nil {
				return invalid("Error: "+p.Name+" is not valid", err)
			}
			return nil
		}, nil
	case p.Type == lexicon.String && kind == reflect.String:
		return func(into reflect.Value, v any) error { into.SetString(v.(string)); return nil }, nil
	case p.Type == lexicon.Integer && kind >= reflect.Int && kind <= reflect.Int64:
		return func(into reflect.Value, v any) error {
			if into.OverflowInt(v.(int64)) {
				return invalid("Error: "+p.Name+" is out of range", nil)
			}
			into.SetInt(v.(int64))
			return nil
		}, nil
	case p.Type == lexicon.Boolean && kind == reflect.Bool:
		return func(into reflect.Value, v any) error { into.SetBool(v.(bool)); return nil }, nil
	}
	return nil, fmt.Errorf("a field of type %v cannot hold it", t)
}

// isPlain reports whether a checked value of the parameter, or of its elements, is a value of type t as it is.
func isPlain(t reflect.Type, p lexicon.Param) bool {
	return p.Type == lexicon.String && t.Kind() == reflect.String &&
		(t.PkgPath() == "" || p.Format != "" && checkedBy[t] == p.Format)
}

// checkedBy lists the types whose syntax a lexicon's string format has already checked, so that it need not be parsed
// a second time.
var checkedBy = map[reflect.Type]string{
	reflect.TypeFor[syntax.AtIdentifier](): "at-identifier",
	reflect.TypeFor[syntax.ATURI]():        "at-uri",
	reflect.TypeFor[syntax.CID]():          "cid",
	reflect.TypeFor[syntax.Datetime]():     "datetime",
	reflect.TypeFor[syntax.DID]():          "did",
	reflect.TypeFor[syntax.Handle]():       "handle",
	reflect.TypeFor[syntax.Language]():     "language",
	reflect.TypeFor[syntax.NSID]():         "nsid",
	reflect.TypeFor[syntax.RecordKey]():    "record-key",
	reflect.TypeFor[syntax.TID]():          "tid",
	reflect.TypeFor[syntax.URI]():          "uri",
}
