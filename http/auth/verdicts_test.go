package auth

import (
	"context"
	"crypto/sha256"
	"errors"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/bluesky-social/indigo/atproto/syntax"

	"troupe/actors/account"
	"troupe/actors/lexicon"
	"troupe/http/xrpc"
)

// signedIn asks as whoever a token says, through a route for sessions and one
// for sessions of taken-down accounts.
type signedIn struct {
	*Verifier
	now  time.Time
	http *xrpc.Server
}

func newSignedIn(t *testing.T) *signedIn {
	t.Helper()
	s := &signedIn{now: time.Unix(1_800_000_000, 0)}
	s.Verifier = &Verifier{Tokens: account.Tokens{
		Secret: []byte("a secret of this test, 32 bytes long"), ServiceDID: "did:web:pds.test", Now: func() time.Time { return s.now },
	}}
	answer := func(_ context.Context, who Session, _ xrpc.None) (map[string]syntax.DID, error) {
		return map[string]syntax.DID{"did": who.DID}, nil
	}
	s.http = xrpc.NewServer([]xrpc.Route{
		xrpc.Query("com.atproto.server.getSession", s.AsSession, answer),
		xrpc.Query("com.atproto.server.checkAccountStatus", s.AsLeaver, answer),
	}, lexicon.Embedded(), func(err error) *xrpc.Error {
		switch {
		case errors.Is(err, account.ErrExpiredToken):
			return &xrpc.Error{Status: 400, Name: "Expired"}
		case errors.Is(err, account.ErrBadScope):
			return &xrpc.Error{Status: 400, Name: "Scope"}
		case errors.Is(err, account.ErrInvalidToken):
			return &xrpc.Error{Status: 400, Name: "Invalid"}
		}
		return nil
	}, xrpc.Options{Log: slog.New(slog.DiscardHandler)})
	return s
}

func (s *signedIn) ask(method, token string) string {
	r := httptest.NewRequest(http.MethodGet, "/xrpc/com.atproto.server."+method, nil)
	r.Header.Set("Authorization", "Bearer "+token)
	w := httptest.NewRecorder()
	s.http.ServeHTTP(w, r)
	return w.Body.String()
}

func (s *signedIn) mint(t *testing.T, did syntax.DID, scope account.Scope) string {
	t.Helper()
	token, err := s.Tokens.MintAccess(did, scope)
	if err != nil {
		t.Fatal(err)
	}
	return token
}

// A token that is remembered is judged by time and scope like one that is not.
func TestRememberedTokens(t *testing.T) {
	s := newSignedIn(t)
	begin := s.now
	full := s.mint(t, "did:web:full.test", account.ScopeAccess)
	down := s.mint(t, "did:web:down.test", account.ScopeTakendown)
	for range 2 { // read, then remembered
		for _, c := range []struct {
			after  time.Duration
			method string
			token  string
			want   string
		}{
			{0, "getSession", full, `{"did":"did:web:full.test"}`},
			{0, "checkAccountStatus", full, `{"did":"did:web:full.test"}`},
			{0, "checkAccountStatus", down, `{"did":"did:web:down.test"}`},
			{0, "getSession", down, `"Scope"`},
			{account.AccessLifetime - time.Second, "getSession", full, `{"did":"did:web:full.test"}`},
			{account.AccessLifetime, "getSession", full, `"Expired"`},
			{account.AccessLifetime, "getSession", down, `"Expired"`},
			{-time.Minute, "getSession", full, `"Invalid"`},
			{-time.Second, "getSession", full, `{"did":"did:web:full.test"}`},
		} {
			s.now = begin.Add(c.after)
			if got := s.ask(c.method, c.token); !strings.Contains(got, c.want) {
				t.Errorf("%s after %v: %s, want %s", c.method, c.after, got, c.want)
			}
		}
	}
	if n := s.read.seen.Len(); n != 2 {
		t.Errorf("%d tokens are remembered, want 2", n)
	}
	if a, ok := s.read.seen.Get(sha256.Sum256([]byte(full))); !ok || a.DID != "did:web:full.test" {
		t.Errorf("remembered %+v, %v", a, ok)
	}
}

// Nothing that is refused is remembered, and nothing that resembles a
// remembered token passes for it.
func TestRefusedTokensAreForgotten(t *testing.T) {
	s := newSignedIn(t)
	good := s.mint(t, "did:web:full.test", account.ScopeAccess)
	other := s.Tokens
	other.Secret = []byte("guess")
	forged, err := other.MintAccess("did:web:full.test", account.ScopeAccess)
	if err != nil {
		t.Fatal(err)
	}
	s.ask("getSession", good)
	head, sig := good[:strings.LastIndexByte(good, '.')+1], forged[strings.LastIndexByte(forged, '.')+1:]
	for range 2 {
		for _, bad := range []string{forged, head + sig, head, good + "A", good[1:], "x"} {
			if got := s.ask("getSession", bad); !strings.Contains(got, `"Invalid"`) {
				t.Errorf("%.40q…: %s", bad, got)
			}
		}
	}
	if n := s.read.seen.Len(); n != 1 {
		t.Errorf("%d tokens are remembered, want 1", n)
	}
}
