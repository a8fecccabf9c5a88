package lexicon

import (
	"encoding/json"
	"strings"
	"syscall"
	"testing"

	"github.com/bluesky-social/indigo/atproto/syntax"
)

const createPost = `{"repo":"did:plc:ewvi7nxzyoun6zhxrhs64oiz","collection":"app.bsky.feed.post","record":{"$type":"app.bsky.feed.post","text":"hello world, this is a post of some length","createdAt":"2026-11-22T10:00:00.000Z","langs":["en"]}}`

func TestCheckJSON(t *testing.T) {
	const proto = `Input must not have the property "__proto__"`
	for _, test := range []struct {
		nsid syntax.NSID
		body string
		want string // "" = valid
	}{
		{"com.atproto.repo.createRecord", createPost, ""},
		{"com.atproto.repo.createRecord", " \n\t" + createPost + "\r\n", ""},
		{"com.atproto.repo.createRecord", ``, `Input must have the property "collection"`},
		{"com.atproto.repo.createRecord", `[]`, "Input must be an object"},
		{"com.atproto.repo.createRecord", `null`, "Input must be an object"},
		{"com.atproto.repo.createRecord", `"x"`, "Input must be an object"},
		{"com.atproto.repo.createRecord", `{"repo":"not an id","collection":"app.bsky.feed.post","record":{}}`, "Input/repo must be a valid at-identifier"},
		{"com.atproto.repo.createRecord", `{"repo":"a.com","collection":"x","record":{}}`, "Input/collection must be a valid nsid"},
		{"com.atproto.repo.createRecord", `{"repo":"a.com","collection":"a.b.c","record":[]}`, "Input/record must be an object"},
		{"com.atproto.repo.createRecord", `{"repo":"a.com","collection":"a.b.c","record":null}`, "Input/record must be an object"},
		{"com.atproto.repo.createRecord", `{"repo":"a.com","collection":"a.b.c","record":{},"rkey":"a/b"}`, "Input/rkey must be a valid record key"},
		{"com.atproto.repo.createRecord", `{"repo":"a.com","collection":"a.b.c","record":{},"validate":1}`, "Input/validate must be a boolean"},
		{"com.atproto.repo.createRecord", `{"repo":"a.com","collection":"a.b.c","record":{},"swapCommit":"x"}`, "Input/swapCommit must be a cid string"},
		{"com.atproto.repo.createRecord", `{"repo":"a.com","collection":"a.b.c","record":{},"swapCommit":null}`, "Input/swapCommit must be a string"},
		{"com.atproto.repo.createRecord", `{"repo":"a.com","collection":"a.b.c","record":{},"extra":{"a":[1,2.5,null]}}`, ""},
		{"com.atproto.repo.createRecord", `{"repo":"a.com","repo":"b.com","collection":"a.b.c","record":{}}`, "Input has a duplicate property"},
		{"com.atproto.repo.createRecord", `{"repo":"a.com","Repo":"%%","collection":"a.b.c","record":{}}`, "Input has a property that differs from a declared one only in case"},
		{"com.atproto.repo.createRecord", `{"repo":"a.com","ſwapCommit":"%%","collection":"a.b.c","record":{}}`, "Input has a property that differs from a declared one only in case"},
		{"com.atproto.repo.createRecord", `{"repo":"a.com","__proto__":{},"collection":"a.b.c","record":{}}`, proto},
		{"com.atproto.repo.createRecord", `{"repo":"a.com","__prot\u006f__":{},"collection":"a.b.c","record":{}}`, proto},
		{"com.atproto.repo.createRecord", createPost[:len(createPost)-1], "Input is not valid JSON"},
		{"com.atproto.repo.createRecord", createPost + "x", "Input is not valid JSON"},
		{"com.atproto.repo.createRecord", `{"repo":"a.com","collection":"a.b.c","record":{"a":tru}}`, "Input is not valid JSON"},
		{"com.atproto.repo.createRecord", "{\"repo\":\"a.com\xff\"}", "Input is not valid JSON"},
		{"com.atproto.repo.putRecord", `{"repo":"a.com","collection":"a.b.c","rkey":"self","record":{},"swapRecord":null}`, ""},
		{"com.atproto.repo.applyWrites", `{"repo":"a.com","writes":[{"$type":"com.atproto.repo.applyWrites#create","collection":"a.b.c","value":{"x":{}}}]}`, ""},
		{"com.atproto.repo.applyWrites", `{"repo":"a.com","writes":[{"collection":"a.b.c","value":{},"$type":"com.atproto.repo.applyWrites#create"}]}`, ""},
		{"com.atproto.repo.applyWrites", `{"repo":"a.com","writes":[{"$type":"com.atproto.repo.applyWrites#create","collection":"x","value":{}}]}`, "Input/writes/0/collection must be a valid nsid"},
		{"com.atproto.repo.applyWrites", `{"repo":"a.com","writes":[{"$type":"com.atproto.repo.applyWrites#delete","collection":"a.b.c"}]}`, `Input/writes/0 must have the property "rkey"`},
		{"com.atproto.repo.applyWrites", `{"repo":"a.com","writes":[{"$type":"a.b.c"}]}`, "Input/writes/0 $type must be one of com.atproto.repo.applyWrites#create, com.atproto.repo.applyWrites#update, com.atproto.repo.applyWrites#delete"},
		{"com.atproto.repo.applyWrites", `{"repo":"a.com","writes":[{}]}`, `Input/writes/0 must be an object which includes the "$type" property`},
		{"com.atproto.repo.applyWrites", `{"repo":"a.com","writes":{}}`, "Input/writes must be an array"},
		{"com.atproto.server.createSession", `{"identifier":"\ud83d\ude00 \ud83d","password":"\u0000\"\\\/\b\f\n\r\t"}`, ""},
		{"com.atproto.server.createSession", `{"identifier":"\x","password":""}`, "Input is not valid JSON"},
		{"com.atproto.server.createInviteCode", `{"useCount":1.0}`, ""},
		{"com.atproto.server.createInviteCode", `{"useCount":1.5}`, "Input/useCount must be an integer"},
		{"com.atproto.server.createInviteCode", `{"useCount":1e400}`, "Input/useCount must be an integer"},
		{"com.atproto.server.createInviteCode", `{"useCount":9223372036854775808}`, "Input/useCount must be an integer"},
		{"com.atproto.server.createInviteCode", `{"useCount":01}`, "Input is not valid JSON"},
		{"com.atproto.server.createInviteCode", `{"useCount":-}`, "Input is not valid JSON"},
		{"com.atproto.server.createInviteCodes", `{"useCount":1}`, ""}, // codeCount is required and has a default
		{"com.atproto.server.createInviteCodes", `{"codeCount":1}`, `Input must have the property "useCount"`},
		{"com.atproto.server.deactivateAccount", `{}`, ""},
		{"com.atproto.server.deactivateAccount", ``, ""},
		{"com.atproto.server.deactivateAccount", `{"deleteAfter":"tomorrow"}`, "Input/deleteAfter must be a valid datetime (RFC 3339 with a time zone)"},
		{"com.atproto.server.requestPasswordReset", `{"email":["a"]}`, "Input/email must be a string"},
		{"com.atproto.repo.uploadBlob", `{"any":1}`, ""},
	} {
		m, ok := Embedded().Method(test.nsid)
		if !ok {
			t.Fatalf("no method %s", test.nsid)
		}
		got := ""
		if err := m.CheckJSON([]byte(test.body)); err != nil {
			got = err.Error()
		}
		if got != test.want {
			t.Errorf("%s %s:\n got %q\nwant %q", test.nsid, test.body, got, test.want)
		}
	}
}

