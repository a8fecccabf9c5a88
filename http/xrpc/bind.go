package xrpc

import (
	"fmt"
	"strings"

	"troupe/actors/lexicon"
)

const (
	defaultJSON   = 150 << 10 // bytes of a JSON body
	defaultText   = 100 << 10
	defaultBinary = 5 << 20
)

const jsonType = "application/json"

// bound is a route that agrees with its schema, ready to serve. Immutable.
type bound struct {
	Route
	method   *lexicon.Method
	fields   []field           // of P
	members  map[string]member // of I, by property; nil = left to encoding/json
	json     bool              // the input is JSON
	observer *observer
}

// bind holds a route to its schema, so that a mistake shows at start and not when somebody calls.
func bind(r Route, catalog *lexicon.Catalog) (*bound, error) {
	m, ok := catalog.Method(r.NSID)
	if !ok {
		return nil, fmt.Errorf("xrpc: %s is in no lexicon", r.NSID)
	}
	b := &bound{Route: r, method: m, json: m.Input == jsonType, members: membersOf(r.input, m)}
	problem := func(format string, args ...any) error {
		return fmt.Errorf("xrpc: %s: %s", r.NSID, fmt.Sprintf(format, args...))
	}
	if r.Kind != m.Kind {
		return nil, problem("the route and the lexicon disagree about its kind")
	}
	var err error
	if r.params != nil {
		if b.fields, err = fieldsOf(r.params, m); err != nil {
			return nil, problem("%v", err)
		}
	}
	if takes := r.input != nil && r.input != noneType; takes != m.HasInput {
		return nil, problem("input %v, while the lexicon has %q", r.input, m.Input)
	}
	if m.HasInput && !b.json && r.input != bodyType {
		return nil, problem("input of type %s must be taken as a Body", m.Input)
	}
	if m.Kind != lexicon.Subscription {
		if answers := r.output != noneType; answers != (m.Output != "") {
			return nil, problem("output %v, while the lexicon has %q", r.output, m.Output)
		}
		if r.output != noneType && r.output != streamType && r.output != partsType && m.Output != jsonType {
			return nil, problem("output of type %s must be a Stream or a Content", m.Output)
		}
	}
	if err := r.checkRates(); err != nil {
		return nil, problem("%v", err)
	}
	if b.Limit == 0 {
		switch {
		case b.json:
			b.Limit = defaultJSON
		case strings.HasPrefix(m.Input, "text/"):
			b.Limit = defaultText
		default:
			b.Limit = defaultBinary
		}
	}
	return b, nil
}
