package auth

import (
	"context"
	"encoding/base64"
	"errors"
	"strings"
	"testing"
	"time"
)

// Tokens that are none are refused, whatever is wrong with them: two servers
// have been crashed by a token of the wrong shape.
func TestMalformedServiceTokens(t *testing.T) {
	keys := newSigners(t)
	v := &Verifier{Audiences: []string{pdsDID}, Key: keys.find}
	encode := func(s string) string { return base64.RawURLEncoding.EncodeToString([]byte(s)) }
	good := keys.jwt(t, userDID+"#atproto", map[string]any{"typ": "JWT", "alg": "ES256K"},
		map[string]any{"iss": userDID, "aud": pdsDID, "lxm": called, "exp": time.Now().Add(time.Minute).Unix()})
	if did, err := v.serviceToken(context.Background(), good, called, anAccount); err != nil || did != userDID {
		t.Fatalf("the good one: %s, %v", did, err)
	}
	part := strings.Split(good, ".")
	tokens := []string{"", ".", "..", "...", strings.Repeat(".", 10_000), part[0] + "." + part[1], good + ".x", good + "x", "x" + good,
		part[0] + "=." + part[1] + "." + part[2], part[0] + "." + part[1] + ".", part[0] + "." + part[1] + "." + part[2][1:],
		part[0] + "." + part[1] + "." + encode(strings.Repeat("\x00", 64)), part[0] + "." + part[1] + "." + encode(strings.Repeat("\xff", 64)),
		part[0] + "." + part[1] + "." + encode("\x30\x44\x02\x20"+strings.Repeat("\x01", 32)+"\x02\x20"+strings.Repeat("\x01", 32))}
	for _, json := range []string{"", "x", "null", "[]", `"x"`, "1", "{", "{}", `{"typ":1}`, `{"alg":{}}`, `{"alg":null}`, `{"alg":""}`, strings.Repeat("[", 5000)} {
		tokens = append(tokens, encode(json)+"."+part[1]+"."+part[2])
	}
	for _, json := range []string{"", "null", "[]", `"x"`, "{}", `{"iss":1}`, `{"iss":null,"aud":null,"exp":null}`, `{"exp":"tomorrow"}`,
		`{"exp":1e400}`, `{"iss":"did:plc:x#","aud":"` + pdsDID + `","lxm":"` + called + `","exp":9999999999}`,
		`{"iss":"alice.test","aud":"` + pdsDID + `","lxm":"` + called + `","exp":9999999999}`,
		`{"iss":"` + userDID + `","aud":["` + pdsDID + `"],"lxm":"` + called + `","exp":9999999999}`,
		`{"iss":"` + userDID + `","aud":"` + pdsDID + `","lxm":["` + called + `"],"exp":9999999999}`} {
		tokens = append(tokens, part[0]+"."+encode(json)+"."+part[2])
	}
	for _, token := range tokens {
		var refused BadJWT
		if _, err := v.serviceToken(context.Background(), token, called, anAccount); !errors.As(err, &refused) {
			t.Errorf("%.100q: %v", token, err)
		}
		namesMethod(token) // does not panic either
	}
}
