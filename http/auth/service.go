package auth

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/bluesky-social/indigo/atproto/atcrypto"
	"github.com/bluesky-social/indigo/atproto/syntax"
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
	errUntrusted    = BadJWT{"UntrustedIss", "Untrusted issuer"}
)

type serviceHeader struct {
	Typ  string          `json:"typ"`
	Alg  string          `json:"alg"`
	Crit json.RawMessage `json:"crit"`
}

type serviceClaims struct {
	Iss string   `json:"iss"`
	Aud string   `json:"aud"`
	Lxm string   `json:"lxm"`
	Exp *float64 `json:"exp"`
}

// unverified is a service token as it says it is.
type unverified struct {
	serviceHeader
	serviceClaims
	signed, sig []byte // sig is nil if it cannot be one
}

// readServiceToken takes a token apart. Read here and not by the library of
// session tokens, whose list of algorithms lacks the one that accounts sign with.
func readServiceToken(token string) (u unverified, err error) {
	parts := strings.Split(token, ".")
	if len(token) > maxToken || len(parts) != 3 {
		return u, errBadJWT
	}
	for i, into := range []any{&u.serviceHeader, &u.serviceClaims} {
		raw, err := base64.RawURLEncoding.DecodeString(parts[i])
		if err != nil || json.Unmarshal(raw, into) != nil {
			return u, errBadJWT
		}
	}
	u.signed = []byte(parts[0] + "." + parts[1])
	if sig, err := base64.RawURLEncoding.DecodeString(parts[2]); err == nil && len(sig) == 64 {
		u.sig = sig
	}
	return u, nil
}

// serviceToken verifies a token that a DID signed for this server and this
// method, and returns the DID (atproto.com/specs/xrpc, "Inter-Service
// Authentication"). trust judges the issuer as it is written, before anybody is
// asked for its key. A signature that does not match is tried again with a fresh
// DID document: the key may have been rotated.
//
// The header's kid is not looked at: the issuer says which key it is, and a
// token that could choose would choose the weakest.
func (v *Verifier) serviceToken(ctx context.Context, token string, method syntax.NSID, trust func(iss string) error) (syntax.DID, error) {
	claims, err := readServiceToken(token)
	if err != nil {
		return "", err
	}
	if slices.Contains([]string{"at+jwt", "refresh+jwt", "dpop+jwt"}, strings.ToLower(claims.Typ)) {
		return "", BadJWT{"BadJwtType", fmt.Sprintf("Invalid jwt type %q", claims.Typ)}
	}
	if claims.Crit != nil || claims.Exp == nil || claims.Iss == "" || claims.Aud == "" {
		return "", errBadJWT
	}
	if float64(time.Now().Unix()) > *claims.Exp {
		return "", errJWTExpired
	}
	if claims.Lxm != method.String() {
		return "", errJWTMethod
	}
	if err := trust(claims.Iss); err != nil {
		return "", err
	}
	did, name, err := issuer(claims.Iss)
	if err != nil {
		return "", err
	}
	if !slices.Contains(v.Audiences, claims.Aud) {
		return "", errJWTAudience
	}
	if claims.sig == nil {
		return "", errJWTSignature
	}
	for _, fresh := range []bool{false, true} {
		key, err := v.Key(ctx, did, name, fresh)
		if err == nil && algorithm(key) == claims.Alg && key.HashAndVerifyLenient(claims.signed, claims.sig) == nil {
			return did, nil
		}
	}
	return "", errJWTSignature
}

// issuer is the DID that signed and the name of its key.
func issuer(iss string) (syntax.DID, string, error) {
	bare, labeler := strings.CutSuffix(iss, labelerSuffix)
	did, err := syntax.ParseDID(bare)
	if err != nil {
		return "", "", errJWTIssuer
	}
	if labeler {
		return did, "atproto_label", nil
	}
	return did, "atproto", nil
}

// anAccount trusts any DID that signs with the key of its account. That of its
// labels is often held by somebody else, and does not act for the account.
func anAccount(iss string) error {
	if strings.Contains(iss, "#") {
		return errJWTIssuer
	}
	return nil
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
