package saga

import (
	"github.com/bluesky-social/indigo/atproto/atcrypto"
	"github.com/bluesky-social/indigo/atproto/syntax"

	"troupe/actors/account"
	"troupe/actors/mailbox"
)

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

// Messages to the actor of one story.
type (
	// tell begins a sign-up.
	tell struct {
		mailbox.To[*signup, told]
		ID account.SagaID
		In SignUp
	}
	// rejoin goes on with an unfinished sign-up for the person who began it.
	rejoin struct {
		mailbox.To[*signup, told]
		ID account.SagaID
	}
	// settle goes on with an unfinished sign-up that nobody waits for.
	settle struct {
		mailbox.To[*signup, told]
		ID account.SagaID
	}
)

// told is how far a story came.
type told struct {
	session account.Session // if the client has an account now
	refused error           // what the client is answered otherwise
	ended   bool            // nothing is left to do
	join    account.SagaID  // not "": go on with this one instead
}
