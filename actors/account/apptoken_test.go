package account

import (
	"errors"
	"testing"
	"time"

	"github.com/golang-jwt/jwt/v5"
)

func TestTokensOfAppsAreNotSessions(t *testing.T) {
	tokens := Tokens{Secret: []byte("a secret of the server, long enough"), ServiceDID: "did:web:pds.test", Now: func() time.Time { return noon }}
	s := AppSession{DID: did("anna"), Client: app, Token: NewAppToken(), Thumbprint: "jkt", RefreshedAt: noon, ExpiresAt: noon.Add(time.Hour)}
	token, err := tokens.MintApp("https://pds.test", s)
	if err != nil {
		t.Fatal(err)
	}
	a, err := tokens.ReadApp(token)
	if err != nil || a.DID != s.DID || a.ID != s.Token || a.Thumbprint != "jkt" || !a.Expires.Equal(s.ExpiresAt) {
		t.Errorf("%+v %v", a, err)
	}
	if _, err := tokens.ReadAccess(token); !errors.Is(err, ErrInvalidToken) {
		t.Errorf("the token of an app is a session: %v", err)
	}
	session, err := tokens.MintAccess(did("anna"), ScopeAccess)
	if err != nil {
		t.Fatal(err)
	}
	sign := func(method jwt.SigningMethod, key any, typ string, change func(jwt.MapClaims)) string {
		c := jwt.MapClaims{"iss": "https://pds.test", "aud": "did:web:pds.test", "sub": string(did("anna")), "jti": "tok-1", "exp": noon.Unix() + 60, "cnf": map[string]string{"jkt": "jkt"}}
		change(c)
		token := jwt.NewWithClaims(method, c)
		token.Header["typ"] = typ
		out, err := token.SignedString(key)
		if err != nil {
			t.Fatal(err)
		}
		return out
	}
	same := func(jwt.MapClaims) {}
	if _, err := tokens.ReadApp(sign(jwt.SigningMethodHS256, tokens.Secret, "at+jwt", same)); err != nil {
		t.Fatal(err)
	}
	for name, token := range map[string]string{
		"a session":       session,
		"nothing":         "",
		"alg none":        sign(jwt.SigningMethodNone, jwt.UnsafeAllowNoneSignatureType, "at+jwt", same),
		"another alg":     sign(jwt.SigningMethodHS512, tokens.Secret, "at+jwt", same),
		"another secret":  sign(jwt.SigningMethodHS256, []byte("another"), "at+jwt", same),
		"another type":    sign(jwt.SigningMethodHS256, tokens.Secret, "refresh+jwt", same),
		"no confirmation": sign(jwt.SigningMethodHS256, tokens.Secret, "at+jwt", func(c jwt.MapClaims) { delete(c, "cnf") }),
		"no key":          sign(jwt.SigningMethodHS256, tokens.Secret, "at+jwt", func(c jwt.MapClaims) { c["cnf"] = map[string]string{} }),
		"no id":           sign(jwt.SigningMethodHS256, tokens.Secret, "at+jwt", func(c jwt.MapClaims) { delete(c, "jti") }),
		"no end":          sign(jwt.SigningMethodHS256, tokens.Secret, "at+jwt", func(c jwt.MapClaims) { delete(c, "exp") }),
		"for others":      sign(jwt.SigningMethodHS256, tokens.Secret, "at+jwt", func(c jwt.MapClaims) { c["aud"] = "did:web:other.test" }),
		"of nobody":       sign(jwt.SigningMethodHS256, tokens.Secret, "at+jwt", func(c jwt.MapClaims) { c["sub"] = "anna" }),
	} {
		if a, err := tokens.ReadApp(token); !errors.Is(err, ErrInvalidToken) {
			t.Errorf("%s: %+v %v", name, a, err)
		}
	}
}
