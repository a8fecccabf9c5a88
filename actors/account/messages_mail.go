package account

import (
	"time"

	"github.com/bluesky-social/indigo/atproto/syntax"

	"troupe/actors/mailbox"
)

// IssueToken makes the code of a purpose, in the place of the one before, and
// queues the mail that carries it, in one transaction. It is answered with
// [ErrNotFound], [ErrNoEmail], [ErrMailBudget]; with the last the code before
// stays good.
type IssueToken struct {
	mailbox.To[*Accounts, Done]
	DID     syntax.DID
	Purpose Purpose
}

// UseToken checks a code and, if it is right, uses it up. A wrong one leaves the
// right one as it is, five times. It is answered with [ErrInvalidEmailToken],
// [ErrExpiredEmailToken].
type UseToken struct {
	mailbox.To[*Accounts, Done]
	DID     syntax.DID
	Purpose Purpose
	Token   string // as it was typed
}

// SetPassword replaces an account's password: it ends every session, those of
// apps and of browsers included, and voids the codes that would set or get around
// a password. It is answered with
// [ErrNotFound].
type SetPassword struct {
	mailbox.To[*Accounts, Done]
	DID  syntax.DID
	Hash PasswordHash
}

// SetEmail replaces an account's address on the operator's word. The new one is
// not confirmed, and codes that were mailed to the old one are void. It is
// answered with [ErrNotFound], [ErrEmailTaken].
type SetEmail struct {
	mailbox.To[*Accounts, Done]
	DID   syntax.DID
	Email Email
}

// QueueMail queues a mail without a code to the owner of an account; see [Notice]
// and [Moderation]. It is answered with [ErrNotFound], [ErrNoEmail],
// [ErrMailBudget].
type QueueMail struct {
	mailbox.To[*Accounts, Done]
	DID      syntax.DID
	Template Template
	Data     MailData
}

// DueMail lists mail that is to be sent, oldest first, at most Limit.
type DueMail struct {
	mailbox.To[*Accounts, Due]
	Limit int
	Only  Template // "": any
}

// Due answers DueMail.
type Due struct {
	Mail []Mail
	Next time.Time // when more will be due; zero: when it is queued
}

// SettleMail records what became of an attempt to send a mail. Unknown is success.
type SettleMail struct {
	mailbox.To[*Accounts, Done]
	ID      MailID
	Sent    bool
	Again   time.Time // of one that was not sent; zero: never
	Failure string
}

// ConfirmEmail uses a code to show that the address of an account is its
// owner's. It is answered with [ErrNotFound], [ErrEmailMismatch],
// [ErrInvalidEmailToken], [ErrExpiredEmailToken].
type ConfirmEmail struct {
	mailbox.To[*Accounts, Done]
	DID   syntax.DID
	Email Email
	Token string
}

// UpdateEmail replaces an account's address, or says whether signing in takes a
// code that is mailed to it. A confirmed address is given up with a code only, and
// so is that factor; a code that is given is checked in any case. The owner is
// told at the old address. It is answered with [ErrNotFound], [ErrTokenRequired],
// [ErrInvalidEmailToken], [ErrExpiredEmailToken], [ErrEmailTaken],
// [ErrUnconfirmed].
type UpdateEmail struct {
	mailbox.To[*Accounts, Done]
	DID    syntax.DID
	Email  Email
	Token  string // "": none
	Factor *bool  // nil: not said
}

// ResetPassword is SetPassword by a code that was mailed, which says whose
// password it is. It is answered with [ErrInvalidEmailToken],
// [ErrExpiredEmailToken].
type ResetPassword struct {
	mailbox.To[*Accounts, Done]
	Token string
	Hash  PasswordHash
}
