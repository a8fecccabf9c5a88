package bsky

import (
	"bytes"
	"context"
	"errors"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	atid "github.com/bluesky-social/indigo/atproto/identity"
	"github.com/bluesky-social/indigo/atproto/syntax"

	"troupe/actors/account"
	"troupe/actors/lexicon"
	"troupe/actors/repo"
	"troupe/http/auth"
	"troupe/http/upstream"
	"troupe/http/xrpc"
)

// other is a service that writes down what it is asked.
type other struct {
	*httptest.Server
	asked  []string
	answer http.HandlerFunc
}

func newOther(t *testing.T) *other {
	t.Helper()
	o := &other{}
	o.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		o.asked = append(o.asked, strings.Join([]string{r.Method, r.URL.RequestURI(), r.Header.Get("Authorization"), r.Header.Get("Content-Type"), string(body)}, " "))
		o.answer(w, r)
	}))
	t.Cleanup(o.Close)
	return o
}

// front is the methods of this package before two services: the app view, which
// is down, and did:web:other.test#bsky_appview.
func front(t *testing.T, o *other, who auth.Insider) *xrpc.Server {
	t.Helper()
	up := upstream.New(upstream.Options{
		AppView: upstream.Named{DID: "did:web:view.test", URL: "http://127.0.0.1:1"}, AllowPrivate: true, AllowHTTP: true,
		Sign: func(_ context.Context, did syntax.DID, m repo.SignServiceAuth) (string, error) {
			return did.String() + "/" + m.Audience + "/" + m.Lexicon.String(), nil
		},
		Resolve: func(_ context.Context, did syntax.DID) (*atid.DIDDocument, error) {
			return &atid.DIDDocument{DID: did, Service: []atid.DocService{{ID: "#bsky_appview", Type: "BskyAppView", ServiceEndpoint: o.URL}}}, nil
		},
	})
	t.Cleanup(up.Close)
	s := &Service{Upstream: up, Index: account.NewIndex(), Lexicons: lexicon.Embedded(), Logger: slog.New(slog.DiscardHandler)}
	actor := Actor{s}
	return xrpc.NewServer([]xrpc.Route{
		xrpc.Query("app.bsky.actor.getPreferences", func(*xrpc.Call) (auth.Insider, error) { return who, nil }, actor.GetPreferences),
		xrpc.Procedure("app.bsky.actor.putPreferences", func(*xrpc.Call) (auth.Session, error) { return who.Session, nil }, actor.PutPreferences),
		xrpc.Query("app.bsky.actor.getProfile", func(*xrpc.Call) (auth.Session, error) { return who.Session, nil }, actor.GetProfile),
	}, lexicon.Embedded(), func(err error) *xrpc.Error {
		var refused *upstream.Refusal
		if errors.As(err, &refused) {
			return refused.Public()
		}
		return nil
	}, xrpc.Options{Log: slog.New(slog.DiscardHandler)})
}

