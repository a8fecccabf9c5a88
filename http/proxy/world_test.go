package proxy

import (
	"context"
	"errors"
	"io"
	"log"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	atid "github.com/bluesky-social/indigo/atproto/identity"
	"github.com/bluesky-social/indigo/atproto/syntax"
	"go.uber.org/goleak"

	"troupe/actors/account"
	"troupe/actors/lexicon"
	"troupe/actors/repo"
	"troupe/http/auth"
	"troupe/http/upstream"
	"troupe/http/xrpc"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const (
	viewDID syntax.DID = "did:web:view.test"
	alice   syntax.DID = "did:plc:ewvi7nxzyoun6zhxrhs64oiz"
	other   syntax.DID = "did:plc:z72i7hdynmk6r22z27h6tvur" // has a service #x at the canary
)

// world is a server whose methods are all passed on, an app view, and a canary:
// an internal service that must never hear of anything.
type world struct {
	t      *testing.T
	tokens account.Tokens
	view   *recorded
	canary *recorded
	server *httptest.Server
}

// recorded is an upstream that keeps what it was sent.
type recorded struct {
	*httptest.Server
	mu     sync.Mutex
	conns  int
	seen   []*http.Request
	bodies []string
	answer http.HandlerFunc
}

func record(t *testing.T, answer http.HandlerFunc) *recorded {
	r := &recorded{answer: answer}
	r.Server = httptest.NewUnstartedServer(r)
	r.Config.ErrorLog = log.New(io.Discard, "", 0)
	r.Config.ConnState = func(_ net.Conn, s http.ConnState) {
		if s == http.StateNew {
			r.mu.Lock()
			r.conns++
			r.mu.Unlock()
		}
	}
	r.Start()
	t.Cleanup(r.Close)
	return r
}

func (r *recorded) ServeHTTP(w http.ResponseWriter, q *http.Request) {
	body, _ := io.ReadAll(q.Body)
	r.mu.Lock()
	r.seen = append(r.seen, q)
	r.bodies = append(r.bodies, string(body))
	r.mu.Unlock()
	r.answer(w, q)
}

func (r *recorded) take() (seen []*http.Request, conns int) {
	r.mu.Lock()
	defer r.mu.Unlock()
	seen, r.seen, r.bodies = r.seen, nil, nil
	return seen, r.conns
}

func ok(w http.ResponseWriter, _ *http.Request) {
	w.Header().Set("Content-Type", "application/json")
	io.WriteString(w, "{}")
}

func newWorld(t *testing.T) *world {
	t.Helper()
	w := &world{t: t, tokens: account.Tokens{Secret: []byte("a secret of this test, 32 bytes long"), ServiceDID: "did:web:pds.test", Now: time.Now}}
	w.view, w.canary = record(t, ok), record(t, ok)
	up := upstream.New(upstream.Options{
		AppView: upstream.Named{DID: viewDID, URL: w.view.URL},
		Sign: func(_ context.Context, did syntax.DID, m repo.SignServiceAuth) (string, error) {
			return "token." + did.String() + "." + m.Audience + "." + m.Lexicon.String(), nil
		},
		Resolve: func(_ context.Context, did syntax.DID) (*atid.DIDDocument, error) {
			if did != other {
				return nil, errors.New("no such DID")
			}
			return &atid.DIDDocument{DID: other, Service: []atid.DocService{{ID: "#x", ServiceEndpoint: w.canary.URL}}}, nil
		},
	})
	t.Cleanup(up.Close)
	v := &auth.Verifier{Tokens: w.tokens}
	routed := []xrpc.Route{
		xrpc.Query("com.atproto.server.getSession", v.AsSession, func(context.Context, auth.Session, xrpc.None) (map[string]string, error) {
			return map[string]string{"answered": "here"}, nil
		}),
	}
	x := xrpc.NewServer(routed, lexicon.Embedded(), translate, xrpc.Options{
		Log: slog.New(slog.DiscardHandler), Fallback: CatchAll{Upstream: up, Verify: v.AsOwner},
	})
	w.server = httptest.NewServer(x)
	w.server.Config.ErrorLog = log.New(io.Discard, "", 0)
	t.Cleanup(w.server.Close)
	return w
}

// translate stands for the error table of the product.
func translate(err error) *xrpc.Error {
	var refusal *upstream.Refusal
	switch {
	case errors.As(err, &refusal):
		return refusal.Public()
	case errors.Is(err, auth.ErrMissing):
		return &xrpc.Error{Status: 401, Name: "AuthMissing", Message: "Authentication Required"}
	case errors.Is(err, account.ErrExpiredToken):
		return &xrpc.Error{Status: 400, Name: "ExpiredToken"}
	case errors.Is(err, account.ErrBadScope), errors.Is(err, account.ErrInvalidToken), errors.Is(err, auth.ErrUnexpected), errors.Is(err, auth.ErrMalformed):
		return &xrpc.Error{Status: 400, Name: "InvalidToken", Message: err.Error()}
	}
	return nil
}

func (w *world) token(scope account.Scope) string {
	w.t.Helper()
	token, err := w.tokens.MintAccess(alice, scope)
	if err != nil {
		w.t.Fatal(err)
	}
	return token
}

// send writes a request as bytes, and returns all that comes back.
func (w *world) send(request string) string {
	w.t.Helper()
	c, err := net.Dial("tcp", w.server.Listener.Addr().String())
	if err != nil {
		w.t.Fatal(err)
	}
	defer c.Close()
	c.SetDeadline(time.Now().Add(20 * time.Second))
	go io.WriteString(c, strings.ReplaceAll(request, "TOKEN", w.token(account.ScopeAccess)))
	answer, err := io.ReadAll(c)
	if err != nil {
		w.t.Fatalf("%v after %q", err, answer)
	}
	return string(answer)
}
