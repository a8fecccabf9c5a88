package oauth

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	nethttp "net/http"
	"net/http/httptest"
	"net/url"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/bluesky-social/indigo/atproto/syntax"
	"github.com/go-jose/go-jose/v4"
	"github.com/labstack/echo/v4"

	"troupe/actors/account"
	"troupe/actors/mailbox"
	"troupe/actors/permission"
	"troupe/http/dpop"
	"troupe/http/oauth/client"
	"troupe/sequencing"
)

const (
	issuer = "https://pds.test"
	anna   = syntax.DID("did:plc:aaaaaaaaaaaaaaaaaaaaaaaa")
	app    = "https://app.example.com/client-metadata.json"
	proven = "https://server.example.com/client-metadata.json"
	local  = "http://localhost?scope=atproto%20repo%3A*"
)

// world is an authorization server over an accounts actor with one person.
type world struct {
	t      *testing.T
	server *Server
	http   nethttp.Handler
	pages  map[string]any // what the network has
	key    *ecdsa.PrivateKey
	own    *ecdsa.PrivateKey // the confidential client's
	n      int
}

func (w *world) RoundTrip(r *nethttp.Request) (*nethttp.Response, error) {
	page, ok := w.pages[r.URL.String()]
	if !ok {
		return nil, errors.New("nobody there")
	}
	doc, err := json.Marshal(page)
	return &nethttp.Response{StatusCode: 200, Header: nethttp.Header{"Content-Type": {"application/json"}}, Body: io.NopCloser(strings.NewReader(string(doc))), Request: r}, err
}

func newKey(t *testing.T) *ecdsa.PrivateKey {
	k, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	return k
}

func newWorld(t *testing.T) *world {
	w := &world{t: t, key: newKey(t), own: newKey(t)}
	describe := func(id string, more map[string]any) map[string]any {
		m := map[string]any{
			"client_id": id, "redirect_uris": []string{strings.TrimSuffix(id, "client-metadata.json") + "cb"}, "scope": "atproto repo:* account:email include:com.example.auth transition:generic unheard:of",
			"grant_types": []string{"authorization_code", "refresh_token"}, "token_endpoint_auth_method": "none", "dpop_bound_access_tokens": true,
		}
		for k, v := range more {
			m[k] = v
		}
		return m
	}
	w.pages = map[string]any{
		app: describe(app, nil),
		proven: describe(proven, map[string]any{
			"token_endpoint_auth_method": "private_key_jwt", "token_endpoint_auth_signing_alg": "ES256",
			"jwks": map[string]any{"keys": []any{jose.JSONWebKey{Key: w.own.Public(), KeyID: "own", Use: "sig"}}},
		}),
	}
	ctx := context.Background()
	system := mailbox.NewSystem(slog.New(slog.DiscardHandler))
	path := filepath.Join(t.TempDir(), "account.sqlite")
	accounts, err := account.Spawn(system, account.Options{Path: path, Index: account.NewIndex(), Logger: slog.New(slog.DiscardHandler)})
	if err != nil {
		t.Fatal(err)
	}
	private, err := account.OpenReads(ctx, path, 2, "")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := errors.Join(private.Close(), accounts.Stop(ctx)); err != nil {
			t.Error(err)
		}
		system.Shutdown()
	})
	w.server = &Server{
		Issuer: issuer, DID: "did:web:pds.test", Accounts: accounts.Address(), Private: private,
		Tokens:  account.Tokens{Secret: []byte("a secret of the server, long enough"), ServiceDID: "did:web:pds.test"},
		Clients: client.New(client.Options{Client: &nethttp.Client{Transport: w}, Issuer: issuer, Limit: 100_000}),
		Proofs:  &dpop.Checker{Origin: issuer, Nonces: dpop.NewNonces(nil, nil), Now: time.Now},
		Sets: func(_ context.Context, nsid syntax.NSID) (permission.Published, error) {
			if nsid != "com.example.auth" {
				return permission.Published{}, errors.New("there is no such set")
			}
			return permission.ReadPublished([]byte(`{"defs":{"main":{"type":"permission-set","permissions":[{"type":"permission","resource":"repo","collection":["com.example.thing"]}]}}}`))
		},
		Logger: slog.New(slog.DiscardHandler),
	}
	e := echo.New()
	w.server.Mount(e)
	w.http = e
	story := account.Saga{ID: "s", Kind: "signup", DID: anna, Step: "x", Data: []byte("{}"), CreatedAt: time.Now(), UpdatedAt: time.Now()}
	tell(w, account.ReserveSignup{Saga: story, Handle: "anna.test", Email: "anna@mail.test"})
	tell(w, account.InsertAccount{Saga: story, Account: account.NewAccount{DID: anna, Handle: "anna.test", Email: "anna@mail.test", Password: "hash", Status: sequencing.StatusActive}})
	return w
}

func tell[R any](w *world, m mailbox.Message[*account.Accounts, R]) R {
	w.t.Helper()
	r, err := mailbox.Ask(context.Background(), w.server.Accounts, m)
	if err != nil {
		w.t.Fatalf("%T: %v", m, err)
	}
	return r
}