func TestCheckJSONDepth(t *testing.T) {
	m, _ := Embedded().Method("com.atproto.repo.createRecord")
	nested := func(open, end string, n int) []byte {
		return []byte(`{"repo":"a.com","collection":"a.b.c","record":{"x":` + strings.Repeat(open, n) + strings.Repeat(end, n) + `}}`)
	}
	if err := m.CheckJSON(nested("[", "]", MaxDepth-2)); err != nil {
		t.Errorf("at the limit: %v", err)
	}
	for _, body := range [][]byte{
		nested("[", "]", MaxDepth-1),
		nested(`{"a":`, "}", MaxDepth),
		nested("[", "]", 1_000_000),
		[]byte(strings.Repeat("[", 1_000_000)),
		[]byte(strings.Repeat(`{"record":`, 1_000_000)),
	} {
		if err := m.CheckJSON(body); err == nil || err.Error() != "Input is nested too deeply" {
			t.Errorf("%.60s…: %v", body, err)
		}
	}
}

func TestCheckInputOfDecodedBodies(t *testing.T) {
	m, _ := Embedded().Method("com.atproto.repo.createRecord")
	var body any
	if err := json.Unmarshal([]byte(createPost), &body); err != nil {
		t.Fatal(err)
	}
	if err := m.CheckInput(body); err != nil {
		t.Error(err)
	}
	body.(map[string]any)["repo"] = 1.0
	if err := m.CheckInput(body); err == nil || err.Error() != "Input/repo must be a string" {
		t.Error(err)
	}
}

