package client

import (
	"crypto"
	"encoding/base64"
	"encoding/json"
	"slices"
	"time"

	"github.com/go-jose/go-jose/v4"

	"troupe/actors/account"
	"troupe/http/dpop"
)

// AssertionType is the only kind of client assertion (RFC 7523).
const AssertionType = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"

const (
	maxAssertion = 8 << 10
	assertionAge = time.Minute
	leeway       = 30 * time.Second
)

// authenticate verifies a client assertion (RFC 7523 §3) for this server. id is
// that of the assertion (jti).
func (c *Client) authenticate(assertionType, assertion, issuer string, now time.Time) (auth account.ClientAuth, id string, err error) {
	if c.AuthMethod != "private_key_jwt" {
		return account.ClientAuth{Method: "none"}, "", nil
	}
	switch {
	case assertion == "":
		return auth, "", Refusal{"invalid_request", `client authentication method "private_key_jwt" required a "client_assertion"`}
	case assertionType != AssertionType:
		return auth, "", badClient("Unsupported client_assertion_type")
	case len(assertion) > maxAssertion:
		return auth, "", badClient("client_assertion is too long")
	}
	jws, err := jose.ParseSignedCompact(assertion, dpop.Algorithms)
	if err != nil || len(jws.Signatures) != 1 {
		return auth, "", badClient(`Validation of "client_assertion" failed`)
	}
	h := jws.Signatures[0].Protected
	if h.KeyID == "" {
		return auth, "", badClient(`"kid" required in client_assertion`)
	}
	key, err := c.key(h.KeyID, h.Algorithm)
	if err != nil {
		return auth, "", err
	}
	payload, err := jws.Verify(key)
	if err != nil {
		return auth, "", badClient(`Validation of "client_assertion" failed: signature verification failed`)
	}
	if id, err = c.judge(payload, issuer, now); err != nil {
		return auth, "", err
	}
	sum, err := key.Thumbprint(crypto.SHA256)
	if err != nil {
		return auth, "", badClient("Unable to compute JWK thumbprint")
	}
	return account.ClientAuth{Method: c.AuthMethod, Alg: h.Algorithm, Kid: h.KeyID, Thumbprint: base64.RawURLEncoding.EncodeToString(sum)}, id, nil
}

func (c *Client) judge(payload []byte, issuer string, now time.Time) (id string, err error) {
	var cl struct {
		Iss string   `json:"iss"`
		Sub string   `json:"sub"`
		Aud audience `json:"aud"`
		JTI string   `json:"jti"`
		IAT *float64 `json:"iat"`
		EXP *float64 `json:"exp"`
		NBF *float64 `json:"nbf"`
	}
	const failed = `Validation of "client_assertion" failed: `
	if err := json.Unmarshal(payload, &cl); err != nil {
		return "", badClient(failed + "malformed claims")
	}
	t := float64(now.Unix())
	switch lax := leeway.Seconds(); {
	case cl.Iss != c.ID:
		return "", badClient(failed + `unexpected "iss" claim value`)
	case cl.Sub != c.ID:
		return "", badClient(failed + `unexpected "sub" claim value`)
	case !slices.Contains(cl.Aud, issuer):
		return "", badClient(failed + `unexpected "aud" claim value`)
	case cl.JTI == "":
		return "", badClient(failed + `missing required "jti" claim`)
	case cl.IAT == nil:
		return "", badClient(failed + `missing required "iat" claim`)
	case t-*cl.IAT > assertionAge.Seconds()+lax || cl.EXP != nil && *cl.EXP < t-lax:
		return "", badClient(failed + "it has expired")
	case *cl.IAT > t+lax || cl.NBF != nil && *cl.NBF > t+lax:
		return "", badClient(failed + "it is of the future")
	}
	return cl.JTI, nil
}

// audience is one or several, as JWTs write it.
type audience []string

// UnmarshalJSON implements [json.Unmarshaler].
func (a *audience) UnmarshalJSON(b []byte) error {
	var one string
	if json.Unmarshal(b, &one) == nil {
		*a = audience{one}
		return nil
	}
	return json.Unmarshal(b, (*[]string)(a))
}