// proof is what an app sends along with a POST; changes are to its claims.
func (w *world) proof(path string, key *ecdsa.PrivateKey, changes map[string]any) string {
	w.n++
	c := map[string]any{"jti": fmt.Sprint("p", w.n), "htm": "POST", "htu": issuer + path, "iat": time.Now().Unix(), "nonce": w.server.Proofs.Nonces.Next()}
	for k, v := range changes {
		c[k] = v
	}
	return w.sign(key, (&jose.SignerOptions{EmbedJWK: true}).WithType("dpop+jwt"), c)
}

// assertion is how the confidential client proves who it is.
func (w *world) assertion() string {
	w.n++
	return w.sign(w.own, (&jose.SignerOptions{}).WithHeader("kid", "own"), map[string]any{
		"iss": proven, "sub": proven, "aud": issuer, "jti": fmt.Sprint("a", w.n), "iat": time.Now().Unix(), "exp": time.Now().Unix() + 60,
	})
}

func (w *world) sign(key *ecdsa.PrivateKey, o *jose.SignerOptions, claims map[string]any) string {
	w.t.Helper()
	s, err := jose.NewSigner(jose.SigningKey{Algorithm: jose.ES256, Key: key}, o)
	if err != nil {
		w.t.Fatal(err)
	}
	payload, _ := json.Marshal(claims)
	jws, err := s.Sign(payload)
	if err != nil {
		w.t.Fatal(err)
	}
	out, _ := jws.CompactSerialize()
	return out
}

type form map[string]string

// answer is what a call came to.
type answer struct {
	status int
	header nethttp.Header
	body   map[string]any
}

func (a answer) text(name string) string { s, _ := a.body[name].(string); return s }

// post calls an endpoint as an app does, with a proof of w.key unless told otherwise.
func (w *world) post(path string, f form, proofs ...string) answer {
	w.t.Helper()
	values := make(url.Values)
	for k, v := range f {
		if v != "" {
			values.Set(k, v)
		}
	}
	if proofs == nil {
		proofs = []string{w.proof(path, w.key, nil)}
	}
	r := httptest.NewRequest("POST", path, strings.NewReader(values.Encode()))
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	for _, p := range proofs {
		if p != "" {
			r.Header.Add("DPoP", p)
		}
	}
	return w.do(r)
}

func (w *world) do(r *nethttp.Request) answer {
	w.t.Helper()
	rec := httptest.NewRecorder()
	w.http.ServeHTTP(rec, r)
	a := answer{status: rec.Code, header: rec.Header()}
	if rec.Body.Len() > 0 {
		if err := json.Unmarshal(rec.Body.Bytes(), &a.body); err != nil {
			w.t.Fatalf("%s: %v", rec.Body, err)
		}
	}
	return a
}

func (w *world) refused(a answer, status int, code, words string) {
	w.t.Helper()
	if a.status != status || a.text("error") != code || !strings.Contains(a.text("error_description"), words) {
		w.t.Errorf("%d %v, want %d %s: %s", a.status, a.body, status, code, words)
	}
}

const verifier = "0123456789012345678901234567890123456789012"

// challenge of the n-th verifier: each is good once.
func nth(n int) (v, challenge string) {
	v = verifier + fmt.Sprint(n)
	sum := sha256.Sum256([]byte(v))
	return v, base64.RawURLEncoding.EncodeToString(sum[:])
}

// asking is a request that is accepted.
func (w *world) asking(id string) form {
	w.n++
	_, challenge := nth(w.n)
	f := form{
		"client_id": id, "response_type": "code", "code_challenge_method": "S256", "code_challenge": challenge, "scope": "atproto repo:*", "state": "s",
		"redirect_uri": strings.TrimSuffix(id, "client-metadata.json") + "cb", "n": fmt.Sprint(w.n),
	}
	if id == local {
		f["redirect_uri"] = "http://127.0.0.1:8080/"
	}
	if id == proven {
		f["client_assertion_type"], f["client_assertion"] = client.AssertionType, w.assertion()
	}
	return f
}

// allow does what the person at the consent page does, and makes what the app
// then sends for its tokens.
func (w *world) allow(f form, pushed answer, scope string) form {
	w.t.Helper()
	if pushed.status != 201 {
		w.t.Fatalf("not pushed: %v", pushed)
	}
	id, _ := url.QueryUnescape(strings.TrimPrefix(pushed.text("request_uri"), requestURI))
	name, secret := account.NewDevice()
	tell(w, account.SeeDevice{Name: name, Secret: secret, New: true})
	device, code := account.DeviceOf(name), account.NewCode()
	tell(w, account.ViewRequest{ID: id, Client: account.ClientID(f["client_id"]), Device: device})
	tell(w, account.GrantRequest{ID: id, Device: device, DID: anna, Scope: scope, Code: code})
	var n int
	fmt.Sscan(f["n"], &n)
	v, _ := nth(n)
	out := form{"client_id": f["client_id"], "grant_type": "authorization_code", "code": code, "code_verifier": v, "redirect_uri": f["redirect_uri"]}
	if f["client_id"] == proven {
		out["client_assertion_type"], out["client_assertion"] = client.AssertionType, w.assertion()
	}
	return out
}
