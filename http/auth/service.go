package auth

import (
	"context"
	"encoding/base64"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/bluesky-social/indigo/atproto/atcrypto"
	"github.com/bluesky-social/indigo/atproto/syntax"
	"github.com/golang-jwt/jwt/v5"
)

// maxToken bounds what is parsed at all.
const maxToken = 8 << 10

// BadJWT refuses a service token. Name is what clients know the fault by.
type BadJWT struct{ Name, Message string }

func (e BadJWT) Error() string { return "auth: service token: " + e.Message }

// Faults of service tokens (reference behaviour).
var (
	errBadJWT       = BadJWT{"BadJwt", "poorly formatted jwt"}
	errJWTExpired   = BadJWT{"JwtExpired", "jwt expired"}
	errJWTAudience  = BadJWT{"BadJwtAudience", "jwt audience does not match service did"}
	errJWTMethod    = BadJWT{"BadJwtLexiconMethod", "jwt lxm does not match the method that is called"}
	errJWTIssuer    = BadJWT{"BadJwtIss", "invalid jwt issuer"}
	errJWTSignature = BadJWT{"BadJwtSignature", "jwt signature does not match jwt issuer"}
)

type serviceClaims struct {
	Iss string   `json:"iss"`
	Aud string   `json:"aud"`
	Lxm string   `json:"lxm"`
	Exp *float64 `json:"exp"`
}

// The expiry and all else is judged by serviceToken itself, for the sake of names.
func (serviceClaims) GetExpirationTime() (*jwt.NumericDate, error) { return nil, nil }
func (serviceClaims) GetIssuedAt() (*jwt.NumericDate, error)       { return nil, nil }
func (serviceClaims) GetNotBefore() (*jwt.NumericDate, error)      { return nil, nil }
func (serviceClaims) GetIssuer() (string, error)                   { return "", nil }
func (serviceClaims) GetSubject() (string, error)                  { return "", nil }
func (serviceClaims) GetAudience() (jwt.ClaimStrings, error)       { return nil, nil }

// serviceToken verifies a token that a DID signed for this server and this
// method, and returns the DID (atproto.com/specs/xrpc, "Inter-Service
// Authentication"). A signature that does not match is tried again with a fresh
// DID document: the key may have been rotated.
func (v *Verifier) serviceToken(ctx context.Context, token string, method syntax.NSID) (syntax.DID, error) {
	if len(token) > maxToken || strings.Count(token, ".") != 2 {
		return "", errBadJWT
	}
	var claims serviceClaims
	parsed, parts, err := jwt.NewParser(jwt.WithoutClaimsValidation()).ParseUnverified(token, &claims)
	if err != nil {
		return "", errBadJWT
	}
	if typ, _ := parsed.Header["typ"].(string); slices.Contains([]string{"at+jwt", "refresh+jwt", "dpop+jwt"}, strings.ToLower(typ)) {
		return "", BadJWT{"BadJwtType", fmt.Sprintf("Invalid jwt type %q", typ)}
	}
	if claims.Exp == nil || claims.Iss == "" || claims.Aud == "" {
		return "", errBadJWT
	}
	if float64(time.Now().Unix()) > *claims.Exp {
		return "", errJWTExpired
	}
	if !slices.Contains(v.Audiences, claims.Aud) {
		return "", errJWTAudience
	}
	if claims.Lxm != method.String() {
		return "", errJWTMethod
	}
	issuer, fragment, hasFragment := strings.Cut(claims.Iss, "#")
	did, err := syntax.ParseDID(issuer)
	if err != nil || hasFragment && fragment != "atproto_labeler" {
		return "", errJWTIssuer
	}
	name := "atproto"
	if hasFragment {
		name = "atproto_label"
	}
	sig, err := base64.RawURLEncoding.DecodeString(parts[2])
	if err != nil || len(sig) != 64 {
		return "", errJWTSignature
	}
	alg, _ := parsed.Header["alg"].(string)
	signed := []byte(parts[0] + "." + parts[1])
	for _, fresh := range []bool{false, true} {
		key, err := v.Key(ctx, did, name, fresh)
		if err == nil && algorithm(key) == alg && key.HashAndVerifyLenient(signed, sig) == nil {
			return did, nil
		}
	}
	return "", errJWTSignature
}

// algorithm is the only one that a key may be used with.
func algorithm(k atcrypto.PublicKey) string {
	switch k.(type) {
	case *atcrypto.PublicKeyK256:
		return "ES256K"
	case *atcrypto.PublicKeyP256:
		return "ES256"
	}
	return ""
}
