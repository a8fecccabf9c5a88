package xrpc_test

import (
	"bytes"
	"context"
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/bluesky-social/indigo/atproto/syntax"

	"troupe/actors/lexicon"
	"troupe/http/xrpc"
)

func query[P, O any](nsid string) xrpc.Route {
	return xrpc.Query(nsid, asAnyone, func(context.Context, nobody, P) (o O, err error) { return o, err })
}

func procedure[I, O any](nsid string) xrpc.Route {
	return xrpc.Procedure(nsid, asAnyone, func(context.Context, nobody, I) (o O, err error) { return o, err })
}

func rated(r xrpc.Rate) xrpc.Route {
	return xrpc.Procedure("com.atproto.server.activateAccount", asAnyone, func(context.Context, nobody, xrpc.None) (o xrpc.None, err error) { return o, err }, xrpc.Rates(r))
}

// Routes that disagree with their lexicon do not get as far as serving.
func TestRoutesAreHeldToTheirLexicons(t *testing.T) {
	type none = xrpc.None
	type answer struct{}
	for name, route := range map[string]xrpc.Route{
		"no lexicon":                    query[none, answer]("com.atproto.server.makeCoffee"),
		"document without a method":     query[none, answer]("com.atproto.repo.strongRef"),
		"query of a procedure":          query[none, answer]("com.atproto.repo.createRecord"),
		"procedure of a query":          procedure[none, answer]("com.atproto.repo.getRecord"),
		"no output where there is one":  query[none, none]("com.atproto.server.describeServer"),
		"output where there is none":    procedure[none, answer]("com.atproto.server.activateAccount"),
		"JSON where a stream belongs":   query[none, answer]("com.atproto.sync.getRepo"),
		"no input where there is one":   procedure[none, answer]("com.atproto.repo.createRecord"),
		"input where there is none":     procedure[answer, none]("com.atproto.server.activateAccount"),
		"JSON input where bytes belong": procedure[answer, answer]("com.atproto.repo.uploadBlob"),
		"rate by account of nobody":     rated(xrpc.Rate{Points: 1, Window: time.Hour, Cost: 1, By: xrpc.RateByAccount}),
		"rate by a name of nobody":      rated(xrpc.Rate{Points: 1, Window: time.Hour, Cost: 1, By: xrpc.RateByName}),
		"rate by that and an address":   rated(xrpc.Rate{Points: 1, Window: time.Hour, Cost: 1, By: xrpc.RateByNameClient}),
		"rate without a cost":           rated(xrpc.Rate{Points: 1, Window: time.Hour}),
		"rate without points":           rated(xrpc.Rate{Window: time.Hour, Cost: 1}),
		"rate without a window":         rated(xrpc.Rate{Points: 1, Cost: 1}),
		"rate of no call at all":        rated(xrpc.Rate{Points: 2, Window: time.Hour, Cost: 3}),
		"parameter nobody knows": query[struct {
			X string `query:"nope"`
		}, answer]("com.atproto.repo.getRecord"),
		"field without a tag": query[struct{ Repo string }, answer]("com.atproto.repo.getRecord"),
		"integer into a string": query[struct {
			X string `query:"limit"`
		}, answer]("com.atproto.repo.listRecords"),
		"string into an integer": query[struct {
			X int `query:"repo"`
		}, answer]("com.atproto.repo.listRecords"),
		"array into a scalar": query[struct {
			X string `query:"cids"`
		}, xrpc.Stream]("com.atproto.sync.getBlocks"),
		"scalar into an array": query[struct {
			X []string `query:"repo"`
		}, answer]("com.atproto.repo.getRecord"),
		"boolean into a pointer to text": query[struct {
			X *string `query:"reverse"`
		}, answer]("com.atproto.repo.listRecords"),
		"parameters that are no struct": query[string, answer]("com.atproto.repo.getRecord"),
		"type that takes no text": query[struct {
			X http.Header `query:"repo"`
		}, answer]("com.atproto.repo.getRecord"),
	} {
		t.Run(name, func(t *testing.T) {
			defer func() {
				if recover() == nil {
					t.Error("accepted")
				}
			}()
			xrpc.NewServer([]xrpc.Route{route}, lexicon.Embedded(), nil, xrpc.Options{})
		})
	}
	t.Run("twice", func(t *testing.T) {
		defer func() {
			if recover() == nil {
				t.Error("accepted")
			}
		}()
		r := query[none, answer]("com.atproto.server.describeServer")
		xrpc.NewServer([]xrpc.Route{r, r}, lexicon.Embedded(), nil, xrpc.Options{})
	})
}

// even is a type whose syntax no lexicon format checks.
type even string

func (e *even) UnmarshalText(b []byte) error {
	if len(b)%2 != 0 {
		return io.ErrUnexpectedEOF
	}
	*e = even(b)
	return nil
}

