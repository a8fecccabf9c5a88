package account

import (
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/bluesky-social/indigo/atproto/syntax"
	"github.com/golang-jwt/jwt/v5"
)

// Scope is what a session token is good for.
type Scope string

const (
	ScopeAccess            Scope = "com.atproto.access"
	ScopeRefresh           Scope = "com.atproto.refresh"
	ScopeAppPass           Scope = "com.atproto.appPass"
	ScopeAppPassPrivileged Scope = "com.atproto.appPassPrivileged"
	ScopeSignupQueued      Scope = "com.atproto.signupQueued"
	ScopeTakendown         Scope = "com.atproto.takendown"
)

const (
	AccessLifetime  = 2 * time.Hour
	RefreshLifetime = 90 * 24 * time.Hour
)

const (
	typeAccess  = "at+jwt"
	typeRefresh = "refresh+jwt"

	leeway   = 30 * time.Second // that our clock may have been set back since we minted
	maxToken = 8 << 10          // bytes; ours have about 300
)

// Tokens mints and reads session tokens (reference behaviour; HS256). It is
// pure: whether a refresh token is still good is RotateSession's answer.
type Tokens struct {
	Secret     []byte
	ServiceDID syntax.DID       // aud
	Now        func() time.Time // nil: time.Now
}

// Access is a verified access token.
type Access struct {
	DID     syntax.DID
	Scope   Scope
	Begins  time.Time // the later of iat and nbf; zero: it says neither
	Expires time.Time
}

// Refresh is a verified refresh token.
type Refresh struct {
	DID     syntax.DID
	ID      TokenID
	Expires time.Time
}

// Session is what a client holds after signing in, signing up or refreshing.
type Session struct {
	Account Account
	Scope   Scope  // of the access token
	Access  string // JWT
	Refresh string // JWT
}

func (t Tokens) now() time.Time {
	if t.Now != nil {
		return t.Now()
	}
	return time.Now()
}

// MintAccess signs an access token of two hours.
func (t Tokens) MintAccess(did syntax.DID, scope Scope) (string, error) {
	return t.sign(typeAccess, did, scope, t.now().Add(AccessLifetime), nil)
}

// MintRefresh signs the refresh token of a grant.
func (t Tokens) MintRefresh(did syntax.DID, g Grant) (string, error) {
	return t.sign(typeRefresh, did, ScopeRefresh, g.Expires, jwt.MapClaims{"jti": string(g.ID)})
}

// NewGrant makes the refresh token of a new session.
func (t Tokens) NewGrant(appPassword string) Grant {
	return Grant{ID: newTokenID(), Expires: t.now().Add(RefreshLifetime), AppPassword: appPassword}
}

// Session signs both tokens of a session.
func (t Tokens) Session(a Account, scope Scope, g Grant) (Session, error) {
	access, err := t.MintAccess(a.DID, scope)
	if err != nil {
		return Session{}, err
	}
	refresh, err := t.MintRefresh(a.DID, g)
	return Session{Account: a, Scope: scope, Access: access, Refresh: refresh}, err
}

func (t Tokens) sign(typ string, did syntax.DID, scope Scope, expires time.Time, more jwt.MapClaims) (string, error) {
	if len(t.Secret) == 0 {
		return "", errors.New("account: no secret to sign tokens with")
	}
	claims := jwt.MapClaims{
		"scope": string(scope),
		"aud":   t.ServiceDID.String(),
		"sub":   did.String(),
		"iat":   t.now().Unix(),
		"exp":   expires.Unix(),
	}
	for k, v := range more {
		claims[k] = v
	}
	token := jwt.NewWithClaims(jwt.SigningMethodHS256, claims)
	token.Header["typ"] = typ
	return token.SignedString(t.Secret)
}

// ParseAccess verifies an access token of one of the scopes. Errors:
// ErrExpiredToken, ErrBadScope, ErrInvalidToken.
func (t Tokens) ParseAccess(token string, allowed ...Scope) (Access, error) {
	a, err := t.ReadAccess(token)
	if err == nil {
		err = t.Admit(a, allowed...)
	}
	if err != nil {
		return Access{}, err
	}
	return a, nil
}

