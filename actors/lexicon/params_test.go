package lexicon

import (
	"errors"
	"net/url"
	"reflect"
	"testing"

	"github.com/bluesky-social/indigo/atproto/syntax"
)

const paramsDocument = `{"lexicon":1,"id":"com.example.query","defs":{"main":{"type":"query","parameters":{"type":"params",
	"required":["did"],"properties":{
	"did":{"type":"string","format":"did"},
	"limit":{"type":"integer","minimum":1,"maximum":100,"default":50},
	"sort":{"type":"string","enum":["a","b"],"default":"a"},
	"free":{"type":"string","knownValues":["x"]},
	"reverse":{"type":"boolean","default":false},
	"plain":{"type":"boolean"},
	"one":{"type":"integer","const":1},
	"names":{"type":"array","items":{"type":"string","maxLength":3},"maxLength":2},
	"numbers":{"type":"array","items":{"type":"integer"},"minLength":2},
	"flags":{"type":"array","items":{"type":"boolean"}}}}}}}`

func TestParseParams(t *testing.T) {
	c, err := Parse([]byte(paramsDocument))
	if err != nil {
		t.Fatal(err)
	}
	m, _ := c.Method("com.example.query")
	base := Params{"did": "did:web:example.com", "limit": int64(50), "sort": "a", "reverse": false}
	with := func(extra Params) Params {
		p := Params{}
		for k, v := range base {
			p[k] = v
		}
		for k, v := range extra {
			p[k] = v
		}
		return p
	}
	const did = "did=did:web:example.com"
	for _, test := range []struct {
		query string
		want  Params
		err   string
	}{
		{did, base, ""},
		{"", nil, `Error: Params must have the property "did"`},
		{"did=", nil, `Error: Params must have the property "did"`},
		{"did=x", nil, "Error: did must be a valid did"},
		{"did=did:web:a.com&did=did:web:b.com", nil, "Error: did must not be given more than once"},
		{did + "&did=", base, ""},
		{did + "&limit=7", with(Params{"limit": int64(7)}), ""},
		{did + "&limit=0", nil, "Error: limit can not be less than 1"},
		{did + "&limit=101", nil, "Error: limit can not be greater than 100"},
		{did + "&limit=1.5", nil, "Error: limit must be an integer"},
		{did + "&limit=1e1", nil, "Error: limit must be an integer"},
		{did + "&limit=%2B1", nil, "Error: limit must be an integer"},
		{did + "&limit=99999999999999999999", nil, "Error: limit must be an integer"},
		{did + "&limit=9007199254740993", nil, "Error: limit must be an integer"},
		{did + "&limit=abc", nil, "Error: limit must be an integer"},
		{did + "&limit=", base, ""},
		{did + "&sort=b", with(Params{"sort": "b"}), ""},
		{did + "&sort=c", nil, "Error: sort must be one of (a|b)"},
		{did + "&free=anything", with(Params{"free": "anything"}), ""},
		{did + "&reverse=true", with(Params{"reverse": true}), ""},
		{did + "&reverse=1", nil, "Error: reverse must be a boolean"},
		{did + "&plain=false", with(Params{"plain": false}), ""},
		{did + "&one=1", with(Params{"one": int64(1)}), ""},
		{did + "&one=2", nil, "Error: one must be 1"},
		{did + "&names=a", with(Params{"names": []string{"a"}}), ""},
		{did + "&names=a&names=b", with(Params{"names": []string{"a", "b"}}), ""},
		{did + "&names=a&names=b&names=c", nil, "Error: names must not have more than 2 elements"},
		{did + "&names=a&names=long", nil, "Error: names/1 must not be longer than 3 characters"},
		{did + "&numbers=1", nil, "Error: numbers must not have fewer than 2 elements"},
		{did + "&numbers=1&numbers=-2", with(Params{"numbers": []int64{1, -2}}), ""},
		{did + "&numbers=1&numbers=x", nil, "Error: numbers/1 must be an integer"},
		{did + "&flags=true&flags=false", with(Params{"flags": []bool{true, false}}), ""},
		{did + "&unknown=1", base, ""},
		{did + "&__proto__=1", nil, "Error: Invalid query parameter: __proto__"},
	} {
		q, err := url.ParseQuery(test.query)
		if err != nil {
			t.Fatal(err)
		}
		got, err := m.ParseParams(q)
		if test.err != "" {
			var invalid ErrInvalid
			if !errors.As(err, &invalid) || invalid.Message != test.err {
				t.Errorf("%s: %v, want %q", test.query, err, test.err)
			}
			continue
		}
		if err != nil || !reflect.DeepEqual(got, test.want) {
			t.Errorf("%s: %v %v, want %v", test.query, got, err, test.want)
		}
	}
}

func TestParamTypes(t *testing.T) {
	for _, want := range []struct {
		nsid  syntax.NSID
		param Param
	}{
		{"com.atproto.sync.getBlocks", Param{Name: "cids", Type: String, Format: "cid", Array: true, Required: true}},
		{"com.atproto.repo.listRecords", Param{Name: "limit", Type: Integer}},
		{"com.atproto.repo.listRecords", Param{Name: "reverse", Type: Boolean}},
	} {
		m, _ := Embedded().Method(want.nsid)
		found := false
		for _, p := range m.Params {
			p.schema = nil
			found = found || p == want.param
		}
		if !found {
			t.Errorf("%s: %+v is not among %+v", want.nsid, want.param, m.Params)
		}
	}
}