// JSON bodies spell links, bytes and blobs as objects; the same schema takes both spellings.
func TestJSONSpellings(t *testing.T) {
	c, err := Parse([]byte(`{"lexicon":1,"id":"com.example.put","defs":{"main":{"type":"procedure","input":{"encoding":"application/json",
		"schema":{"type":"object","properties":{"link":{"type":"cid-link"},"bytes":{"type":"bytes","maxLength":3},"blob":{"type":"blob","accept":["image/*"],"maxSize":10}}}}}}}`))
	if err != nil {
		t.Fatal(err)
	}
	m, _ := c.Method("com.example.put")
	const link = `{"$link":"bafyreiclp443lavogvhj3d2ob2cxbfuscni2k5jk7bebjzg7khl3esabwq"}`
	for body, want := range map[string]string{
		`{"link":` + link + `}`:             "",
		`{"link":{"$link":"x"}}`:            "Input/link must be a CID",
		`{"link":{"$link":"x","more":1}}`:   "Input/link must be a CID",
		`{"link":"x"}`:                      "Input/link must be a CID",
		`{"bytes":{"$bytes":"YWJj"}}`:       "",
		`{"bytes":{"$bytes":"YQ=="}}`:       "",
		`{"bytes":{"$bytes":"YQ"}}`:         "",
		`{"bytes":{"$bytes":"YWJjZA"}}`:     "Input/bytes must not be larger than 3 bytes",
		`{"bytes":{"$bytes":"***"}}`:        "Input/bytes must be a byte array",
		`{"bytes":{"$bytes":"YQ","b":"1"}}`: "Input/bytes must be a byte array",
		`{"blob":{"$type":"blob","ref":` + link + `,"mimeType":"image/png","size":10}}`:                         "",
		`{"blob":{"$type":"blob","ref":` + link + `,"mimeType":"image/png","size":11}}`:                         "Input/blob must be a blob of at most 10 bytes",
		`{"blob":{"$type":"blob","ref":` + link + `,"mimeType":"text/html","size":1}}`:                          "Input/blob must be a blob of type image/*, not text/html",
		`{"blob":{"$type":"blob","ref":` + link + `,"mimeType":"image/png","size":-1}}`:                         "Input/blob must be a blob ref",
		`{"blob":{"$type":"blob","ref":` + link + `,"mimeType":"image/png","size":1,"extra":1}}`:                "Input/blob must be a blob ref",
		`{"blob":{"cid":"bafyreiclp443lavogvhj3d2ob2cxbfuscni2k5jk7bebjzg7khl3esabwq","mimeType":"image/png"}}`: "Input/blob must be a blob ref",
	} {
		got := ""
		if err := m.CheckJSON([]byte(body)); err != nil {
			got = err.Error()
		}
		if got != want {
			t.Errorf("%s:\n got %q\nwant %q", body, got, want)
		}
	}
}

func TestDefaults(t *testing.T) {
	m, _ := Embedded().Method("com.atproto.server.createInviteCodes")
	if got := string(m.Defaults()); got != `{"codeCount":1}` {
		t.Errorf("got %s", got)
	}
	m, _ = Embedded().Method("com.atproto.repo.createRecord")
	if got := m.Defaults(); got != nil {
		t.Errorf("got %s", got)
	}
}