// ReadAccess verifies an access token of any scope. What it found stays true of
// that token for good, but for the time: see Admit. Errors: ErrExpiredToken,
// ErrInvalidToken.
func (t Tokens) ReadAccess(token string) (Access, error) {
	c, err := t.parse(token, typeAccess, false)
	if err != nil {
		return Access{}, err
	}
	a := Access{DID: syntax.DID(c.Subject), Scope: Scope(c.Scope), Expires: c.ExpiresAt.Time}
	for _, begin := range []*jwt.NumericDate{c.IssuedAt, c.NotBefore} {
		if begin != nil && begin.After(a.Begins) {
			a.Begins = begin.Time
		}
	}
	return a, nil
}

// Admit judges a token that ReadAccess has verified, perhaps a while ago, by
// the time and by the scopes that are asked for. Errors: ErrExpiredToken,
// ErrBadScope, ErrInvalidToken.
func (t Tokens) Admit(a Access, allowed ...Scope) error {
	now := t.now()
	switch {
	case a.Begins.After(now.Add(leeway)):
		return fmt.Errorf("%w: from the future", ErrInvalidToken)
	case !now.Before(a.Expires):
		return ErrExpiredToken
	case a.Scope == ScopeRefresh || !slices.Contains(allowed, a.Scope):
		return ErrBadScope
	}
	return nil
}

// ParseRefresh verifies a refresh token. Errors: ErrExpiredToken, ErrBadScope, ErrInvalidToken.
func (t Tokens) ParseRefresh(token string) (Refresh, error) { return t.parseRefresh(token, false) }

// ParseRefreshExpired is ParseRefresh for deleteSession, where an expired token is as good.
func (t Tokens) ParseRefreshExpired(token string) (Refresh, error) {
	return t.parseRefresh(token, true)
}

func (t Tokens) parseRefresh(token string, expired bool) (Refresh, error) {
	c, err := t.parse(token, typeRefresh, expired)
	switch {
	case err != nil:
		return Refresh{}, err
	case Scope(c.Scope) != ScopeRefresh:
		return Refresh{}, ErrBadScope
	case c.ID == "":
		return Refresh{}, fmt.Errorf("%w: no jti", ErrInvalidToken)
	}
	return Refresh{DID: syntax.DID(c.Subject), ID: TokenID(c.ID), Expires: c.ExpiresAt.Time}, nil
}

// claims are those of session tokens, and two that tell other kinds of token.
type claims struct {
	jwt.RegisteredClaims
	Scope string `json:"scope"`
	Lxm   any    `json:"lxm"` // a service token
	Cnf   any    `json:"cnf"` // a DPoP-bound token
}

func (t Tokens) parse(token, typ string, expired bool) (*claims, error) {
	if len(token) > maxToken || len(t.Secret) == 0 {
		return nil, ErrInvalidToken
	}
	c := new(claims)
	// The claims are judged below, in the order that decides which error a
	// client sees: it refreshes on ExpiredToken alone.
	p := jwt.NewParser(jwt.WithValidMethods([]string{"HS256"}), jwt.WithStrictDecoding(), jwt.WithoutClaimsValidation())
	parsed, err := p.ParseWithClaims(token, c, func(*jwt.Token) (any, error) { return t.Secret, nil })
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrInvalidToken, err)
	}
	_, critical := parsed.Header["crit"]
	now := t.now()
	late := now.Add(leeway)
	switch {
	case parsed.Header["typ"] != typ:
		err = errors.New("typ")
	case critical:
		err = errors.New("crit")
	case c.Lxm != nil || c.Cnf != nil:
		err = errors.New("another kind of token")
	case len(c.Audience) != 1 || c.Audience[0] != t.ServiceDID.String():
		err = errors.New("aud")
	case c.ExpiresAt == nil:
		err = errors.New("no exp")
	case c.NotBefore != nil && c.NotBefore.After(late), c.IssuedAt != nil && c.IssuedAt.After(late):
		err = errors.New("from the future")
	default:
		_, err = syntax.ParseDID(c.Subject)
	}
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrInvalidToken, err)
	}
	// No leeway here: the clock that sets the end is the one that judges it, and a
	// client that renews at the end it was told must not be told otherwise.
	if !expired && !now.Before(c.ExpiresAt.Time) {
		return nil, ErrExpiredToken
	}
	return c, nil
}
