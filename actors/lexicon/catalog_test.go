package lexicon

import (
	"bytes"
	"errors"
	"os/exec"
	"strings"
	"testing"

	"github.com/bluesky-social/indigo/atproto/syntax"
)

func TestEmbeddedIsFresh(t *testing.T) {
	generated, err := exec.Command("go", "run", "./generate", "-stdout").Output()
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(generated, embedded) {
		t.Error("catalog.ndjson is not what the generator makes: run go generate ./actors/lexicon")
	}
}

func TestEmbeddedMethods(t *testing.T) {
	c := Embedded()
	for _, want := range []struct {
		nsid   syntax.NSID
		kind   Kind
		input  string
		output string
	}{
		{"com.atproto.server.describeServer", Query, "", "application/json"},
		{"com.atproto.repo.createRecord", Procedure, "application/json", "application/json"},
		{"com.atproto.repo.uploadBlob", Procedure, "*/*", "application/json"},
		{"com.atproto.repo.importRepo", Procedure, "application/vnd.ipld.car", ""},
		{"com.atproto.server.activateAccount", Procedure, "", ""},
		{"com.atproto.sync.getRepo", Query, "", "application/vnd.ipld.car"},
		{"com.atproto.sync.subscribeRepos", Subscription, "", ""},
		{"app.bsky.actor.getPreferences", Query, "", "application/json"},
		{"app.bsky.notification.registerPush", Procedure, "application/json", ""},
	} {
		m, ok := c.Method(want.nsid)
		if !ok {
			t.Errorf("%s is missing", want.nsid)
			continue
		}
		if m.Kind != want.kind || m.Input != want.input || m.HasInput != (want.input != "") || m.Output != want.output {
			t.Errorf("%s: %+v", want.nsid, m)
		}
	}
	if _, ok := c.Method("com.atproto.repo.strongRef"); ok {
		t.Error("a document without a method counts as one")
	}
	m, _ := c.Method("com.atproto.repo.createRecord")
	if len(m.Errors) == 0 || m.Errors[0] != "InvalidSwap" {
		t.Errorf("errors %v", m.Errors)
	}
	all := c.Methods()
	for i := 1; i < len(all); i++ {
		if all[i-1].NSID >= all[i].NSID {
			t.Fatalf("%s before %s", all[i-1].NSID, all[i].NSID)
		}
	}
}

func TestEmbeddedRecords(t *testing.T) {
	c := Embedded()
	if n := len(c.records); n != 20 {
		t.Errorf("%d record types, want 20", n)
	}
	for _, nsid := range []syntax.NSID{"app.bsky.feed.post", "chat.bsky.actor.declaration", "com.germnetwork.declaration", "com.atproto.lexicon.schema"} {
		if !c.KnownRecord(nsid) {
			t.Errorf("%s is unknown", nsid)
		}
	}
	if c.KnownRecord("app.bsky.feed.getTimeline") || c.KnownRecord("com.example.thing") {
		t.Error("knows records that are none")
	}
}

func TestParseRefuses(t *testing.T) {
	def := func(main string) string { return `{"lexicon":1,"id":"com.example.a","defs":{"main":` + main + `}}` }
	for name, text := range map[string]string{
		"no JSON":             `{`,
		"bad id":              `{"lexicon":1,"id":"a","defs":{}}`,
		"dangling reference":  def(`{"type":"object","properties":{"a":{"type":"ref","ref":"com.example.b"}}}`),
		"dangling union":      def(`{"type":"object","properties":{"a":{"type":"union","refs":["#nope"]}}}`),
		"bare reference":      def(`{"type":"ref","ref":"#main"}`),
		"unknown type":        def(`{"type":"float"}`),
		"unknown format":      def(`{"type":"string","format":"email"}`),
		"required, undefined": def(`{"type":"object","required":["a"],"properties":{}}`),
		"array without items": def(`{"type":"array"}`),
		"enum of booleans":    def(`{"type":"boolean","enum":[true]}`),
		"wrong default":       def(`{"type":"integer","default":"x"}`),
		"object parameter":    def(`{"type":"query","parameters":{"type":"params","properties":{"a":{"type":"object"}}}}`),
		"record key":          def(`{"type":"record","key":"uuid","record":{"type":"object"}}`),
		"record of a string":  def(`{"type":"record","key":"tid","record":{"type":"string"}}`),
		"null definition":     def(`null`),
	} {
		if _, err := Parse([]byte(text)); err == nil {
			t.Errorf("%s: accepted", name)
		}
	}
	twice := []byte(def(`{"type":"object"}`))
	if _, err := Parse(twice, twice); err == nil {
		t.Error("the same document twice: accepted")
	}
}

