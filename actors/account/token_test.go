package account

import (
	"encoding/base64"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/bluesky-social/indigo/atproto/atcrypto"
	"github.com/golang-jwt/jwt/v5"
)

var tokens = Tokens{Secret: []byte("a secret of this test, 32 bytes long"), ServiceDID: "did:web:pds.test", Now: func() time.Time { return noon }}

func at(d time.Duration) Tokens {
	t := tokens
	t.Now = func() time.Time { return noon.Add(d) }
	return t
}

// The shape that clients of the reference read.
func TestMint(t *testing.T) {
	access, err1 := tokens.MintAccess(did("a"), ScopeAppPass)
	refresh, err2 := tokens.MintRefresh(did("a"), Grant{ID: "jti", Expires: noon.Add(RefreshLifetime)})
	if err := errors.Join(err1, err2); err != nil {
		t.Fatal(err)
	}
	for token, want := range map[string]string{
		access:  `{"alg":"HS256","typ":"at+jwt"} {"aud":"did:web:pds.test","exp":1772373600,"iat":1772366400,"scope":"com.atproto.appPass","sub":"` + did("a").String() + `"}`,
		refresh: `{"alg":"HS256","typ":"refresh+jwt"} {"aud":"did:web:pds.test","exp":1780142400,"iat":1772366400,"jti":"jti","scope":"com.atproto.refresh","sub":"` + did("a").String() + `"}`,
	} {
		part := strings.Split(token, ".")
		header, _ := base64.RawURLEncoding.DecodeString(part[0])
		body, _ := base64.RawURLEncoding.DecodeString(part[1])
		if got := string(header) + " " + string(body); got != want {
			t.Errorf("got  %s\nwant %s", got, want)
		}
	}
	if got, err := tokens.ParseAccess(access, ScopeAccess, ScopeAppPass); err != nil || got.DID != did("a") || got.Scope != ScopeAppPass || !got.Expires.Equal(noon.Add(2*time.Hour)) {
		t.Errorf("access %+v, %v", got, err)
	}
	if got, err := tokens.ParseRefresh(refresh); err != nil || got.DID != did("a") || got.ID != "jti" || !got.Expires.Equal(noon.Add(RefreshLifetime)) {
		t.Errorf("refresh %+v, %v", got, err)
	}
	if _, err := (Tokens{ServiceDID: "did:web:pds.test"}).MintAccess(did("a"), ScopeAccess); err == nil {
		t.Error("signed without a secret")
	}
	if id := tokens.NewGrant("").ID; len(id) != 43 {
		t.Errorf("jti %q", id)
	}
}

