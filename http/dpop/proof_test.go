package dpop

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"
)

const (
	at    = "https://pds.test/xrpc/com.atproto.repo.createRecord"
	token = "eyJ.token.sig"
)

type bench struct {
	*Checker
	now time.Time
	key *ecdsa.PrivateKey
	n   int
}

func newBench(t testing.TB) *bench {
	b := &bench{now: time.Unix(1_800_000_000, 0)}
	now := func() time.Time { return b.now }
	b.Checker = &Checker{Origin: "https://pds.test", Nonces: NewNonces([]byte("secret"), now), Now: now}
	b.key = p256(t)
	return b
}

func p256(t testing.TB) *ecdsa.PrivateKey {
	k, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	return k
}

// good are the claims of a proof that is accepted.
func (b *bench) good() map[string]any {
	b.n++
	ath := sha256.Sum256([]byte(token))
	return map[string]any{
		"jti": fmt.Sprint("proof-", b.n), "htm": "POST", "htu": at, "iat": b.now.Unix(), "nonce": b.Nonces.Next(),
		"ath": base64.RawURLEncoding.EncodeToString(ath[:]),
	}
}

func sign(t testing.TB, alg jose.SignatureAlgorithm, key any, header map[string]any, claims map[string]any) string {
	o := (&jose.SignerOptions{EmbedJWK: true}).WithType("dpop+jwt")
	for k, v := range header {
		o.WithHeader(jose.HeaderKey(k), v)
	}
	s, err := jose.NewSigner(jose.SigningKey{Algorithm: alg, Key: key}, o)
	if err != nil {
		t.Fatal(err)
	}
	payload, _ := json.Marshal(claims)
	jws, err := s.Sign(payload)
	if err != nil {
		t.Fatal(err)
	}
	out, err := jws.CompactSerialize()
	if err != nil {
		t.Fatal(err)
	}
	return out
}

func (b *bench) check(proof ...string) (Proof, bool, error) {
	r := httptest.NewRequest("POST", at+"?a=b", nil)
	for _, p := range proof {
		r.Header.Add("DPoP", p)
	}
	return b.Check(r, token)
}