// A field of a type that the lexicon's format does not vouch for parses for itself.
func TestTypedParameters(t *testing.T) {
	type params struct {
		Repo       syntax.DID  `query:"repo"` // the lexicon promises an at-identifier only
		Collection syntax.NSID `query:"collection"`
		Cursor     even        `query:"cursor"`
		Limit      int8        `query:"limit"`
		Reverse    bool        `query:"reverse"`
	}
	var got params
	route := xrpc.Query("com.atproto.repo.listRecords", asAnyone, func(_ context.Context, _ nobody, p params) (struct{}, error) {
		got = p
		return struct{}{}, nil
	})
	s := xrpc.NewServer([]xrpc.Route{route}, lexicon.Embedded(), nil, xrpc.Options{Log: quiet})
	for target, status := range map[string]int{
		"?repo=did:web:a.com&collection=a.b.c&cursor=ab&limit=3&reverse=true": 200,
		"?repo=a.com&collection=a.b.c":                                        400,
		"?repo=did:web:a.com&collection=x":                                    400,
		"?repo=did:web:a.com&collection=a.b.c&cursor=abc":                     400,
	} {
		w := httptest.NewRecorder()
		s.ServeHTTP(w, httptest.NewRequest("GET", "/xrpc/com.atproto.repo.listRecords"+target, nil))
		if w.Code != status {
			t.Errorf("%s: %d %s", target, w.Code, w.Body)
		}
	}
	if (got != params{"did:web:a.com", "a.b.c", "ab", 3, true}) {
		t.Errorf("%+v", got)
	}
}

func TestBodyDefaults(t *testing.T) {
	type input struct {
		CodeCount int      `json:"codeCount"`
		UseCount  int      `json:"useCount"`
		Accounts  []string `json:"forAccounts"`
	}
	var got input
	route := xrpc.Procedure("com.atproto.server.createInviteCodes", asAnyone, func(_ context.Context, _ nobody, in input) (struct{}, error) {
		got = in
		return struct{}{}, nil
	})
	s := xrpc.NewServer([]xrpc.Route{route}, lexicon.Embedded(), nil, xrpc.Options{Log: quiet})
	for body, want := range map[string]int{`{"useCount":2}`: 1, `{"useCount":2,"codeCount":5}`: 5} {
		r := httptest.NewRequest("POST", "/xrpc/com.atproto.server.createInviteCodes", strings.NewReader(body))
		r.Header.Set("Content-Type", "application/json")
		s.ServeHTTP(httptest.NewRecorder(), r)
		if got.CodeCount != want || got.UseCount != 2 {
			t.Errorf("%s: %+v", body, got)
		}
	}
}

func TestCallOfOutside(t *testing.T) {
	if c := xrpc.CallOf(context.Background()); c != nil {
		t.Errorf("%+v", c)
	}
	xrpc.Fail(httptest.NewRequest("GET", "/", nil), io.EOF) // does nothing
}

func TestCORSWrapper(t *testing.T) {
	h := xrpc.CORS(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { _, _ = io.WriteString(w, "x") }))
	for verb, want := range map[string]string{"GET": "x", "OPTIONS": ""} {
		w := httptest.NewRecorder()
		h.ServeHTTP(w, httptest.NewRequest(verb, "/anything", nil))
		if w.Body.String() != want || w.Header().Get("Access-Control-Allow-Origin") != "*" {
			t.Errorf("%s: %q %v", verb, w.Body, w.Header())
		}
	}
}

// FuzzBody sends arbitrary bytes through every decoder: the answer is an XRPC error or a 200, never a 500.
func FuzzBody(f *testing.F) {
	fake := newFake(f, nil)
	for _, seed := range []string{`{"text":"a"}`, gz(`{"text":"a"}`), br(`{"text":"a"}`), deflated(`{"text":"a"}`), "\x78", "\x1f\x8b", ""} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, body []byte) {
		for _, coding := range []string{"", "gzip", "deflate", "br"} {
			r := httptest.NewRequest("POST", "/xrpc/com.example.echo", bytes.NewReader(body))
			r.Header.Set("Content-Type", "application/json")
			r.Header.Set("Content-Length", "1")
			if coding != "" {
				r.Header.Set("Content-Encoding", coding)
			}
			w := httptest.NewRecorder()
			fake.xrpc.ServeHTTP(w, r)
			if w.Code >= 500 || !json.Valid(w.Body.Bytes()) {
				t.Fatalf("%q in %q: %d %s", body, coding, w.Code, w.Body)
			}
		}
	})
}

func BenchmarkServer(b *testing.B) {
	f := newFake(b, func(o *xrpc.Options) { o.Log, o.CheckOutput = quiet, false })
	for _, row := range []struct{ name, verb, target, body string }{
		{"query", "GET", "/xrpc/com.example.ping?did=did:web:a.com&limit=3", ""},
		{"procedure", "POST", "/xrpc/com.example.echo", `{"text":"` + strings.Repeat("x", 300) + `"}`},
		{"record", "POST", "/xrpc/com.example.record", `{"record":{"$type":"app.bsky.feed.post","text":"` + strings.Repeat("x", 250) + `"}}`},
		{"large record", "POST", "/xrpc/com.example.record", `{"record":{"$type":"app.bsky.feed.post","text":"` + strings.Repeat("x", 900_000) + `"}}`},
	} {
		b.Run(row.name, func(b *testing.B) {
			b.ReportAllocs()
			reportCPU(b)
			for b.Loop() {
				r := httptest.NewRequest(row.verb, row.target, strings.NewReader(row.body))
				r.Header.Set("Content-Type", "application/json")
				r.Header.Set("Content-Length", "1")
				w := httptest.NewRecorder()
				f.xrpc.ServeHTTP(w, r)
				if w.Code != 200 {
					b.Fatal(w.Body)
				}
			}
		})
	}
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
