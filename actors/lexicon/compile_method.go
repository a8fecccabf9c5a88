package lexicon

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"

	"github.com/bluesky-social/indigo/atproto/syntax"
)

func (c *compiler) method(nsid syntax.NSID, d *definition) (*Method, error) {
	m := &Method{NSID: nsid}
	switch d.Type {
	case "query":
		m.Kind = Query
	case "procedure":
		m.Kind = Procedure
	default:
		m.Kind = Subscription
	}
	for _, e := range d.Errors {
		m.Errors = append(m.Errors, e.Name)
	}
	var err error
	if m.Params, err = c.params(d.Parameters); err != nil {
		return nil, fmt.Errorf("parameters: %w", err)
	}
	if d.Input != nil {
		m.HasInput, m.Input = true, d.Input.Encoding
		if m.input, err = c.body(d.Input); err != nil {
			return nil, fmt.Errorf("input: %w", err)
		}
		if m.defaults, err = defaultsOf(d.Input.Schema); err != nil {
			return nil, err
		}
	}
	if d.Output != nil {
		m.Output = d.Output.Encoding
		if m.output, err = c.body(d.Output); err != nil {
			return nil, fmt.Errorf("output: %w", err)
		}
	}
	return m, nil
}

func (c *compiler) body(b *bodyDefinition) (*schema, error) {
	if b.Schema == nil {
		return nil, nil
	}
	return c.schema(b.Schema)
}

func (c *compiler) params(d *definition) ([]Param, error) {
	if d == nil {
		return nil, nil
	}
	var params []Param
	for _, name := range slices.Sorted(maps.Keys(d.Properties)) {
		s, err := c.schema(d.Properties[name])
		if err != nil {
			return nil, fmt.Errorf("%s: %w", name, err)
		}
		p := Param{Name: name, Required: slices.Contains(d.Required, name), schema: s}
		item := s
		if s.kind == kindArray {
			p.Array, item = true, s.array.items
		}
		switch item.kind {
		case kindString:
			p.Type, p.Format = String, item.text.format.name
		case kindInteger:
			p.Type = Integer
		case kindBoolean:
			p.Type = Boolean
		default:
			return nil, fmt.Errorf("%s: a parameter is a string, an integer, a boolean or an array of one of these", name)
		}
		params = append(params, p)
	}
	return params, nil
}

// defaultsOf returns the defaults of a body's own properties as a JSON object, nil if there are none.
func defaultsOf(d *definition) (json.RawMessage, error) {
	if d == nil || d.Type != "object" {
		return nil, nil
	}
	presets := map[string]json.RawMessage{}
	for name, p := range d.Properties {
		if p.Default != nil {
			presets[name] = p.Default
		}
	}
	if len(presets) == 0 {
		return nil, nil
	}
	return json.Marshal(presets)
}
