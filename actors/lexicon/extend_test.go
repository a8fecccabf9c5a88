package lexicon

import (
	"errors"
	"fmt"
	"strings"
	"testing"
)

const strangers = `{"lexicon":1,"id":"com.example.thing","defs":{
	"main":{"type":"record","key":"tid","record":{"type":"object","required":["subject","place"],"properties":{
		"subject":{"type":"ref","ref":"com.atproto.repo.strongRef"},
		"place":{"type":"ref","ref":"com.example.defs#place"},
		"mood":{"type":"union","refs":["#good","com.example.defs#bad"],"closed":true}}}},
	"good":{"type":"object","properties":{}}}}`

const strangersDefs = `{"lexicon":1,"id":"com.example.defs","defs":{
	"place":{"type":"object","required":["name"],"properties":{"name":{"type":"string","maxLength":3}}},
	"bad":{"type":"object","properties":{"inside":{"type":"ref","ref":"#bad"}}}}}`

func TestExtend(t *testing.T) {
	base := Embedded()
	refs, err := base.References([]byte(strangers))
	if err != nil || len(refs) != 1 || refs[0] != "com.example.defs" {
		t.Fatalf("references %v, %v", refs, err)
	}
	c, err := base.Extend([]byte(strangers), []byte(strangersDefs))
	if err != nil {
		t.Fatal(err)
	}
	if base.KnownRecord("com.example.thing") || !c.KnownRecord("com.example.thing") || c.KnownRecord("app.bsky.feed.post") {
		t.Error("an extension knows its own records, and the catalog does not learn them")
	}
	ref := map[string]any{"uri": "at://did:plc:ewvi7nxzyoun6zhxrhs64oiz/com.example.thing/a", "cid": "bafyreidfayvfuwqa7qlnopdjiqrxzs6blmoeu4rujcjtnci5beludirz2a"}
	for problem, change := range map[string]func(map[string]any){
		"":                              func(map[string]any) {},
		"Record/place/name must not":    func(v map[string]any) { v["place"] = map[string]any{"name": "long"} },
		"Record/subject must have":      func(v map[string]any) { v["subject"] = map[string]any{} },
		"Record must have the property": func(v map[string]any) { delete(v, "place") },
		"Record/mood $type must be one": func(v map[string]any) { v["mood"] = map[string]any{"$type": "com.example.other"} },
	} {
		v := map[string]any{"$type": "com.example.thing", "subject": ref, "place": map[string]any{"name": "abc"}, "mood": map[string]any{"$type": "com.example.defs#bad"}}
		change(v)
		err := c.CheckRecord("com.example.thing", "3jzfcijpj2z2a", v)
		if problem == "" && err != nil || problem != "" && (err == nil || !strings.HasPrefix(err.Error(), problem)) {
			t.Errorf("%v, want %q", err, problem)
		}
	}
}

// What a stranger wrote must not get into a catalog when it could take the place of something, lead nowhere, or make
// checking a record an attack.
func TestExtendRefuses(t *testing.T) {
	choices := strings.Repeat(`"x",`, maxChoices) + `"x"`
	defs := func(main string) string {
		return fmt.Sprintf(`{"lexicon":1,"id":"com.example.thing","defs":{"main":%s}}`, main)
	}
	for name, documents := range map[string][]string{
		"a document of the catalog": {`{"lexicon":1,"id":"com.atproto.repo.strongRef","defs":{"other":{"type":"object"}}}`},
		"another version":           {`{"lexicon":2,"id":"com.example.thing","defs":{}}`},
		"no JSON":                   {`{`},
		"no NSID":                   {`{"lexicon":1,"id":"thing","defs":{}}`},
		"twice":                     {defs(`{"type":"token"}`), defs(`{"type":"token"}`)},
		"a reference to nowhere":    {strangers},
		"null":                      {defs(`null`)},
		"a union that holds itself": {defs(`{"type":"union","refs":["#main"]}`)},
		"a union in a union":        {`{"lexicon":1,"id":"com.example.thing","defs":{"a":{"type":"union","refs":["#b"]},"b":{"type":"union","refs":["#a"]}}}`},
		"a reference to itself":     {defs(`{"type":"ref","ref":"#main"}`)},
		"a record beside main":      {`{"lexicon":1,"id":"com.example.thing","defs":{"a":{"type":"record","key":"any","record":{"type":"object"}}}}`},
		"a huge enum":               {defs(`{"type":"object","properties":{"a":{"type":"array","items":{"type":"string","enum":[` + choices + `]}}}}`)},
		"a huge accept list":        {defs(`{"type":"record","key":"any","record":{"type":"object","properties":{"a":{"type":"blob","accept":[` + choices + `]}}}}`)},
	} {
		t.Run(name, func(t *testing.T) {
			var all [][]byte
			for _, d := range documents {
				all = append(all, []byte(d))
			}
			if _, err := Embedded().Extend(all...); err == nil {
				t.Error("accepted")
			}
		})
	}
	if _, err := Embedded().References([]byte(defs(`{"type":"ref","ref":"not an nsid#a"}`))); err == nil {
		t.Error("a reference to no NSID is accepted")
	}
}

