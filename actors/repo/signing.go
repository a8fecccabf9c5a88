package repo

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"fmt"
	"time"

	"github.com/bluesky-social/indigo/atproto/atcrypto"
	_ "github.com/bluesky-social/indigo/atproto/auth" // registers the field's ES256K and ES256 with the JWT library
	"github.com/golang-jwt/jwt/v5"
)

// signServiceAuth mints a service token (atproto.com/specs/xrpc,
// "Inter-Service Authentication"). aud is a plain string: some verifiers do
// not take a list of one.
func (r *Repo) signServiceAuth(_ context.Context, m SignServiceAuth) (string, error) {
	if err := r.exists(); err != nil {
		return "", err
	}
	if err := r.readKey(); err != nil {
		return "", err
	}
	method := jwt.GetSigningMethod("ES256K")
	if _, p256 := r.key.(*atcrypto.PrivateKeyP256); p256 {
		method = jwt.GetSigningMethod("ES256")
	}
	var nonce [16]byte
	rand.Read(nonce[:])
	claims := jwt.MapClaims{
		"iss": r.did.String(), "aud": m.Audience, "iat": time.Now().Unix(), "exp": m.Expires.Unix(),
		"jti": hex.EncodeToString(nonce[:]),
	}
	if m.Lexicon != "" {
		claims["lxm"] = m.Lexicon.String()
	}
	token, err := jwt.NewWithClaims(method, claims).SignedString(r.key)
	if err != nil {
		return "", fmt.Errorf("repo: sign service token: %w", err)
	}
	return token, nil
}

func (r *Repo) signingKey(context.Context, SigningKey) (string, error) {
	if err := r.readKey(); err != nil {
		return "", err
	}
	pub, err := r.key.PublicKey()
	if err != nil {
		return "", err
	}
	return pub.DIDKey(), nil
}