func TestTokens(t *testing.T) {
	header := map[string]any{"typ": "at+jwt"}
	good := jwt.MapClaims{"scope": ScopeAccess, "aud": "did:web:pds.test", "sub": did("a"), "iat": noon.Unix(), "exp": noon.Add(time.Hour).Unix()}
	with := func(base map[string]any, kv ...any) map[string]any {
		m := make(map[string]any)
		for k, v := range base {
			m[k] = v
		}
		for i := 0; i < len(kv); i += 2 {
			if kv[i+1] == nil {
				delete(m, kv[i].(string))
			} else {
				m[kv[i].(string)] = kv[i+1]
			}
		}
		return m
	}
	forge := func(h, c map[string]any, method jwt.SigningMethod, key any) string {
		token := jwt.NewWithClaims(method, jwt.MapClaims(c))
		for k, v := range h {
			token.Header[k] = v
		}
		s, err := token.SignedString(key)
		if err != nil {
			t.Fatal(err)
		}
		return s
	}
	hs := func(h, c map[string]any) string { return forge(h, c, jwt.SigningMethodHS256, tokens.Secret) }
	valid := hs(header, good)
	part := strings.Split(valid, ".")
	k256, err := atcrypto.GeneratePrivateKeyK256()
	if err != nil {
		t.Fatal(err)
	}
	public, _ := k256.PublicKey()

	for _, c := range []struct {
		name, token string
		now         time.Duration
		want        error
	}{
		{"good", valid, 0, nil},
		{"about to expire", valid, time.Hour - time.Second, nil},
		{"expired", valid, time.Hour, ErrExpiredToken},
		{"expired at 0", hs(header, with(good, "exp", 0)), 0, ErrExpiredToken},
		{"expired and of another kind", hs(with(header, "typ", "refresh+jwt"), good), 2 * time.Hour, ErrInvalidToken},
		{"expired and for somebody else", hs(header, with(good, "aud", "did:web:other.test")), 2 * time.Hour, ErrInvalidToken},
		{"no exp", hs(header, with(good, "exp", nil)), 0, ErrInvalidToken},
		{"exp is text", hs(header, with(good, "exp", "soon")), 0, ErrInvalidToken},
		{"not yet", hs(header, with(good, "nbf", noon.Add(time.Hour).Unix())), 0, ErrInvalidToken},
		{"issued in the future", hs(header, with(good, "iat", noon.Add(time.Hour).Unix())), 0, ErrInvalidToken},
		{"refresh token", hs(with(header, "typ", "refresh+jwt"), with(good, "scope", ScopeRefresh)), 0, ErrInvalidToken},
		{"refresh scope", hs(header, with(good, "scope", ScopeRefresh)), 0, ErrBadScope},
		{"typ JWT", hs(with(header, "typ", "JWT"), good), 0, ErrInvalidToken},
		{"typ in capitals", hs(with(header, "typ", "AT+JWT"), good), 0, ErrInvalidToken},
		{"crit", hs(with(header, "crit", []string{"exp"}), good), 0, ErrInvalidToken},
		{"wrong aud", hs(header, with(good, "aud", "did:web:other.test")), 0, ErrInvalidToken},
		{"aud with a service", hs(header, with(good, "aud", "did:web:pds.test#atproto_pds")), 0, ErrInvalidToken},
		{"two auds", hs(header, with(good, "aud", []string{"did:web:pds.test", "did:web:other.test"})), 0, ErrInvalidToken},
		{"no aud", hs(header, with(good, "aud", nil)), 0, ErrInvalidToken},
		{"sub is no DID", hs(header, with(good, "sub", "a.test")), 0, ErrInvalidToken},
		{"no sub", hs(header, with(good, "sub", nil)), 0, ErrInvalidToken},
		{"service token", hs(header, with(good, "lxm", "com.atproto.server.getSession")), 0, ErrInvalidToken},
		{"DPoP token", hs(header, with(good, "cnf", map[string]string{"jkt": "x"})), 0, ErrInvalidToken},
		{"scope not allowed here", hs(header, with(good, "scope", ScopeTakendown)), 0, ErrBadScope},
		{"no scope", hs(header, with(good, "scope", nil)), 0, ErrBadScope},
		{"alg none", forge(header, good, jwt.SigningMethodNone, jwt.UnsafeAllowNoneSignatureType), 0, ErrInvalidToken},
		{"alg none, our signature", base64.RawURLEncoding.EncodeToString([]byte(`{"alg":"none","typ":"at+jwt"}`)) + "." + part[1] + "." + part[2], 0, ErrInvalidToken},
		{"HS512", forge(header, good, jwt.SigningMethodHS512, tokens.Secret), 0, ErrInvalidToken},
		{"a public key as secret", forge(header, good, jwt.SigningMethodHS256, public.Bytes()), 0, ErrInvalidToken},
		{"another secret", forge(header, good, jwt.SigningMethodHS256, []byte("guess")), 0, ErrInvalidToken},
		{"empty secret", forge(header, good, jwt.SigningMethodHS256, []byte{}), 0, ErrInvalidToken},
		{"changed claims", part[0] + "." + base64.RawURLEncoding.EncodeToString([]byte(`{"scope":"x"}`)) + "." + part[2], 0, ErrInvalidToken},
		{"no signature", part[0] + "." + part[1] + ".", 0, ErrInvalidToken},
		{"two parts", part[0] + "." + part[1], 0, ErrInvalidToken},
		{"many dots", strings.Repeat(".", 1_000_000), 0, ErrInvalidToken},
		{"padded", valid + "=", 0, ErrInvalidToken},
		{"huge", valid + strings.Repeat("A", maxToken), 0, ErrInvalidToken},
		{"empty", "", 0, ErrInvalidToken},
	} {
		t.Run(c.name, func(t *testing.T) {
			_, err := at(c.now).ParseAccess(c.token, ScopeAccess, ScopeAppPass)
			if !errors.Is(err, c.want) || (c.want == ErrInvalidToken && errors.Is(err, ErrBadScope)) {
				t.Errorf("%v, want %v", err, c.want)
			}
		})
	}
	if _, err := tokens.ParseAccess(valid); !errors.Is(err, ErrBadScope) {
		t.Errorf("no scope allowed: %v", err)
	}
}

func TestRefreshTokens(t *testing.T) {
	mint := func(g Grant) string {
		s, err := tokens.MintRefresh(did("a"), g)
		if err != nil {
			t.Fatal(err)
		}
		return s
	}
	access, _ := tokens.MintAccess(did("a"), ScopeAccess)
	good := mint(Grant{ID: "x", Expires: noon.Add(time.Hour)})
	for _, c := range []struct {
		name, token     string
		now             time.Duration
		refresh, delete error
	}{
		{"good", good, 0, nil, nil},
		{"expired", good, 2 * time.Hour, ErrExpiredToken, nil},
		{"access token", access, 0, ErrInvalidToken, ErrInvalidToken},
		{"no jti", mint(Grant{Expires: noon.Add(time.Hour)}), 0, ErrInvalidToken, ErrInvalidToken},
	} {
		_, err := at(c.now).ParseRefresh(c.token)
		if !errors.Is(err, c.refresh) {
			t.Errorf("%s: refresh %v, want %v", c.name, err, c.refresh)
		}
		if _, err = at(c.now).ParseRefreshExpired(c.token); !errors.Is(err, c.delete) {
			t.Errorf("%s: delete %v, want %v", c.name, err, c.delete)
		}
	}
}
