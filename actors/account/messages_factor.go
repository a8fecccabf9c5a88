package account

import (
	"time"

	"github.com/bluesky-social/indigo/atproto/syntax"

	"troupe/actors/mailbox"
)

// EnrolTOTP begins the enrolment of an authenticator app. It is in force when
// ConfirmTOTP has seen a code of it; until then asking again begins anew. It is
// answered with [ErrNotFound], [ErrFactorExists].
type EnrolTOTP struct {
	mailbox.To[*Accounts, Enrolment]
	DID    syntax.DID
	Issuer string // the name under which the app files the account
}

// Enrolment answers EnrolTOTP. Nobody can ask for it a second time.
type Enrolment struct {
	Secret string // base32, to be typed
	URL    string // otpauth://, to be shown as a QR code
}

// ConfirmTOTP puts the enrolled app in force, by a code of it. It is answered
// with [ErrNoFactor], [ErrFactorExists], [ErrInvalidEmailToken],
// [ErrFactorLocked].
type ConfirmTOTP struct {
	mailbox.To[*Accounts, RecoveryCodes]
	DID  syntax.DID
	Code string
}

// RecoveryCodes are shown once; each replaces a code of the app, once.
type RecoveryCodes struct{ Codes []string }

// RenewRecoveryCodes replaces the recovery codes, by a code of the app or one of
// the old. Errors: as [VerifyFactor].
type RenewRecoveryCodes struct {
	mailbox.To[*Accounts, RecoveryCodes]
	DID  syntax.DID
	Code string
}

// DisableTOTP removes the app and the recovery codes, by one of either. Errors:
// as [VerifyFactor].
type DisableTOTP struct {
	mailbox.To[*Accounts, Done]
	DID  syntax.DID
	Code string
}

// RemoveFactors removes every second factor on the operator's word: the owner
// has lost it. It is answered with [ErrNotFound].
type RemoveFactors struct {
	mailbox.To[*Accounts, Done]
	DID syntax.DID
}

// VerifyFactor checks the second factor of a sign-in and uses it up: a code of
// the app or a recovery code if there is an app in force, else a code that was
// mailed. Without any factor it succeeds. It is answered with
// [ErrInvalidEmailToken], [ErrExpiredEmailToken], [ErrFactorLocked].
type VerifyFactor struct {
	mailbox.To[*Accounts, Done]
	DID  syntax.DID
	Code string
}

// Factors is what an account has beside its password.
type Factors struct {
	Email         bool // a code by mail; not asked for while there is an app
	App           bool
	AppSince      time.Time
	RecoveryCodes int64 // left
}

// Any reports whether signing in takes more than the password.
func (f Factors) Any() bool { return f.Email || f.App }
