package dpop

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/base64"
	"encoding/json"
	"errors"
	"net/http"
	"net/url"
	"path"
	"strings"
	"time"

	"github.com/go-jose/go-jose/v4"
)

// Algorithms that proofs may be signed with.
var Algorithms = []jose.SignatureAlgorithm{
	jose.ES256, jose.ES384, jose.ES512, jose.RS256, jose.RS384, jose.RS512, jose.PS256, jose.PS384, jose.PS512,
}

// ErrNonce: the proof is to be made again with the nonce that comes with the
// answer.
var ErrNonce = errors.New("dpop: a nonce of this server is required")

// Invalid refuses a proof. The words are for the client.
type Invalid struct{ Message string }

func (e Invalid) Error() string { return e.Message }

const (
	maxProof = 8 << 10
	maxAge   = 10 * time.Second // of a proof, by a client whose clock is right
	skew     = 3 * rotation     // how wrong it may be
	minRSA   = 2048             // bits
)

// Checker checks proofs.
type Checker struct {
	Origin string // scheme and host of the server's public URL
	Nonces *Nonces
	Now    func() time.Time

	replays Replays
}

// Proof is what a good proof says.
type Proof struct {
	Thumbprint string // of the key (RFC 7638), base64url: jkt
}

// Check reads the proof of a request; found is false if it has none. token is
// the access token that comes with it, "" where there is none yet. A proof is
// good once.
func (c *Checker) Check(r *http.Request, token string) (p Proof, found bool, err error) {
	headers := r.Header.Values("DPoP")
	switch {
	case len(headers) == 0:
		return Proof{}, false, nil
	case len(headers) > 1:
		return Proof{}, true, Invalid{"DPoP header must contain a single proof"}
	case headers[0] == "":
		return Proof{}, true, Invalid{"DPoP header cannot be empty"}
	}
	key, payload, err := open(headers[0])
	if err != nil {
		return Proof{}, true, err
	}
	var cl claims
	if err := json.Unmarshal(payload, &cl); err != nil {
		return Proof{}, true, Invalid{"DPoP claims are malformed"}
	}
	now := c.Now()
	if err := c.judge(cl, r, token, now); err != nil {
		return Proof{}, true, err
	}
	sum, err := key.Thumbprint(crypto.SHA256)
	if err != nil {
		return Proof{}, true, Invalid{"DPoP key has no thumbprint"}
	}
	p.Thumbprint = base64.RawURLEncoding.EncodeToString(sum)
	if !c.replays.First(now, p.Thumbprint, cl.JTI) {
		return Proof{}, true, Invalid{"DPoP proof replayed"}
	}
	return p, true, nil
}

// open verifies the signature of a proof with the key inside it.
func open(proof string) (*jose.JSONWebKey, []byte, error) {
	if len(proof) > maxProof {
		return nil, nil, Invalid{"DPoP proof is too long"}
	}
	jws, err := jose.ParseSignedCompact(proof, Algorithms)
	if err != nil || len(jws.Signatures) != 1 {
		return nil, nil, Invalid{"Failed to verify DPoP proof"}
	}
	h := jws.Signatures[0].Protected
	key := h.JSONWebKey
	switch typ, _ := h.ExtraHeaders[jose.HeaderType].(string); {
	case !strings.EqualFold(typ, "dpop+jwt"):
		return nil, nil, Invalid{`DPoP "typ" mismatch`}
	case key == nil || !key.Valid() || !key.IsPublic() || !Fits(key.Key, h.Algorithm):
		return nil, nil, Invalid{"DPoP key is not usable"}
	}
	payload, err := jws.Verify(key)
	if err != nil {
		return nil, nil, Invalid{"Failed to verify DPoP proof"}
	}
	return key, payload, nil
}

// Fits reports whether a key is of the kind, and the strength, that an
// algorithm is for.
func Fits(key any, alg string) bool {
	switch k := key.(type) {
	case *ecdsa.PublicKey:
		return map[string]string{"ES256": "P-256", "ES384": "P-384", "ES512": "P-521"}[alg] == k.Curve.Params().Name
	case *rsa.PublicKey:
		return k.N.BitLen() >= minRSA && strings.HasSuffix(alg[:2], "S") && alg[0] != 'E'
	}
	return false
}

type claims struct {
	JTI   string   `json:"jti"`
	HTM   string   `json:"htm"`
	HTU   string   `json:"htu"`
	IAT   *float64 `json:"iat"`
	EXP   *float64 `json:"exp"`
	NBF   *float64 `json:"nbf"`
	ATH   *string  `json:"ath"`
	Nonce *string  `json:"nonce"`
}

// judge holds the claims to the request (RFC 9449 §4.3). The nonce comes after
// everything that a new one would not mend.
func (c *Checker) judge(cl claims, r *http.Request, token string, now time.Time) error {
	switch {
	case cl.JTI == "":
		return Invalid{`DPoP "jti" missing`}
	case cl.HTM != r.Method:
		return Invalid{`DPoP "htm" mismatch`}
	case cl.IAT == nil:
		return Invalid{`DPoP "iat" missing`}
	}
	if err := c.sameURL(cl.HTU, r.URL); err != nil {
		return err
	}
	t, lax := float64(now.Unix()), skew.Seconds()
	switch {
	case t-*cl.IAT > maxAge.Seconds()+lax, cl.EXP != nil && *cl.EXP < t-lax:
		return Invalid{"DPoP proof has expired"}
	case *cl.IAT-t > lax, cl.NBF != nil && *cl.NBF > t+lax:
		return Invalid{"DPoP proof is of the future"}
	}
	switch sum := sha256.Sum256([]byte(token)); {
	case token == "" && cl.ATH != nil:
		return Invalid{`DPoP "ath" claim not allowed`}
	case token != "" && (cl.ATH == nil || subtle.ConstantTimeCompare([]byte(*cl.ATH), []byte(base64.RawURLEncoding.EncodeToString(sum[:]))) != 1):
		return Invalid{`DPoP "ath" mismatch`}
	}
	if cl.Nonce == nil || !c.Nonces.Good(*cl.Nonce) {
		return ErrNonce
	}
	return nil
}

// sameURL compares the htu claim with where the request went.
func (c *Checker) sameURL(htu string, requested *url.URL) error {
	u, err := url.Parse(htu)
	switch {
	case err != nil || u.Host == "":
		return Invalid{`DPoP "htu" is not a valid URL`}
	case u.User != nil:
		return Invalid{`DPoP "htu" must not contain credentials`}
	case u.Scheme != "https" && u.Scheme != "http":
		return Invalid{`DPoP "htu" must be http or https`}
	case origin(u) != c.Origin || clean(u) != clean(requested):
		return Invalid{`DPoP "htu" mismatch`}
	}
	return nil
}

// origin is scheme and host in the form in which browsers write them.
func origin(u *url.URL) string {
	host := strings.ToLower(u.Host)
	if p := u.Port(); p == "443" && u.Scheme == "https" || p == "80" && u.Scheme == "http" {
		host = strings.TrimSuffix(host, ":"+p)
	}
	return u.Scheme + "://" + host
}

// clean is a path without dot segments. Its escapes stay: what is routed by
// them differs.
func clean(u *url.URL) string {
	p := u.EscapedPath()
	if !strings.HasPrefix(p, "/") {
		p = "/" + p
	}
	slash := p != "/" && strings.HasSuffix(p, "/")
	if strings.Contains(p, "/.") {
		p = path.Clean(p)
		if slash {
			p += "/"
		}
	}
	return p
}
