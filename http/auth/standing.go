package auth

import (
	"errors"

	"github.com/bluesky-social/indigo/atproto/syntax"

	"troupe/actors/account"
	"troupe/http/xrpc"
	"troupe/sequencing"
)

// ErrNoAccount: the session is that of an account which is not here any more.
var ErrNoAccount = errors.New("auth: account not found")

// AsFullUp is AsFull for methods that moderation takes away: the account is
// looked up, because a token that was minted before does not know.
func (v *Verifier) AsFullUp(c *xrpc.Call) (Owner, error) {
	s, err := v.up(c, full)
	return Owner{s}, err
}

// AsOwnerUp is AsOwner for methods that moderation takes away.
func (v *Verifier) AsOwnerUp(c *xrpc.Call) (Session, error) { return v.up(c, standard) }

// AsQueuedUp is AsOwnerUp, and takes the session of a sign-up that waits.
func (v *Verifier) AsQueuedUp(c *xrpc.Call) (Session, error) { return v.up(c, withQueued) }

func (v *Verifier) up(c *xrpc.Call, scopes []account.Scope) (Session, error) {
	s, err := v.session(c, scopes)
	if err == nil {
		err = v.standing(s.DID)
	}
	return s, err
}

// standing refuses accounts that are gone or closed by moderation. Errors:
// ErrNoAccount, account.ErrTakendown.
func (v *Verifier) standing(did syntax.DID) error {
	a, ok := v.Index.ByDID(did)
	switch {
	case !ok:
		return ErrNoAccount
	case a.Status == sequencing.StatusTakendown || a.Status == sequencing.StatusSuspended:
		return account.ErrTakendown
	}
	return nil
}