func TestRecordKeys(t *testing.T) {
	c := Embedded()
	like := func() any {
		return map[string]any{"$type": "app.bsky.feed.like", "createdAt": "2026-01-02T03:04:05.000Z", "subject": map[string]any{
			"uri": "at://did:plc:ewvi7nxzyoun6zhxrhs64oiz/app.bsky.feed.post/3kznmn7xqxl22",
			"cid": "bafyreiclp443lavogvhj3d2ob2cxbfuscni2k5jk7bebjzg7khl3esabwq"}}
	}
	profile := map[string]any{"$type": "app.bsky.actor.profile"}
	schema := map[string]any{"$type": "com.atproto.lexicon.schema", "lexicon": int64(1)}
	generator := map[string]any{"$type": "app.bsky.feed.generator", "did": "did:web:example.com", "displayName": "x", "createdAt": "2026-01-02T03:04:05Z"}
	for _, test := range []struct {
		collection syntax.NSID
		rkey       syntax.RecordKey
		value      any
		ok         bool
	}{
		{"app.bsky.feed.like", "3kznmn7xqxl22", like(), true},
		{"app.bsky.feed.like", "", like(), true}, // a TID is minted later
		{"app.bsky.feed.like", "self", like(), false},
		{"app.bsky.actor.profile", "self", profile, true},
		{"app.bsky.actor.profile", "3kznmn7xqxl22", profile, false},
		{"app.bsky.actor.profile", "", profile, false}, // a minted TID would not be "self"
		{"com.atproto.lexicon.schema", "com.example.thing", schema, true},
		{"com.atproto.lexicon.schema", "3kznmn7xqxl22", schema, false},
		{"com.atproto.lexicon.schema", "", schema, false},
		{"app.bsky.feed.generator", "anything-at-all", generator, true},
	} {
		err := c.CheckRecord(test.collection, test.rkey, test.value)
		if (err == nil) != test.ok {
			t.Errorf("%s/%s: %v", test.collection, test.rkey, err)
		}
	}
	if err := c.CheckRecord("com.example.thing", "self", profile); !errors.Is(err, ErrUnknown) {
		t.Errorf("unknown collection: %v", err)
	}
}

func TestRecordMessages(t *testing.T) {
	c := Embedded()
	post := func(change func(map[string]any)) map[string]any {
		p := map[string]any{"$type": "app.bsky.feed.post", "text": "hi", "createdAt": "2026-01-02T03:04:05.000Z"}
		change(p)
		return p
	}
	for _, test := range []struct {
		name   string
		change func(map[string]any)
		want   string // "" = valid
	}{
		{"as it is", func(p map[string]any) {}, ""},
		{"extra property", func(p map[string]any) { p["com.example.extra"] = map[string]any{"a": int64(1)} }, ""},
		{"another type", func(p map[string]any) { p["$type"] = "app.bsky.feed.like" }, "Record/$type must be app.bsky.feed.post"},
		{"no type", func(p map[string]any) { delete(p, "$type") }, "Record/$type must be app.bsky.feed.post"},
		{"missing", func(p map[string]any) { delete(p, "createdAt") }, `Record must have the property "createdAt"`},
		{"null", func(p map[string]any) { p["createdAt"] = nil }, "Record/createdAt must be a string"},
		{"no time zone", func(p map[string]any) { p["createdAt"] = "2026-01-02T03:04:05" }, "Record/createdAt must be a valid datetime (RFC 3339 with a time zone)"},
		{"minus zero zone", func(p map[string]any) { p["createdAt"] = "2026-01-02T03:04:05-00:00" }, "Record/createdAt must be a valid datetime (RFC 3339 with a time zone)"},
		{"300 graphemes", func(p map[string]any) { p["text"] = strings.Repeat("é", 300) }, ""},
		{"301 graphemes", func(p map[string]any) { p["text"] = strings.Repeat("a", 301) }, "Record/text must not be longer than 300 graphemes"},
		{"CR LF is one grapheme", func(p map[string]any) { p["text"] = strings.Repeat("\r\n", 300) }, ""},
		{"flags are one grapheme of eight bytes", func(p map[string]any) { p["text"] = strings.Repeat("🇩🇪", 300) }, ""},
		{"3001 bytes in 300 graphemes", func(p map[string]any) {
			p["text"] = strings.Repeat("🇩🇪", 299) + strings.Repeat("👨‍👩‍👧‍👦", 25)
		}, "Record/text must not be longer than 3000 characters"},
		{"four languages", func(p map[string]any) { p["langs"] = []any{"en", "de", "fr", "ja"} }, "Record/langs must not have more than 3 elements"},
		{"not a language", func(p map[string]any) { p["langs"] = []any{"en", "-"} }, "Record/langs/1 must be a valid language tag (BCP 47)"},
		{"foreign embed", func(p map[string]any) { p["embed"] = map[string]any{"$type": "com.example.embed"} }, ""},
		{"embed without type", func(p map[string]any) { p["embed"] = map[string]any{} }, `Record/embed must be an object which includes the "$type" property`},
		{"embed with #main", func(p map[string]any) {
			p["embed"] = map[string]any{"$type": "app.bsky.embed.external#main", "external": map[string]any{}}
		}, `Record/embed/external must have the property "description"`},
		{"image that is a text", func(p map[string]any) {
			p["embed"] = map[string]any{"$type": "app.bsky.embed.images", "images": []any{map[string]any{"alt": "", "image": "x"}}}
		}, "Record/embed/images/0/image must be a blob ref"},
	} {
		err := c.CheckRecord("app.bsky.feed.post", "3kznmn7xqxl22", post(test.change))
		got := ""
		if err != nil {
			got = err.Error()
		}
		if got != test.want {
			t.Errorf("%s:\n got %q\nwant %q", test.name, got, test.want)
		}
	}
	if err := c.CheckRecord("app.bsky.feed.post", "3kznmn7xqxl22", "text"); err == nil {
		t.Error("a string passes for a record")
	}
}
