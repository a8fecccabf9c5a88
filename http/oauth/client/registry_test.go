package client

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"

	"troupe/actors/account"
)

const issuer = "https://pds.test"

// web answers requests from a map of addresses.
type web struct {
	mu    sync.Mutex
	pages map[string]string
	kind  string
	asked atomic.Int32
	slow  chan struct{}
}

func (w *web) RoundTrip(r *http.Request) (*http.Response, error) {
	w.asked.Add(1)
	if w.slow != nil {
		<-w.slow
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	page, ok := w.pages[r.URL.String()]
	status := http.StatusOK
	if !ok {
		status = http.StatusNotFound
	}
	kind := w.kind
	if kind == "" {
		kind = "application/json; charset=utf-8"
	}
	return &http.Response{StatusCode: status, Header: http.Header{"Content-Type": {kind}}, Body: io.NopCloser(strings.NewReader(page)), Request: r}, nil
}

func (w *web) put(at string, v any) {
	doc, err := json.Marshal(v)
	if err != nil {
		panic(err)
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	w.pages[at] = string(doc)
}

type bench struct {
	*Registry
	web *web
	now time.Time
}

func newBench() *bench {
	b := &bench{web: &web{pages: make(map[string]string)}, now: time.Unix(1_800_000_000, 0)}
	b.Registry = New(Options{Client: &http.Client{Transport: b.web}, Issuer: issuer, Trusted: []string{id}, Limit: 10_000, Now: func() time.Time { return b.now }})
	return b
}

func TestDescriptionsAreBelievedForAWhile(t *testing.T) {
	b := newBench()
	b.web.put(id, good())
	find := func(want string, asked int32) {
		t.Helper()
		c, err := b.Find(context.Background(), id)
		if err != nil || c.Name != want || !c.Trusted || c.Confidential() {
			t.Errorf("%+v %v", c, err)
		}
		if got := b.web.asked.Load(); got != asked {
			t.Errorf("asked %d times, want %d", got, asked)
		}
	}
	find("An App", 1)
	b.web.put(id, with(change{"client_name": "New"}))
	b.now = b.now.Add(9 * time.Minute)
	find("An App", 1)
	b.now = b.now.Add(2 * time.Minute)
	find("New", 2)
}

func TestOneFlight(t *testing.T) {
	b := newBench()
	b.web.put(id, good())
	b.web.slow = make(chan struct{})
	gone, cancel := context.WithCancel(context.Background())
	go b.Find(gone, id)
	var all sync.WaitGroup
	for range 50 {
		all.Go(func() {
			if _, err := b.Find(context.Background(), id); err != nil {
				t.Error(err)
			}
		})
	}
	for b.web.asked.Load() == 0 {
		time.Sleep(time.Millisecond)
	}
	cancel() // whoever asked first leaves
	close(b.web.slow)
	all.Wait()
	if n := b.web.asked.Load(); n > 2 {
		t.Errorf("asked %d times", n)
	}
}

func TestWhatIsNotADescription(t *testing.T) {
	for name, prepare := range map[string]func(*web){
		"nothing there": func(*web) {},
		"HTML":          func(w *web) { w.put(id, good()); w.kind = "text/html" },
		"no type":       func(w *web) { w.put(id, good()); w.kind = " " },
		"half a JSON":   func(w *web) { w.pages[id] = `{"client_id":` },
		"a list":        func(w *web) { w.pages[id] = `[]` },
		"too long":      func(w *web) { w.put(id, with(change{"client_name": strings.Repeat("x", 20_000)})) },
		"of another":    func(w *web) { w.put(id, with(change{"client_id": "https://other.example.com/x"})) },
		"a private key": func(w *web) {
			w.put(id, with(change{"token_endpoint_auth_method": "private_key_jwt", "token_endpoint_auth_signing_alg": "ES256", "jwks": change{"keys": []any{jose.JSONWebKey{Key: key(t), KeyID: "k"}}}}))
		},
	} {
		b := newBench()
		prepare(b.web)
		var r Refusal
		if c, err := b.Find(context.Background(), id); !errors.As(err, &r) || r.Code != "invalid_client_metadata" {
			t.Errorf("%s: %v %v", name, c, err)
		}
	}
}

func key(t testing.TB) *ecdsa.PrivateKey {
	k, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	return k
}

func assertion(t *testing.T, k any, alg jose.SignatureAlgorithm, kid string, claims map[string]any) string {
	s, err := jose.NewSigner(jose.SigningKey{Algorithm: alg, Key: k}, (&jose.SignerOptions{}).WithHeader("kid", kid))
	if err != nil {
		t.Fatal(err)
	}
	payload, _ := json.Marshal(claims)
	jws, err := s.Sign(payload)
	if err != nil {
		t.Fatal(err)
	}
	out, _ := jws.CompactSerialize()
	return out
}

func public(k *ecdsa.PrivateKey, kid string) jose.JSONWebKey {
	return jose.JSONWebKey{Key: k.Public(), KeyID: kid, Use: "sig", Algorithm: "ES256"}
}

func TestAssertions(t *testing.T) {
	b := newBench()
	k1, k2, unknown := key(t), key(t), key(t)
	const jwks = "https://app.example.com/jwks.json"
	b.web.put(id, with(change{"token_endpoint_auth_method": "private_key_jwt", "token_endpoint_auth_signing_alg": "ES256", "jwks_uri": jwks}))
	encryption := public(k2, "enc")
	encryption.Use = "enc"
	b.web.put(jwks, change{"keys": []any{public(k1, "one"), encryption, public(k1, "twice"), public(k2, "twice")}})
	n := 0
	claims := func(changes change) map[string]any {
		n++
		c := change{"iss": id, "sub": id, "aud": issuer, "jti": n, "iat": b.now.Unix(), "exp": b.now.Unix() + 60}
		c["jti"] = strings.Repeat("j", n)
		for name, v := range changes {
			if v == nil {
				delete(c, name)
			} else {
				c[name] = v
			}
		}
		return c
	}
	ask := func(a string) (account.ClientAuth, error) {
		_, auth, err := b.Authenticate(context.Background(), id, AssertionType, a)
		return auth, err
	}
	first := assertion(t, k1, jose.ES256, "one", claims(nil))
	auth, err := ask(first)
	if err != nil || auth.Method != "private_key_jwt" || auth.Kid != "one" || auth.Alg != "ES256" || len(auth.Thumbprint) != 43 {
		t.Fatal(auth, err)
	}
	if _, err := ask(first); err == nil {
		t.Error("an assertion is good twice")
	}
	for name, c := range map[string]change{"several audiences": {"aud": []string{"x", issuer}}, "no end": {"exp": nil}, "slow clock": {"iat": b.now.Unix() - 80}} {
		if _, err := ask(assertion(t, k1, jose.ES256, "one", claims(c))); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
	for name, a := range map[string]string{
		"none":           "",
		"nonsense":       "a.b.c",
		"dots":           strings.Repeat(".", 100_000),
		"other issuer":   assertion(t, k1, jose.ES256, "one", claims(change{"iss": "https://x.example.com/y"})),
		"other subject":  assertion(t, k1, jose.ES256, "one", claims(change{"sub": "did:plc:x"})),
		"other audience": assertion(t, k1, jose.ES256, "one", claims(change{"aud": "https://other.test"})),
		"audience below": assertion(t, k1, jose.ES256, "one", claims(change{"aud": issuer + "/oauth/token"})),
		"no audience":    assertion(t, k1, jose.ES256, "one", claims(change{"aud": nil})),
		"no jti":         assertion(t, k1, jose.ES256, "one", claims(change{"jti": nil})),
		"no iat":         assertion(t, k1, jose.ES256, "one", claims(change{"iat": nil})),
		"old":            assertion(t, k1, jose.ES256, "one", claims(change{"iat": b.now.Unix() - 200})),
		"of the future":  assertion(t, k1, jose.ES256, "one", claims(change{"iat": b.now.Unix() + 200})),
		"ended":          assertion(t, k1, jose.ES256, "one", claims(change{"exp": b.now.Unix() - 200})),
		"exp zero":       assertion(t, k1, jose.ES256, "one", claims(change{"exp": 0})),
		"not yet":        assertion(t, k1, jose.ES256, "one", claims(change{"nbf": b.now.Unix() + 200})),
		"without kid":    assertion(t, k1, jose.ES256, "", claims(nil)),
		"unknown kid":    assertion(t, k1, jose.ES256, "none", claims(nil)),
		"kid of another": assertion(t, unknown, jose.ES256, "one", claims(nil)),
		"encryption key": assertion(t, k2, jose.ES256, "enc", claims(nil)),
		"kid twice":      assertion(t, k1, jose.ES256, "twice", claims(nil)),
		"shared secret":  assertion(t, []byte("0123456789abcdef0123456789abcdef"), jose.HS256, "one", claims(nil)),
	} {
		var r Refusal
		if auth, err := ask(a); !errors.As(err, &r) {
			t.Errorf("%s: %+v %v", name, auth, err)
		}
	}
	if _, _, err := b.Authenticate(context.Background(), id, "other", first); err == nil {
		t.Error("another type of assertion is taken")
	}

	// Keys are rotated, and looked for again, but not for everybody who asks.
	b.web.put(jwks, change{"keys": []any{public(unknown, "new")}})
	asked := b.web.asked.Load()
	for range 5 {
		if _, err := ask(assertion(t, unknown, jose.ES256, "new", claims(nil))); err == nil {
			t.Error("a key was found at once")
		}
	}
	if b.web.asked.Load() != asked {
		t.Error("keys are asked for at every try")
	}
	b.now = b.now.Add(time.Minute)
	if _, err := ask(assertion(t, unknown, jose.ES256, "new", claims(nil))); err != nil {
		t.Error(err)
	}
	if _, err := ask(assertion(t, k1, jose.ES256, "one", claims(nil))); err == nil {
		t.Error("a key that is gone is good")
	}
}
