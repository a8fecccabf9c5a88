package xrpc

import (
	"net/url"
	"reflect"
	"strings"

	"troupe/actors/lexicon"
)

// parseParams checks the query string and fills a new P.
func (b *bound) parseParams(c *Call) (any, error) {
	if p, ok := b.quickParams(c.Request.URL.RawQuery); ok {
		return p, nil
	}
	params, err := b.carefulParams(c.Request.URL.RawQuery)
	if err != nil {
		return nil, err
	}
	if b.params == nil {
		c.Params = params
		return nil, nil
	}
	return b.fillAll(params)
}

func (b *bound) carefulParams(raw string) (lexicon.Params, error) {
	q, err := parseQuery(raw, b.loose)
	if err != nil {
		return nil, err
	}
	return b.method.ParseParams(q)
}

func (b *bound) fillAll(params lexicon.Params) (any, error) {
	p := reflect.New(b.params)
	for i := range b.fields {
		f := &b.fields[i]
		if v, ok := params[f.name]; ok {
			if err := f.set(p.Elem().Field(f.index), v); err != nil {
				return nil, err
			}
		}
	}
	return p.Interface(), nil
}

// maxQuick is the number of parameters that quickParams has room for.
const maxQuick = 8

// quickParams fills a new P straight from a query string in which nothing is out of the ordinary: without the maps of
// parseQuery and ParseParams, which cost more than the rest of reading a query. Whatever else it meets it leaves to
// them, errors above all: so there is one place that says what is wrong.
func (b *bound) quickParams(raw string) (any, bool) {
	declared := b.method.Params
	if b.params == nil || b.loose || len(declared) > maxQuick || strings.Count(raw, "&") > 2*maxQuick {
		return nil, false
	}
	var sent [maxQuick]string
	if !split(raw, declared, &sent) {
		return nil, false
	}
	p := reflect.New(b.params)
	for i := range declared {
		if !b.fill(p.Elem(), &declared[i], sent[i]) {
			return nil, false
		}
	}
	return p.Interface(), true
}

// split finds the value of every declared parameter; "" stands for one that was not sent.
func split(raw string, declared []lexicon.Param, sent *[maxQuick]string) bool {
	for raw != "" {
		var pair string
		pair, raw, _ = strings.Cut(raw, "&")
		key, value, _ := strings.Cut(pair, "=")
		if key == "__proto__" || strings.ContainsAny(key, "%+") {
			return false
		}
		value, err := url.QueryUnescape(value)
		if err != nil {
			return false
		}
		for i := range declared {
			if declared[i].Name != key || value == "" {
				continue
			}
			if declared[i].Array || sent[i] != "" {
				return false
			}
			sent[i] = value
		}
	}
	return true
}

// fill checks one parameter and puts it into its field, if it has one.
func (b *bound) fill(into reflect.Value, p *lexicon.Param, sent string) bool {
	var f *field
	for i := range b.fields {
		if b.fields[i].name == p.Name {
			f = &b.fields[i]
		}
	}
	if sent != "" && f != nil && f.plain {
		into.Field(f.index).SetString(sent)
		return p.CheckText(sent) == nil
	}
	v := p.Preset()
	if sent != "" {
		var err error
		if v, err = p.Value(sent); err != nil {
			return false
		}
	}
	if v == nil {
		return !p.Required
	}
	return f == nil || f.set(into.Field(f.index), v) == nil
}

// maxParams bounds the work that one query string can cause.
const maxParams = 1000

// parseQuery is url.ParseQuery without its dislike of semicolons, which are ordinary characters to every other client
// and server, but with its refusal of broken escapes.
func parseQuery(raw string, loose bool) (url.Values, error) {
	if raw == "" {
		return nil, nil
	}
	if strings.Count(raw, "&") >= maxParams {
		return nil, invalid("Too many query parameters", nil)
	}
	q := url.Values{}
	for pair := range strings.SplitSeq(raw, "&") {
		if pair == "" {
			continue
		}
		key, value, _ := strings.Cut(pair, "=")
		key, err := url.QueryUnescape(key)
		if err == nil {
			value, err = url.QueryUnescape(value)
		}
		if err != nil {
			return nil, invalid("The query string is not properly encoded", err)
		}
		if loose {
			key = tighten(key)
		}
		q[key] = append(q[key], value)
	}
	return q, nil
}

// tighten turns key[] and key[0] into key.
func tighten(key string) string {
	name, index, ok := strings.Cut(key, "[")
	if !ok || !strings.HasSuffix(index, "]") || strings.Trim(index[:len(index)-1], "0123456789") != "" {
		return key
	}
	return name
}
