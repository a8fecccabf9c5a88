package saga

import (
	"github.com/bluesky-social/indigo/atproto/atcrypto"
	"github.com/bluesky-social/indigo/atproto/syntax"

	"troupe/actors/account"
	"troupe/actors/mailbox"
)

// Done answers messages that have nothing to tell but success.
type Done = account.Done

// SignUp is createAccount. It is answered when the account is complete.
//
// Refusals, in the order of their checks: [ErrPasswordRequired],
// account.ErrInvalidPassword, [ErrInviteRequired], [ErrEmailRequired],
// account.ErrInvalidEmail, account.ErrInvalidHandle,
// account.ErrHandleNotAvailable, account.ErrUnsupportedDomain,
// [ErrHandleNotResolved], account.ErrInvite, account.ErrHandleTaken,
// account.ErrEmailTaken, account.ErrDIDTaken, [ErrRefused]. After a refusal
// nothing is left. With [ErrUnconfirmed] and [ErrUnfinished] the outcome is
// open; see doc.go.
type SignUp struct {
	mailbox.To[*Sagas, account.Session]
	Handle   string
	Email    string
	Password string
	Invite   account.InviteCode // "": none
	Recovery atcrypto.PublicKey // the user's own rotation key; nil: none
	DID      syntax.DID         // "": a new did:plc. Else a DID whose key signed the request: the account starts deactivated
}
