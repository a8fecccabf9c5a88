package account

import (
	"time"

	"github.com/bluesky-social/indigo/atproto/syntax"
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
	Expires time.Time
}

// Refresh is a verified refresh token.
type Refresh struct {
	DID     syntax.DID
	ID      TokenID
	Expires time.Time
}

// MintAccess signs an access token of two hours.
func (t Tokens) MintAccess(did syntax.DID, scope Scope) (string, error) { panic("skeleton") }

// MintRefresh signs the refresh token of a grant.
func (t Tokens) MintRefresh(did syntax.DID, g Grant) (string, error) { panic("skeleton") }

// ParseAccess verifies an access token of one of the scopes. Errors:
// ErrExpiredToken, ErrBadScope, ErrInvalidToken.
func (t Tokens) ParseAccess(token string, allowed ...Scope) (Access, error) { panic("skeleton") }

// ParseRefresh verifies a refresh token. Errors: ErrExpiredToken, ErrBadScope, ErrInvalidToken.
func (t Tokens) ParseRefresh(token string) (Refresh, error) { panic("skeleton") }

// ParseRefreshExpired is ParseRefresh for deleteSession, where an expired token is as good.
func (t Tokens) ParseRefreshExpired(token string) (Refresh, error) { panic("skeleton") }

// NewGrant makes the refresh token of a new session.
func (t Tokens) NewGrant(appPassword string) Grant { panic("skeleton") }
