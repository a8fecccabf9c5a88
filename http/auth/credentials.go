package auth

import (
	"errors"
	"slices"

	"github.com/bluesky-social/indigo/atproto/syntax"

	"troupe/actors/account"
)

// Nobody is the credential of methods that anyone may call.
type Nobody struct{}

// Session is the owner of an account, signed in.
type Session struct {
	DID   syntax.DID
	Scope account.Scope
}

// Full reports whether the session was opened with the account's own password.
func (s Session) Full() bool { return s.Scope == account.ScopeAccess }

// Privileged reports whether the session may act in private conversations.
func (s Session) Privileged() bool {
	return s.Full() || s.Scope == account.ScopeAppPassPrivileged
}

// Takendown reports whether the session belongs to a taken-down account and is
// good for leaving only.
func (s Session) Takendown() bool { return s.Scope == account.ScopeTakendown }

// RateDID implements xrpc.RateSubject.
func (s Session) RateDID() string { return s.DID.String() }

// Writer is a session that may change its repository.
type Writer struct{ Session }

// Owner is a session that was opened with the account's own password.
type Owner struct{ Session }

// Refresh is the holder of a refresh token.
type Refresh struct{ account.Refresh }

// Admin is the operator.
type Admin struct{}

// Viewer is somebody who may see more than the public: the owner, the
// operator, or nobody in particular.
type Viewer struct {
	DID   syntax.DID // "": not an account
	Admin bool
}

// Newcomer asks for an account. Issuer is the DID that signed the request, or
// "" when the DID is to be made here.
type Newcomer struct{ Issuer syntax.DID }

var (
	// ErrMissing: there is no Authorization header.
	ErrMissing = errors.New("auth: authorization is missing")
	// ErrMalformed: the header is not "<scheme> <credential>".
	ErrMalformed = errors.New("auth: malformed authorization")
	// ErrUnexpected: the scheme is known, and the method does not take it.
	ErrUnexpected = errors.New("auth: unexpected scheme of authorization")
	// ErrUnusable: the method needs no credential, and the one that came says nothing to it.
	ErrUnusable = errors.New("auth: authorization that the method has no use for")
	// ErrRequired: the credential is not good for this.
	ErrRequired = errors.New("auth: authentication required")
)

// UnknownScheme refuses an Authorization header of a scheme that no method takes.
type UnknownScheme struct{ Scheme string }

func (e UnknownScheme) Error() string { return "Unsupported authorization type: " + e.Scheme }

// scopes that a method of the given class takes.
var (
	standard       = []account.Scope{account.ScopeAccess, account.ScopeAppPass, account.ScopeAppPassPrivileged}
	full           = []account.Scope{account.ScopeAccess}
	fullOrTakedown = []account.Scope{account.ScopeAccess, account.ScopeTakendown}
	withQueued     = slices.Concat(standard, []account.Scope{account.ScopeSignupQueued})
	withTakedown   = slices.Concat(standard, []account.Scope{account.ScopeTakendown})
)