// Definitions of methods are of no use here, and what they refer to is not fetched.
func TestExtendPassesOverMethods(t *testing.T) {
	text := []byte(`{"lexicon":1,"id":"com.example.get","defs":{"main":{"type":"query","output":{"encoding":"application/json","schema":{"type":"ref","ref":"com.example.nowhere"}}},
		"part":{"type":"object","properties":{}}}}`)
	refs, err := Embedded().References(text)
	if err != nil || len(refs) != 0 {
		t.Errorf("references %v, %v", refs, err)
	}
	c, err := Embedded().Extend(text)
	if err != nil {
		t.Fatal(err)
	}
	if _, ok := c.Method("com.example.get"); ok {
		t.Error("a stranger's method became one of ours")
	}
}

// A schema with thousands of optional properties says the same whether it is gone through or the record is.
func TestSparseObjects(t *testing.T) {
	var b strings.Builder
	b.WriteString(`{"lexicon":1,"id":"com.example.wide","defs":{"main":{"type":"record","key":"any","record":{"type":"object","required":["p1","p9"],"nullable":["p3"],"properties":{"p0":{"type":"array","items":{"type":"ref","ref":"#inner"}}`)
	for i := 1; i < 3000; i++ {
		fmt.Fprintf(&b, `,"p%d":{"type":"integer","maximum":%d}`, i, i)
	}
	b.WriteString(`}}},"inner":{"type":"object","properties":{"q0":{"type":"integer"}`)
	for i := 1; i < 3000; i++ {
		fmt.Fprintf(&b, `,"q%d":{"type":"integer"}`, i)
	}
	b.WriteString(`}}}}`)
	c, err := Embedded().Extend([]byte(b.String()))
	if err != nil {
		t.Fatal(err)
	}
	inner := make([]any, 250_000) // at 2,999 look-ups each the test would not end
	for i := range inner {
		inner[i] = map[string]any{}
	}
	for _, step := range []struct {
		v    map[string]any
		want string
	}{
		{map[string]any{"p1": int64(1), "p9": int64(1), "p3": nil, "extra": "x"}, ""},
		{map[string]any{"p1": int64(1)}, `Record must have the property "p9"`},
		{map[string]any{"p1": int64(2), "p9": int64(1)}, "Record/p1 can not be greater than 1"},
		{map[string]any{"p1": int64(1), "p9": int64(1), "p4": nil}, "Record/p4 must be an integer"},
		{map[string]any{"p1": int64(1), "p9": int64(1), "p0": inner}, ""},
	} {
		step.v["$type"] = "com.example.wide"
		err := c.CheckRecord("com.example.wide", "a", step.v)
		var broken ErrInvalid
		if step.want == "" && err != nil || step.want != "" && (!errors.As(err, &broken) || broken.Message != step.want) {
			t.Errorf("%v, want %q", err, step.want)
		}
	}
}