func TestGoodProofs(t *testing.T) {
	b := newBench(t)
	rsaKey, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	p384, _ := ecdsa.GenerateKey(elliptic.P384(), rand.Reader)
	prints := make(map[string]bool)
	for _, k := range []struct {
		alg jose.SignatureAlgorithm
		key any
	}{{jose.ES256, b.key}, {jose.ES384, p384}, {jose.RS256, rsaKey}, {jose.PS256, rsaKey}} {
		p, found, err := b.check(sign(t, k.alg, k.key, nil, b.good()))
		if err != nil || !found || len(p.Thumbprint) != 43 {
			t.Errorf("%s: %v %v %v", k.alg, p, found, err)
		}
		prints[p.Thumbprint] = true
	}
	if len(prints) != 3 {
		t.Errorf("%d thumbprints for 3 keys", len(prints))
	}
	if _, found, err := b.check(); found || err != nil {
		t.Errorf("no header: %v %v", found, err)
	}
	for name, change := range map[string]func(map[string]any){
		"query":        func(c map[string]any) { c["htu"] = at + "?x=y#z" },
		"default port": func(c map[string]any) { c["htu"] = strings.Replace(at, "pds.test", "PDS.test:443", 1) },
		"dot segments": func(c map[string]any) { c["htu"] = strings.Replace(at, "/xrpc/", "/a/../xrpc/./", 1) },
		"slow clock":   func(c map[string]any) { c["iat"] = b.now.Unix() - 185 },
		"fast clock":   func(c map[string]any) { c["iat"] = b.now.Unix() + 175 },
		"with an end":  func(c map[string]any) { c["exp"] = b.now.Unix() + 60 },
	} {
		c := b.good()
		change(c)
		if _, _, err := b.check(sign(t, jose.ES256, b.key, nil, c)); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestRefusedProofs(t *testing.T) {
	b := newBench(t)
	set := func(k string, v any) func(map[string]any) { return func(c map[string]any) { c[k] = v } }
	for name, c := range map[string]struct {
		change func(map[string]any)
		want   string
	}{
		"no jti":            {set("jti", nil), `"jti" missing`},
		"jti is a number":   {set("jti", 7), "claims are malformed"},
		"other method":      {set("htm", "GET"), `"htm" mismatch`},
		"method in lower":   {set("htm", "post"), `"htm" mismatch`},
		"no method":         {set("htm", nil), `"htm" mismatch`},
		"other path":        {set("htu", "https://pds.test/xrpc/com.atproto.repo.putRecord"), `"htu" mismatch`},
		"path below":        {set("htu", at+"/x"), `"htu" mismatch`},
		"trailing slash":    {set("htu", at+"/"), `"htu" mismatch`},
		"escaped slash":     {set("htu", strings.Replace(at, "/xrpc/", "/xrpc%2f", 1)), `"htu" mismatch`},
		"other host":        {set("htu", strings.Replace(at, "pds.test", "evil.test", 1)), `"htu" mismatch`},
		"host prefix":       {set("htu", strings.Replace(at, "pds.test", "pds.test.evil", 1)), `"htu" mismatch`},
		"other port":        {set("htu", strings.Replace(at, "pds.test", "pds.test:8443", 1)), `"htu" mismatch`},
		"other scheme":      {set("htu", strings.Replace(at, "https", "http", 1)), `"htu" mismatch`},
		"strange scheme":    {set("htu", strings.Replace(at, "https", "ftp", 1)), "must be http"},
		"user":              {set("htu", strings.Replace(at, "pds.test", "a:b@pds.test", 1)), "credentials"},
		"no URL":            {set("htu", "/xrpc/com.atproto.repo.createRecord"), "not a valid URL"},
		"htu missing":       {set("htu", nil), "not a valid URL"},
		"htu is a list":     {set("htu", []string{at}), "claims are malformed"},
		"no iat":            {set("iat", nil), `"iat" missing`},
		"iat is text":       {set("iat", "1800000000"), "claims are malformed"},
		"iat zero":          {set("iat", 0), "expired"},
		"old":               {set("iat", b.now.Unix()-200), "expired"},
		"of the future":     {set("iat", b.now.Unix()+200), "future"},
		"iat is infinite":   {set("iat", 1e300), "future"},
		"ended":             {set("exp", b.now.Unix()-200), "expired"},
		"exp zero":          {set("exp", 0), "expired"},
		"not yet":           {set("nbf", b.now.Unix()+200), "future"},
		"no ath":            {set("ath", nil), `"ath" mismatch`},
		"other token":       {set("ath", "fUHyO2r2Z3DZ53EsNrWBb0xWXoaNy59IiKCAqksmQEo"), `"ath" mismatch`},
		"empty ath":         {set("ath", ""), `"ath" mismatch`},
		"no nonce":          {set("nonce", nil), ErrNonce.Error()},
		"empty nonce":       {set("nonce", ""), ErrNonce.Error()},
		"nonce from afar":   {set("nonce", NewNonces(nil, nil).Next()), ErrNonce.Error()},
		"nonce is a number": {set("nonce", 1), "claims are malformed"},
	} {
		cl := b.good()
		c.change(cl)
		for k, v := range cl {
			if v == nil {
				delete(cl, k)
			}
		}
		_, found, err := b.check(sign(t, jose.ES256, b.key, nil, cl))
		if err == nil || !found || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: %v, want %q", name, err, c.want)
		}
	}
}

func TestForgedProofs(t *testing.T) {
	b := newBench(t)
	encode := func(s string) string { return base64.RawURLEncoding.EncodeToString([]byte(s)) }
	proof := sign(t, jose.ES256, b.key, nil, b.good())
	parts := strings.Split(proof, ".")
	other := strings.Split(sign(t, jose.ES256, p256(t), nil, b.good()), ".")
	weak, err := rsa.GenerateKey(rand.Reader, 1024)
	if err != nil {
		t.Fatal(err)
	}
	claims, _ := json.Marshal(b.good())
	hmacKey := sign(t, jose.HS256, []byte("0123456789abcdef0123456789abcdef"), nil, b.good())
	private, _ := json.Marshal(jose.JSONWebKey{Key: b.key})
	public, _ := json.Marshal(jose.JSONWebKey{Key: b.key.Public()})
	for name, p := range map[string]string{
		"empty":              "",
		"nonsense":           "x",
		"two dots":           "..",
		"a million dots":     strings.Repeat(".", 1_000_000),
		"long":               proof + strings.Repeat("A", maxProof),
		"other signature":    parts[0] + "." + parts[1] + "." + other[2],
		"other payload":      parts[0] + "." + other[1] + "." + parts[2],
		"other header":       other[0] + "." + parts[1] + "." + parts[2],
		"no signature":       parts[0] + "." + parts[1] + ".",
		"short signature":    parts[0] + "." + parts[1] + "." + parts[2][:40],
		"padded":             proof + "=",
		"with a fourth part": proof + "." + parts[2],
		"alg none":           encode(`{"alg":"none","typ":"dpop+jwt","jwk":`+string(public)+`}`) + "." + encode(string(claims)) + ".",
		"shared secret":      hmacKey,
		"private key":        encode(`{"alg":"ES256","typ":"dpop+jwt","jwk":`+string(private)+`}`) + "." + parts[1] + "." + parts[2],
		"no key":             encode(`{"alg":"ES256","typ":"dpop+jwt"}`) + "." + parts[1] + "." + parts[2],
		"key is null":        encode(`{"alg":"ES256","typ":"dpop+jwt","jwk":null}`) + "." + parts[1] + "." + parts[2],
		"key by reference":   encode(`{"alg":"ES256","typ":"dpop+jwt","jku":"http://127.0.0.1/"}`) + "." + parts[1] + "." + parts[2],
		"critical header":    sign(t, jose.ES256, b.key, map[string]any{"crit": []string{"x"}, "x": 1}, b.good()),
		"another type":       sign(t, jose.ES256, b.key, map[string]any{"typ": "JWT"}, b.good()),
		"weak key":           sign(t, jose.RS256, weak, nil, b.good()),
		"JSON form":          `{"payload":"` + parts[1] + `","protected":"` + parts[0] + `","signature":"` + parts[2] + `"}`,
	} {
		var invalid Invalid
		if _, found, err := b.check(p); !found || !errors.As(err, &invalid) {
			t.Errorf("%s: %v %v", name, found, err)
		}
	}
	if _, _, err := b.check(proof, proof); err == nil {
		t.Error("two headers are accepted")
	}
	if _, _, err := b.check(proof); err != nil {
		t.Errorf("the proof that was copied from: %v", err)
	}
}

func TestAProofIsGoodOnce(t *testing.T) {
	b := newBench(t)
	c := b.good()
	proof := sign(t, jose.ES256, b.key, nil, c)
	if _, _, err := b.check(proof); err != nil {
		t.Fatal(err)
	}
	again := func(what string, p string) {
		t.Helper()
		if _, _, err := b.check(p); err == nil {
			t.Errorf("%s is accepted", what)
		}
	}
	again("the same proof", proof)
	again("another signature of the same proof", sign(t, jose.ES256, b.key, nil, c))
	for range 8 { // as long as its nonce and its time could be good
		b.now = b.now.Add(30 * time.Second)
		again("a proof of "+b.now.String(), proof)
	}
	if _, _, err := b.check(sign(t, jose.ES256, p256(t), nil, b.good())); err != nil {
		t.Error(err)
	}
}

func TestNoncesRotate(t *testing.T) {
	b := newBench(t)
	nonce := b.Nonces.Next()
	for i := range 4 {
		if good := b.Nonces.Good(nonce); good != (i < 3) {
			t.Errorf("after %d minutes: %v", i, good)
		}
		b.now = b.now.Add(time.Minute)
	}
	if b.Nonces.Next() == nonce {
		t.Error("nonces do not change")
	}
	if NewNonces(nil, nil).Next() == NewNonces(nil, nil).Next() {
		t.Error("two servers share their nonces")
	}
	if same := NewNonces([]byte("secret"), b.Nonces.now); same.Next() != b.Nonces.Next() {
		t.Error("one secret makes two nonces")
	}
}

func TestAtTheTokenEndpointThereIsNoToken(t *testing.T) {
	b := newBench(t)
	c := b.good()
	r := httptest.NewRequest("POST", at, nil)
	r.Header.Set("DPoP", sign(t, jose.ES256, b.key, nil, c))
	if _, _, err := b.Check(r, ""); err == nil {
		t.Error("a proof for a token is accepted without one")
	}
	delete(c, "ath")
	r.Header.Set("DPoP", sign(t, jose.ES256, b.key, nil, c))
	if _, _, err := b.Check(r, ""); err != nil {
		t.Error(err)
	}
}

func TestReplaysAreBounded(t *testing.T) {
	var r Replays
	now := time.Unix(1_800_000_000, 0)
	for i := range generation + 10 {
		if !r.First(now, fmt.Sprint(i)) {
			t.Fatal("a new one is known")
		}
	}
	if len(r.young) > generation || len(r.old) > generation {
		t.Errorf("%d and %d entries", len(r.young), len(r.old))
	}
	if r.First(now, "7") {
		t.Error("forgotten within its time")
	}
}

func BenchmarkCheck(b *testing.B) {
	x := newBench(b)
	proofs := make([]string, b.N)
	for i := range proofs {
		proofs[i] = sign(b, jose.ES256, x.key, nil, x.good())
	}
	b.ReportAllocs()
	b.ResetTimer()
	for _, p := range proofs {
		if _, _, err := x.check(p); err != nil {
			b.Fatal(err)
		}
	}
}
