package auth

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	"github.com/bluesky-social/indigo/atproto/atcrypto"
	"github.com/bluesky-social/indigo/atproto/syntax"

	"troupe/actors/account"
	"troupe/actors/lexicon"
	"troupe/http/xrpc"
)

const (
	modDID  = "did:plc:moderationmoderationmode"
	userDID = "did:plc:somebodysomebodysomebody"
	pdsDID  = "did:web:pds.test"
	called  = "com.atproto.admin.getAccountInfo"
)

// signers are the keys that the DID documents of this test name.
type signers map[string]atcrypto.PrivateKeyExportable

func newSigners(t *testing.T) signers {
	t.Helper()
	all := signers{}
	for _, name := range []string{modDID + "#atproto", modDID + "#atproto_label", userDID + "#atproto", userDID + "#atproto_label"} {
		key, err := atcrypto.GeneratePrivateKeyK256()
		if err != nil {
			t.Fatal(err)
		}
		all[name] = key
	}
	return all
}

func (s signers) find(_ context.Context, did syntax.DID, fragment string, _ bool) (atcrypto.PublicKey, error) {
	key, ok := s[did.String()+"#"+fragment]
	if !ok {
		return nil, errors.New("no such key")
	}
	return key.PublicKey()
}

// jwt signs header and claims with a key.
func (s signers) jwt(t *testing.T, key string, header, claims map[string]any) string {
	t.Helper()
	part := func(m map[string]any) string {
		b, err := json.Marshal(m)
		if err != nil {
			t.Fatal(err)
		}
		return base64.RawURLEncoding.EncodeToString(b)
	}
	signed := part(header) + "." + part(claims)
	sig, err := s[key].HashAndSign([]byte(signed))
	if err != nil {
		t.Fatal(err)
	}
	return signed + "." + base64.RawURLEncoding.EncodeToString(sig)
}

// with is a copy of m with other values; a nil value removes the key.
func with(m map[string]any, pairs ...any) map[string]any {
	c := make(map[string]any, len(m))
	for k, v := range m {
		c[k] = v
	}
	for i := 0; i < len(pairs); i += 2 {
		c[pairs[i].(string)] = pairs[i+1]
		if pairs[i+1] == nil {
			delete(c, pairs[i].(string))
		}
	}
	return c
}

// A moderator is who the operator named, with the right key, for this server,
// this method and this moment. Everybody else is told what is wrong by name.
func TestAsModerator(t *testing.T) {
	keys := newSigners(t)
	v := &Verifier{
		AdminPassword: "operator", ModService: modDID, Audiences: []string{pdsDID, pdsDID + "#atproto_pds"}, Key: keys.find,
		Tokens: account.Tokens{Secret: []byte("a secret of this test, 32 bytes long"), ServiceDID: pdsDID},
	}
	header := map[string]any{"typ": "JWT", "alg": "ES256K"}
	claims := map[string]any{"iss": modDID, "aud": pdsDID, "lxm": called, "exp": time.Now().Add(time.Minute).Unix()}
	sign := func(key string, h, c map[string]any) string { return "Bearer " + keys.jwt(t, key, h, c) }
	mod, label := modDID+"#atproto", modDID+"#atproto_label"
	session, err := v.Tokens.MintAccess(userDID, account.ScopeAccess)
	if err != nil {
		t.Fatal(err)
	}
	for name, c := range map[string]struct{ authorization, want string }{
		"operator":              {basic("admin", "operator"), "ok"},
		"wrong password":        {basic("admin", "Operator"), "required"},
		"other name":            {basic("root", "operator"), "required"},
		"empty password":        {basic("admin", ""), "required"},
		"nobody":                {"", "required"},
		"OAuth":                 {"DPoP x", "required"},
		"malformed":             {"Bearer", "malformed"},
		"unknown scheme":        {"Digest x", "scheme"},
		"session":               {"Bearer " + session, "BadJwtType"},
		"service":               {sign(mod, header, claims), "ok " + modDID},
		"named service":         {sign(mod, header, with(claims, "aud", pdsDID+"#atproto_pds")), "ok " + modDID},
		"labeler":               {sign(label, header, with(claims, "iss", modDID+"#atproto_labeler")), "ok " + modDID},
		"labeler, account key":  {sign(mod, header, with(claims, "iss", modDID+"#atproto_labeler")), "BadJwtSignature"},
		"service, labeler key":  {sign(label, header, claims), "BadJwtSignature"},
		"kid chooses":           {sign(label, with(header, "kid", "#atproto_label"), claims), "BadJwtSignature"},
		"other fragment":        {sign(mod, header, with(claims, "iss", modDID+"#atproto")), "UntrustedIss"},
		"account":               {sign(userDID+"#atproto", header, with(claims, "iss", userDID)), "UntrustedIss"},
		"account as service":    {sign(userDID+"#atproto", header, claims), "BadJwtSignature"},
		"other method":          {sign(mod, header, with(claims, "lxm", "com.atproto.admin.sendEmail")), "BadJwtLexiconMethod"},
		"no method":             {sign(mod, header, with(claims, "lxm", nil)), "BadJwtLexiconMethod"},
		"other server":          {sign(mod, header, with(claims, "aud", "did:web:other.test")), "BadJwtAudience"},
		"other service of ours": {sign(mod, header, with(claims, "aud", pdsDID+"#other")), "BadJwtAudience"},
		"several servers":       {sign(mod, header, with(claims, "aud", []string{pdsDID, "did:web:other.test"})), "BadJwt"},
		"no server":             {sign(mod, header, with(claims, "aud", nil)), "BadJwt"},
		"expired":               {sign(mod, header, with(claims, "exp", time.Now().Add(-time.Minute).Unix())), "JwtExpired"},
		"expired since 1970":    {sign(mod, header, with(claims, "exp", 0)), "JwtExpired"},
		"for ever":              {sign(mod, header, with(claims, "exp", nil)), "BadJwt"},
		"critical":              {sign(mod, with(header, "crit", []string{"x"}), claims), "BadJwt"},
		"unsigned":              {sign(mod, with(header, "alg", "none"), claims), "BadJwtSignature"},
		"other algorithm":       {sign(mod, with(header, "alg", "ES256"), claims), "BadJwtSignature"},
		"typ of a session":      {sign(mod, with(header, "typ", "at+jwt"), claims), "BadJwtType"},
		"typ in capitals":       {sign(mod, with(header, "typ", "DPoP+JWT"), claims), "BadJwtType"},
	} {
		t.Run(name, func(t *testing.T) {
			if got := askModerator(v, c.authorization); got != c.want {
				t.Errorf("%s, want %s", got, c.want)
			}
		})
	}
	v.ModService = ""
	if got := askModerator(v, sign(mod, header, claims)); got != "UntrustedIss" {
		t.Errorf("without a moderation service: %s", got)
	}
	v.AdminPassword = ""
	if got := askModerator(v, basic("admin", "")); got != "required" {
		t.Errorf("without a password: %s", got)
	}
}

