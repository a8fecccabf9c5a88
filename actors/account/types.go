package account

import (
	"time"

	"github.com/bluesky-social/indigo/atproto/syntax"

	"troupe/sequencing"
	"troupe/storage/accountdb"
)

// The nouns of account.sqlite are the nouns of its owner.
type (
	Email        = accountdb.Email
	PasswordHash = accountdb.PasswordHash
	TokenID      = accountdb.TokenID
	InviteCode   = accountdb.InviteCode
	SagaID       = accountdb.SagaID
	Saga         = accountdb.Saga
	AppPassword  = accountdb.AppPassword
	Invite       = accountdb.Invite
	Purpose      = accountdb.Purpose
	Mail         = accountdb.Mail
	MailID       = accountdb.MailID
	Template     = accountdb.Template
)

// The purposes of codes that are mailed.
const (
	PurposeConfirmEmail  = accountdb.PurposeConfirmEmail
	PurposeUpdateEmail   = accountdb.PurposeUpdateEmail
	PurposeResetPassword = accountdb.PurposeResetPassword
	PurposeDeleteAccount = accountdb.PurposeDeleteAccount
	PurposePLCOperation  = accountdb.PurposePLCOperation
	PurposeSignIn        = accountdb.PurposeSignIn
)

// Account is what the index tells about an account.
type Account struct {
	DID         syntax.DID
	Handle      syntax.Handle     // "": none; show handle.invalid
	Status      sequencing.Status // Active, Deactivated, Takendown or Suspended
	Locked      bool              // known from the log alone: cannot sign in
	HasPassword bool
	Awaits      Awaits // what its owner waits for since signing up; 0: nothing
	CreatedAt   time.Time
}

// Active reports whether the account is served to the public.
func (a Account) Active() bool { return a.Status == sequencing.StatusActive }

// Standing is an account and why it is in the state that it is in.
type Standing struct {
	Account
	sequencing.Standing
	Other Saga // a story that has not ended; zero: none
}

// Awaits is what somebody who has signed up waits for, as a set.
type Awaits = accountdb.Awaits

const (
	AwaitsEmail      = accountdb.AwaitsEmail      // the address is to be confirmed
	AwaitsApproval   = accountdb.AwaitsApproval   // an operator is to approve
	AwaitsActivation = accountdb.AwaitsActivation // after both: nobody has seen the account yet
)

// Queued reports whether the sign-up is not through: its owner may wait, and
// confirm the address.
func (a Account) Queued() bool { return a.Awaits != 0 }

// Released reports whether nothing is in the way of activating the account.
func (a Account) Released() bool { return a.Awaits == AwaitsActivation }

// NewAccount is what InsertAccount needs for the rows of an account.
type NewAccount struct {
	DID         syntax.DID
	Handle      syntax.Handle
	Email       Email
	Password    PasswordHash
	Status      sequencing.Status // Active or Deactivated
	Awaits      Awaits            // of a deactivated account: what its owner has to wait for
	DeleteAfter time.Time         // of a deactivated account that is never activated; zero: kept
}

// Grant is one refresh token: a session, or the next stretch of one.
// The zero Grant is none.
type Grant struct {
	ID          TokenID
	Expires     time.Time
	AppPassword string // name of the app password that opened the session; "": the account's own password
}
