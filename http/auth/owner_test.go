package auth

import (
	"context"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	"github.com/bluesky-social/indigo/atproto/syntax"

	"troupe/actors/account"
	"troupe/actors/lexicon"
	"troupe/http/xrpc"
)

// What replaces a whole repository takes the account's own password: an app
// password, and the session of a taken-down account, are refused.
func TestAsFull(t *testing.T) {
	v := &Verifier{Tokens: account.Tokens{Secret: []byte("a secret of this test, 32 bytes long"), ServiceDID: "did:web:pds.test", Now: time.Now}}
	var asked syntax.DID
	s := xrpc.NewServer([]xrpc.Route{
		xrpc.Query("com.atproto.server.getSession", v.AsFull, func(_ context.Context, who Owner, _ xrpc.None) (map[string]string, error) {
			asked = who.DID
			return nil, nil
		}),
	}, lexicon.Embedded(), func(error) *xrpc.Error { return &xrpc.Error{Status: 400, Name: "Refused"} }, xrpc.Options{Log: slog.New(slog.DiscardHandler)})
	for scope, want := range map[account.Scope]int{
		account.ScopeAccess: 200, account.ScopeAppPass: 400, account.ScopeAppPassPrivileged: 400,
		account.ScopeTakendown: 400, account.ScopeSignupQueued: 400,
	} {
		token, err := v.Tokens.MintAccess("did:web:a.test", scope)
		if err != nil {
			t.Fatal(err)
		}
		r := httptest.NewRequest(http.MethodGet, "/xrpc/com.atproto.server.getSession", nil)
		r.Header.Set("Authorization", "Bearer "+token)
		w := httptest.NewRecorder()
		asked = ""
		s.ServeHTTP(w, r)
		if w.Code != want || (asked == "did:web:a.test") != (want == 200) {
			t.Errorf("%s: %d %s, handled for %q", scope, w.Code, w.Body, asked)
		}
	}
}