// Preferences that another service keeps are read and put there, on behalf of
// the account, and what it says is the answer.
func TestPreferencesOfAnotherService(t *testing.T) {
	o := newOther(t)
	x := front(t, o, auth.Insider{Session: auth.Session{DID: alice, Scope: account.ScopeAppPass}})
	const token = "Bearer " + string(alice) + "/did:web:other.test/app.bsky.actor."
	for _, c := range []struct {
		verb, method, body string
		status             int    // of the other service
		answer             string // its, and the client's
		asked              string
		want               int
	}{
		{"GET", "getPreferences", "", 200, `{"preferences":[{"$type":"x.y.z"}]}`, "GET /xrpc/app.bsky.actor.getPreferences " + token + "getPreferences  ", 200},
		{"GET", "getPreferences", "", 400, `{"error":"Other","message":"no"}`, "GET /xrpc/app.bsky.actor.getPreferences " + token + "getPreferences  ", 400},
		{"POST", "putPreferences", `{"preferences":[{"$type":"com.example.any"}], "x":1}`, 200, "", "POST /xrpc/app.bsky.actor.putPreferences " + token + `putPreferences application/json {"preferences":[{"$type":"com.example.any"}], "x":1}`, 200},
		{"POST", "putPreferences", `{"preferences":[]}`, 400, `{"error":"Other","message":"no"}`, "POST /xrpc/app.bsky.actor.putPreferences " + token + `putPreferences application/json {"preferences":[]}`, 400},
	} {
		o.asked = nil
		o.answer = func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Type", "application/json")
			w.WriteHeader(c.status)
			io.WriteString(w, c.answer)
		}
		r := httptest.NewRequest(c.verb, "/xrpc/app.bsky.actor."+c.method, strings.NewReader(c.body))
		if c.body == "" {
			r.Body = http.NoBody
		}
		r.Header.Set("Content-Type", "application/json")
		r.Header.Set("Atproto-Proxy", "did:web:other.test#bsky_appview")
		w := httptest.NewRecorder()
		x.ServeHTTP(w, r)
		if w.Code != c.want || strings.TrimSpace(w.Body.String()) != c.answer {
			t.Errorf("%s: %d %s", c.method, w.Code, w.Body)
		}
		if len(o.asked) != 1 || o.asked[0] != c.asked {
			t.Errorf("%s: asked %q, want %q", c.method, o.asked, c.asked)
		}
	}
}

// A moderator reads what is kept here, and is not sent on in anybody's name.
func TestModeratorsAreNotSentOn(t *testing.T) {
	o := newOther(t)
	x := front(t, o, auth.Insider{Moderator: true})
	r := httptest.NewRequest("GET", "/xrpc/app.bsky.actor.getPreferences?did="+alice.String(), nil)
	r.Header.Set("Atproto-Proxy", "did:web:other.test#bsky_appview")
	w := httptest.NewRecorder()
	x.ServeHTTP(w, r)
	if w.Code != 400 || len(o.asked) > 0 {
		t.Errorf("%d %s, asked %q", w.Code, w.Body, o.asked)
	}
}

// What goes wrong while an answer is changed goes no further: the mistakes of
// this program neither.
func TestMakeSurvivesItself(t *testing.T) {
	var log bytes.Buffer
	s := &Service{Logger: slog.New(slog.NewTextHandler(&log, nil))}
	x := xrpc.NewServer([]xrpc.Route{
		xrpc.Query("app.bsky.actor.getProfile", func(*xrpc.Call) (auth.Nobody, error) { return auth.Nobody{}, nil },
			func(ctx context.Context, _ auth.Nobody, _ xrpc.None) (xrpc.Stream, error) {
				for _, fn := range []func() ([]byte, error){
					func() ([]byte, error) { panic("some mistake") },
					func() ([]byte, error) { return nil, errDown },
				} {
					if made, err := s.make(ctx, alice, fn); made != nil || err == nil {
						t.Errorf("%s %v", made, err)
					}
				}
				if made, err := s.make(ctx, alice, func() ([]byte, error) { return []byte("x"), nil }); string(made) != "x" || err != nil {
					t.Errorf("%s %v", made, err)
				}
				return xrpc.Stream{}, nil
			}),
	}, lexicon.Embedded(), nil, xrpc.Options{Log: slog.New(slog.DiscardHandler)})
	x.ServeHTTP(httptest.NewRecorder(), httptest.NewRequest("GET", "/xrpc/app.bsky.actor.getProfile?actor=a.test", nil))
	if got := log.String(); strings.Count(got, "level=") != 2 || !strings.Contains(got, "some mistake") || !strings.Contains(got, errDown.Error()) {
		t.Errorf("logged %s", got)
	}
}

func TestJSONBody(t *testing.T) {
	for kind, want := range map[string]bool{
		"": true, "application/json": true, "Application/JSON; charset=utf-8": true, "application/problem+json": true,
		"text/html": false, "application/jsonl": false, "text/json": false, "application/cbor": false,
	} {
		if got := jsonBody(http.Header{"Content-Type": {kind}}); got != want {
			t.Errorf("%q: %v", kind, got)
		}
	}
}
