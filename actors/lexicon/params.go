package lexicon

import (
	"net/url"
	"strconv"
)

// Params are checked query parameters: string, int64, bool, []string, []int64 or []bool by name.
// A parameter that was not sent and has no default is absent.
type Params map[string]any

// ParseParams checks the query parameters and converts them to the types of the schema; defaults are filled in.
// An empty value counts as not sent, a parameter that the schema does not know is ignored, a repeated one is an array
// (so it must be declared as one). Errors are of type ErrInvalid; their messages begin with "Error: ".
func (m *Method) ParseParams(q url.Values) (Params, error) {
	if _, polluted := q["__proto__"]; polluted {
		return nil, paramError(ErrInvalid{"__proto__", "Invalid query parameter: __proto__"})
	}
	if len(m.Params) == 0 {
		return nil, nil
	}
	params := make(Params, len(m.Params))
	for i := range m.Params {
		p := &m.Params[i]
		v, err := p.parse(q[p.Name])
		if err != nil {
			return nil, paramError(err)
		}
		if v == nil {
			v = p.preset()
		}
		if v != nil {
			params[p.Name] = v
		} else if p.Required {
			where := path{name: "Params"}
			return nil, paramError(where.fail(`must have the property "` + p.Name + `"`))
		}
	}
	return params, nil
}

// CheckText holds one value of a string parameter to the schema, as ParseParams does.
func (p *Param) CheckText(v string) error {
	where := path{name: p.Name}
	return paramError(p.schema.text.check(v, &where))
}

// Value converts one value of a parameter that is no array, as ParseParams does.
func (p *Param) Value(v string) (any, error) {
	value, err := p.parse([]string{v})
	return value, paramError(err)
}

// Preset returns the default of the parameter, nil if it has none.
func (p *Param) Preset() any { return p.preset() }

func paramError(err error) error {
	if e, ok := err.(ErrInvalid); ok {
		e.Message = "Error: " + e.Message
		return e
	}
	return err
}

func (p *Param) parse(sent []string) (any, error) {
	where := path{name: p.Name}
	values := make([]string, 0, len(sent))
	for _, v := range sent {
		if v != "" {
			values = append(values, v)
		}
	}
	if len(values) == 0 {
		return nil, nil
	}
	if p.Array {
		return p.parseArray(values, &where)
	}
	if len(values) > 1 {
		return nil, where.fail("must not be given more than once")
	}
	switch p.Type {
	case Integer:
		return p.integer(p.schema, values[0], &where)
	case Boolean:
		return p.boolean(p.schema, values[0], &where)
	}
	return values[0], p.schema.text.check(values[0], &where)
}

func (p *Param) parseArray(values []string, where *path) (any, error) {
	rules := p.schema.array
	if err := rules.checkLength(len(values), where); err != nil {
		return nil, err
	}
	switch p.Type {
	case Integer:
		return each(values, where, func(v string, at *path) (int64, error) { return p.integer(rules.items, v, at) })
	case Boolean:
		return each(values, where, func(v string, at *path) (bool, error) { return p.boolean(rules.items, v, at) })
	}
	return each(values, where, func(v string, at *path) (string, error) { return v, rules.items.text.check(v, at) })
}

func each[T any](values []string, where *path, parse func(string, *path) (T, error)) (any, error) {
	out := make([]T, len(values))
	for i, v := range values {
		var err error
		if out[i], err = parse(v, &path{parent: where, index: i}); err != nil {
			return nil, err
		}
	}
	return out, nil
}

// integer takes -?[0-9]+ within the safe range; not "+1", "1.5" or "1e3".
func (p *Param) integer(s *schema, v string, where *path) (int64, error) {
	n, err := strconv.ParseInt(v, 10, 64)
	if err != nil || v[0] == '+' || n > maxSafe || n < -maxSafe {
		return 0, where.fail("must be an integer")
	}
	return n, s.number.check(n, where)
}

func (p *Param) boolean(s *schema, v string, where *path) (bool, error) {
	if v != "true" && v != "false" {
		return false, where.fail("must be a boolean")
	}
	return v == "true", check(s, v == "true", where)
}

// preset returns the default of a parameter, nil if it has none.
func (p *Param) preset() any {
	switch s := p.schema; {
	case s.kind == kindString && s.text.preset != nil:
		return *s.text.preset
	case s.kind == kindInteger && s.number.preset != nil:
		return *s.number.preset
	case s.kind == kindBoolean && s.truth.preset != nil:
		return *s.truth.preset
	}
	return nil
}
