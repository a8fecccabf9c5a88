package accountdb

import (
	"time"

	"github.com/bluesky-social/indigo/atproto/syntax"
)

// Email is an address as it is stored and compared: lower-case.
type Email string

// PasswordHash is a password in one of the forms that actors/account verifies.
type PasswordHash string

// TokenID is the jti of a refresh token.
type TokenID string

// InviteCode is an invite as its holder types it.
type InviteCode string

// SagaID names a story that spans actors.
type SagaID string

// Status is the hosting state of an account, with the numbers of
// sequencing.Status, which storage does not import.
type Status int64

// The states an actor row can be in. A deleted account has no row.
const (
	Active      Status = 1
	Deactivated Status = 2
	Takendown   Status = 3
	Suspended   Status = 4
)

// Awaits is what somebody who has signed up waits for, as a set.
type Awaits int64

// What there is to wait for.
const (
	AwaitsEmail      Awaits = 1 // the address is to be confirmed
	AwaitsApproval   Awaits = 2 // an operator is to approve
	AwaitsActivation Awaits = 4 // after both: nobody has seen the account yet
)

// Actor is a row of table actor: what is known of every hosted account.
type Actor struct {
	DID           syntax.DID
	Handle        syntax.Handle // "": none, shown as handle.invalid
	CreatedAt     time.Time
	Status        Status
	Locked        bool      // made from the log alone: nobody can sign in until an operator gives it credentials
	TakedownRef   string    // "": not taken down
	DeactivatedAt time.Time // zero: not deactivated
	DeleteAfter   time.Time // zero: kept
	HasPassword   bool      // an account row exists
	Awaits        Awaits    // of a sign-up that is not through
}

// Account is a row of table account: what only accounts that sign in here have.
type Account struct {
	DID             syntax.DID
	Email           Email
	Password        PasswordHash
	ConfirmedAt     time.Time // zero: the address is not confirmed
	InvitesDisabled bool
	EmailFactor     bool // signing in takes a code that is mailed
}

// AppPassword is a row of table app_password.
type AppPassword struct {
	DID        syntax.DID
	Name       string
	Password   PasswordHash
	Privileged bool
	CreatedAt  time.Time
}

// RefreshToken is a row of table refresh_token.
type RefreshToken struct {
	ID          TokenID
	DID         syntax.DID
	ExpiresAt   time.Time
	Next        TokenID // "": not rotated yet
	AppPassword string  // "": opened with the account's password
}

// Invite is a row of table invite_code with the number of its uses.
type Invite struct {
	Code       InviteCode
	Uses       int64 // how often it may be used in all
	Used       int64 // by accounts, and by sign-ups that are under way
	Disabled   bool
	Banned     bool   // it was given to an account that moderation has closed
	ForAccount string // a DID or "admin"
	CreatedBy  string // a DID or "admin"
	CreatedAt  time.Time
}

// InviteUse is a row of table invite_code_use.
type InviteUse struct {
	By syntax.DID
	At time.Time
}

// UsedInvite is an invite code with everybody who came with it, newest first.
// Used counts them, and no sign-up that is under way.
type UsedInvite struct {
	Invite
	UsedBy []InviteUse
}

// Saga is a row of table saga: how far a story has come and what it needs to go on.
type Saga struct {
	ID        SagaID
	Kind      string
	DID       syntax.DID // "": not known yet
	Step      string
	Data      []byte // JSON, the story's own
	CreatedAt time.Time
	UpdatedAt time.Time
}

// Reservation holds names for a story until it ends.
type Reservation struct {
	Saga   SagaID
	DID    syntax.DID
	Handle syntax.Handle
	Email  Email
	Invite InviteCode // "": none
}

// Purpose is what a code that was mailed is good for.
type Purpose string

// The purposes.
const (
	PurposeConfirmEmail  Purpose = "confirm_email"
	PurposeUpdateEmail   Purpose = "update_email"
	PurposeResetPassword Purpose = "reset_password"
	PurposeDeleteAccount Purpose = "delete_account"
	PurposePLCOperation  Purpose = "plc_operation"
	PurposeSignIn        Purpose = "sign_in"
)

// EmailToken is a row of table email_token.
type EmailToken struct {
	Purpose     Purpose
	DID         syntax.DID
	Hash        []byte // of the code
	RequestedAt time.Time
	Tries       int64 // wrong ones
}

// MailID names a row of table mail. A number is never used twice.
type MailID int64

// Template names the form of a mail.
type Template string

// Mail is a row of table mail.
type Mail struct {
	ID        MailID
	DID       syntax.DID // "": of no account
	Recipient Email
	Template  Template
	Data      []byte // JSON, the template's own; empty once the mail has left
	CreatedAt time.Time
	SendAfter time.Time // zero: there is nothing left to do
	ExpiresAt time.Time // of no use afterwards
	Attempts  int64
	SentAt    time.Time // zero: it has not left
	Failure   string    // of the last attempt
}

// TOTP is a row of table totp.
type TOTP struct {
	DID         syntax.DID
	Secret      []byte // sealed
	CreatedAt   time.Time
	ConfirmedAt time.Time // zero: not in force
	LastStep    int64     // newest time step whose code was taken
	Failures    int64     // wrong codes in a row
	LockedUntil time.Time
}
