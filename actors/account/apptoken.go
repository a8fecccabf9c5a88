package account

import (
	"errors"
	"fmt"
	"time"

	"github.com/bluesky-social/indigo/atproto/syntax"
	"github.com/golang-jwt/jwt/v5"
)

// AppAccess is what an access token of OAuth says by itself. What it is good for
// is asked of [Grants].
type AppAccess struct {
	DID        syntax.DID
	ID         TokenID
	Thumbprint string
	Expires    time.Time
}

// appClaims are those of access tokens of OAuth.
type appClaims struct {
	jwt.RegisteredClaims
	Client string  `json:"client_id"`
	Cnf    *appCnf `json:"cnf"`
}

type appCnf struct {
	Thumbprint string `json:"jkt"`
}

// MintApp signs the access token of a session of an app. issuer is the server's
// public URL. No right is in it: each request looks the session up, so that what
// is taken back is taken back at once.
func (t Tokens) MintApp(issuer string, s AppSession) (string, error) {
	if len(t.Secret) == 0 {
		return "", errors.New("account: no secret to sign tokens with")
	}
	token := jwt.NewWithClaims(jwt.SigningMethodHS256, jwt.MapClaims{
		"iss": issuer, "aud": t.ServiceDID.String(), "sub": s.DID.String(), "jti": string(s.Token), "client_id": string(s.Client),
		"iat": s.RefreshedAt.Unix(), "exp": s.ExpiresAt.Unix(), "cnf": map[string]string{"jkt": s.Thumbprint},
	})
	token.Header["typ"] = typeAccess
	return token.SignedString(t.Secret)
}

// ReadApp verifies an access token of OAuth, expired or not. Its error is
// ErrInvalidToken.
func (t Tokens) ReadApp(token string) (AppAccess, error) {
	if len(token) > maxToken || len(t.Secret) == 0 {
		return AppAccess{}, ErrInvalidToken
	}
	c := new(appClaims)
	p := jwt.NewParser(jwt.WithValidMethods([]string{"HS256"}), jwt.WithStrictDecoding(), jwt.WithoutClaimsValidation())
	parsed, err := p.ParseWithClaims(token, c, func(*jwt.Token) (any, error) { return t.Secret, nil })
	if err != nil {
		return AppAccess{}, fmt.Errorf("%w: %w", ErrInvalidToken, err)
	}
	_, critical := parsed.Header["crit"]
	switch {
	case parsed.Header["typ"] != typeAccess || critical:
		err = errors.New("header")
	case c.Cnf == nil || c.Cnf.Thumbprint == "" || c.ID == "" || c.ExpiresAt == nil:
		err = errors.New("another kind of token")
	case len(c.Audience) != 1 || c.Audience[0] != t.ServiceDID.String():
		err = errors.New("aud")
	default:
		_, err = syntax.ParseDID(c.Subject)
	}
	if err != nil {
		return AppAccess{}, fmt.Errorf("%w: %w", ErrInvalidToken, err)
	}
	return AppAccess{DID: syntax.DID(c.Subject), ID: TokenID(c.ID), Thumbprint: c.Cnf.Thumbprint, Expires: c.ExpiresAt.Time}, nil
}
