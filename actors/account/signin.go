package account

import (
	"context"
	"time"

	"troupe/actors/mailbox"
)

// SignIns checks credentials and opens sessions, in the caller's goroutine.
type SignIns struct {
	Accounts  mailbox.Address[*Accounts]
	Index     *Index
	Reads     *Reads
	Passwords *Passwords
	Tokens    Tokens
	Floor     time.Duration // no answer comes sooner, right or wrong (350 ms)
}

// Session is what a client holds after signing in, signing up or refreshing.
type Session struct {
	Account Account
	Access  string // JWT
	Refresh string // JWT
}

// SignIn is createSession. identifier is a handle, a DID or an e-mail address,
// in any case. With allowTakendown the owner of a taken-down account gets a
// restricted session that cannot be refreshed.
// Errors: ErrBadCredentials, ErrTakendown, ErrInvalidPassword, ErrBusy, …
func (s *SignIns) SignIn(ctx context.Context, identifier, password string, allowTakendown bool) (Session, error) {
	panic("skeleton")
}

// Refresh is refreshSession. Errors: ErrRevoked, ErrTakendown.
func (s *SignIns) Refresh(ctx context.Context, r Refresh) (Session, error) { panic("skeleton") }