func basic(user, password string) string {
	r := &http.Request{Header: http.Header{}}
	r.SetBasicAuth(user, password)
	return r.Header.Get("Authorization")
}

// askModerator calls a method for moderators and says how it was refused.
func askModerator(v *Verifier, authorization string) (got string) {
	s := xrpc.NewServer([]xrpc.Route{
		xrpc.Query(called, v.AsModerator, func(_ context.Context, who Moderator, _ struct {
			DID syntax.DID `query:"did"`
		}) (map[string]string, error) {
			got = "ok"
			if who.DID != "" {
				got += " " + who.DID.String()
			}
			return nil, nil
		}),
	}, lexicon.Embedded(), func(err error) *xrpc.Error {
		var jwt BadJWT
		var scheme UnknownScheme
		switch {
		case errors.As(err, &jwt):
			got = jwt.Name
		case errors.As(err, &scheme):
			got = "scheme"
		case errors.Is(err, ErrMalformed):
			got = "malformed"
		case errors.Is(err, ErrRequired):
			got = "required"
		default:
			got = err.Error()
		}
		return &xrpc.Error{Status: 401, Name: "Refused"}
	}, xrpc.Options{Log: slog.New(slog.DiscardHandler)})
	r := httptest.NewRequest(http.MethodGet, "/xrpc/"+called+"?did="+userDID, nil)
	if authorization != "" {
		r.Header.Set("Authorization", authorization)
	}
	s.ServeHTTP(httptest.NewRecorder(), r)
	return got
}

// The key of an account's labels does not act for the account.
func TestLabelerIsNoAccount(t *testing.T) {
	keys := newSigners(t)
	v := &Verifier{Audiences: []string{pdsDID}, Key: keys.find}
	claims := map[string]any{"iss": userDID + "#atproto_labeler", "aud": pdsDID, "lxm": called, "exp": time.Now().Add(time.Minute).Unix()}
	token := keys.jwt(t, userDID+"#atproto_label", map[string]any{"typ": "JWT", "alg": "ES256K"}, claims)
	var jwt BadJWT
	if _, err := v.serviceToken(context.Background(), token, called, anAccount); !errors.As(err, &jwt) || jwt.Name != "BadJwtIss" {
		t.Errorf("%v, want BadJwtIss", err)
	}
}
