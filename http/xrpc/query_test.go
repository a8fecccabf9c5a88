package xrpc

import (
	"math/rand/v2"
	"net/url"
	"reflect"
	"strings"
	"testing"

	"github.com/bluesky-social/indigo/atproto/syntax"

	"troupe/actors/lexicon"
)

const queryDocument = `{"lexicon":1,"id":"com.example.query","defs":{"main":{"type":"query","parameters":{"type":"params",
	"required":["did"],"properties":{
	"did":{"type":"string","format":"did"},
	"limit":{"type":"integer","minimum":1,"maximum":100,"default":50},
	"sort":{"type":"string","enum":["a","b"],"default":"a"},
	"cursor":{"type":"string"},
	"reverse":{"type":"boolean","default":false},
	"dropped":{"type":"string","maxLength":3},
	"names":{"type":"array","items":{"type":"string"}}}},
	"output":{"encoding":"application/json"}}}}`

type queryParams struct {
	Names   []string   `query:"names"`
	DID     syntax.DID `query:"did"`
	Limit   int8       `query:"limit"`
	Sort    string     `query:"sort"`
	Cursor  *string    `query:"cursor"`
	Reverse bool       `query:"reverse"`
}

// The short way through a query string never differs from the long one: it
// gives the same parameters, or none.
func TestQuickParamsAgree(t *testing.T) {
	catalog, err := lexicon.Parse([]byte(queryDocument))
	if err != nil {
		t.Fatal(err)
	}
	method, _ := catalog.Method("com.example.query")
	b := &bound{method: method}
	b.params = reflect.TypeFor[queryParams]()
	if b.fields, err = fieldsOf(b.params, method); err != nil {
		t.Fatal(err)
	}
	agree := func(raw string) (quick bool) {
		t.Helper()
		got, quick := b.quickParams(raw)
		if !quick {
			return false
		}
		params, err := b.carefulParams(raw)
		var want any
		if err == nil {
			want, err = b.fillAll(params)
		}
		if err != nil || !reflect.DeepEqual(got, want) {
			t.Errorf("%q: %+v, the long way %+v, %v", raw, got, want, err)
		}
		return true
	}
	for raw, quick := range map[string]bool{
		"did=did:web:a.com":                                       true,
		"did=did%3Aweb%3Aa.com&limit=7":                           true,
		"&&did=did:web:a.com&cursor=a+b;c&reverse=true&sort=b&x=": true,
		"did=did:web:a.com&did=":                                  true,
		"did=did:web:a.com&cursor==":                              true,
		"":                                                        false,
		"did=":                                                    false,
		"did=did:web:a.com&did=did:web:a.com":                     false,
		"did=x":                                                   false,
		"d%69d=did:web:a.com":                                     false,
		"did=did:web:a.com&x=%":                                   false,
		"did=did:web:a.com&__proto__=1":                           false,
		"did=did:web:a.com&names=a":                               false,
		"did=did:web:a.com&limit=101":                             false,
		"did=did:web:a.com&sort=c":                                false,
		"did=did:web:a.com&dropped=long":                          false,
		"did=did:web:a.com&reverse=1":                             false,
		"did=did:web:a.com" + strings.Repeat("&x=1", maxParams): false,
	} {
		if agree(raw) != quick {
			t.Errorf("%.80q takes the short way: %v, want %v", raw, !quick, quick)
		}
	}
	r := rand.New(rand.NewPCG(3, 4))
	keys := []string{"did", "limit", "sort", "cursor", "reverse", "dropped", "names", "other", "__proto__", "d%69d", "limit[]", ""}
	values := []string{"did:web:a.com", "did:web:a.com", "7", "-1", "200", "a", "b", "true", "false", "", "%", "%41", "+", "a%26b", url.QueryEscape("é")}
	var shortWays int
	for range 20_000 {
		pairs := []string{"did=did:web:a.com"}
		for range r.IntN(4) {
			pairs = append(pairs, keys[r.IntN(len(keys))]+"="+values[r.IntN(len(values))])
		}
		if agree(strings.Join(pairs[r.IntN(len(pairs)):], "&")) {
			shortWays++
		}
	}
	if shortWays < 1000 {
		t.Errorf("%d of 20000 took the short way", shortWays)
	}
}

// An Appender's strings are those of encoding/json.
func TestAppendString(t *testing.T) {
	for _, c := range []struct{ in, want string }{
		{"at://did:web:a.com/a.b.c/self", `"at://did:web:a.com/a.b.c/self"`},
		{"", `""`},
		{`"\`, `"\"\\"`},
		{"<&>\n\x00\x7f", `"<&>\n\u0000` + "\x7f\""},
		{"é\u2028\xff", `"é\u2028\ufffd"`},
	} {
		if got := string(AppendString([]byte("x"), c.in)); got != "x"+c.want {
			t.Errorf("%q: %s, want %s", c.in, got, c.want)
		}
	}
}