func TestTakes(t *testing.T) {
	blob, _ := Embedded().Method("com.atproto.repo.uploadBlob")
	repo, _ := Embedded().Method("com.atproto.repo.importRepo")
	none, _ := Embedded().Method("com.atproto.server.activateAccount")
	for _, test := range []struct {
		m    *Method
		mime string
		want bool
	}{
		{blob, "image/png", true}, {blob, "", false},
		{repo, "application/vnd.ipld.car", true}, {repo, "application/json", false},
		{none, "application/json", false},
	} {
		if got := test.m.Takes(test.mime); got != test.want {
			t.Errorf("%s %q: %v", test.m.NSID, test.mime, got)
		}
	}
}

// FuzzReader holds our JSON reader to encoding/json: what it accepts is valid, what it refuses is invalid or has one of
// the faults that we refuse on purpose; and strings come out alike.
func FuzzReader(f *testing.F) {
	for _, seed := range []string{createPost, `{"a":"\ud800\udc00\ud800x"}`, `[1,-0,1e5,0.1,"\u00e9"]`, `{"a":{"a":1},"a":2}`, "\"\xff\"", ` {} `, `{"a" : [ ] }`, `-`, `"\u12g4"`, `tru`, `{"a":1,}`} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		r := reader{text: text}
		got, err := r.document(nil)
		skipping := reader{text: text}
		skipping.space()
		skipErr := skipping.skip()
		skipping.space()
		if skipErr == nil && skipping.at != len(text) {
			skipErr = errSyntax
		}
		if len(strings.TrimSpace(string(text))) == 0 {
			return
		}
		if err == nil && (!json.Valid(text) || skipErr != nil) {
			t.Fatalf("accepts %q (skip: %v)", text, skipErr)
		}
		if err == errSyntax && json.Valid(text) && strings.ToValidUTF8(string(text), "") == string(text) {
			t.Fatalf("refuses %q", text)
		}
		if s, ok := got.(string); ok && err == nil {
			var want string
			if json.Unmarshal(text, &want) != nil || s != want {
				t.Fatalf("reads %q as %q, not %q", text, s, want)
			}
		}
	})
}

// The budget of a write: body and record of a small post within 20 µs together.
func BenchmarkCreateRecord(b *testing.B) {
	m, _ := Embedded().Method("com.atproto.repo.createRecord")
	record := map[string]any{"$type": "app.bsky.feed.post", "text": "hello world, this is a post of some length",
		"createdAt": "2026-11-22T10:00:00.000Z", "langs": []any{"en"}}
	body := []byte(createPost)
	b.Run("body", func(b *testing.B) {
		b.ReportAllocs()
		reportCPU(b)
		for b.Loop() {
			if err := m.CheckJSON(body); err != nil {
				b.Fatal(err)
			}
		}
	})
	b.Run("record", func(b *testing.B) {
		b.ReportAllocs()
		reportCPU(b)
		for b.Loop() {
			if err := Embedded().CheckRecord("app.bsky.feed.post", "3kznmn7xqxl22", record); err != nil {
				b.Fatal(err)
			}
		}
	})
}

func BenchmarkCompile(b *testing.B) {
	for b.Loop() {
		if _, err := Parse(splitLines(embedded)...); err != nil {
			b.Fatal(err)
		}
	}
}

func splitLines(b []byte) (lines [][]byte) {
	for line := range strings.SplitSeq(strings.TrimSpace(string(b)), "\n") {
		lines = append(lines, []byte(line))
	}
	return lines
}

// reportCPU adds processor time per operation, which says more than wall time on a busy machine.
func reportCPU(b *testing.B) {
	var before syscall.Rusage
	_ = syscall.Getrusage(syscall.RUSAGE_SELF, &before)
	b.Cleanup(func() {
		var after syscall.Rusage
		_ = syscall.Getrusage(syscall.RUSAGE_SELF, &after)
		spent := after.Utime.Nano() - before.Utime.Nano() + after.Stime.Nano() - before.Stime.Nano()
		b.ReportMetric(float64(spent)/1000/float64(b.N), "cpu-µs/op")
	})
}
