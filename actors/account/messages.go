package account

import (
	"time"

	"github.com/bluesky-social/indigo/atproto/syntax"

	"troupe/actors/mailbox"
	"troupe/sequencing"
)

// Done answers messages that have nothing to tell but success. Like every
// answer of this actor it is given after the change is on the disk.
type Done struct{}

// ReserveSignup claims a handle, an address, a DID and one use of an invite for
// a sign-up, and stores the story's first step with them.
// It is answered with [ErrInvite], [ErrHandleTaken], [ErrEmailTaken] (in this
// order), [ErrDIDTaken], [ErrUnderWay], or with [Pending] before any of them.
type ReserveSignup struct {
	mailbox.To[*Accounts, Done]
	Saga   Saga // its DID is claimed too
	Handle syntax.Handle
	Email  Email
	Invite InviteCode // "": none
}

// ReserveHandle begins a story that gives an account another handle, and claims
// the handle for it. It is answered with [ErrNotFound], [ErrUnderWay],
// [ErrHandleTaken].
type ReserveHandle struct {
	mailbox.To[*Accounts, Done]
	Saga   Saga // of a hosted DID
	Handle syntax.Handle
}

// InsertAccount turns a reservation into an account, records the use of the
// invite and opens a session, in one transaction with the story's next step.
// Asked again it changes nothing and gives the same answer.
// It is answered with [ErrNoSaga], [ErrDIDTaken].
type InsertAccount struct {
	mailbox.To[*Accounts, Account]
	Saga    Saga
	Account NewAccount
	Session Grant // zero: nobody waits for one
}

// BeginSaga stores the first step of a story of a DID. It is answered with
// [ErrUnderWay] while there is another one of that DID.
type BeginSaga struct {
	mailbox.To[*Accounts, Done]
	Saga    Saga
	Instead SagaID // this story of the DID ends with that; "": none
}

// FindStanding tells how an account stands, as the log has it by now, to a story
// that is about to change that, and which other story of it has a row. It is
// answered with [ErrNotFound].
type FindStanding struct {
	mailbox.To[*Accounts, Standing]
	DID syntax.DID
}

// ListOverdue lists deactivated accounts that were to be deleted by now, at most
// Limit of them, the longest overdue first.
type ListOverdue struct {
	mailbox.To[*Accounts, []syntax.DID]
	Limit int
}

// SaveSaga stores a story's step before it is taken. It is answered with [ErrNoSaga].
type SaveSaga struct {
	mailbox.To[*Accounts, Done]
	Saga Saga
}

// EndSaga forgets a story and frees what it still holds. Unknown is success.
type EndSaga struct {
	mailbox.To[*Accounts, Done]
	ID SagaID
}

// FindSaga reads a story as it was last stored. It is answered with [ErrNoSaga].
type FindSaga struct {
	mailbox.To[*Accounts, Saga]
	ID SagaID
}

// ListSagas lists the unfinished stories of a kind, oldest first.
type ListSagas struct {
	mailbox.To[*Accounts, []Saga]
	Kind string
}

// OpenSession stores a refresh token. It is answered with [ErrNotFound],
// [ErrTakendown], or [ErrBadCredentials] if its app password is gone.
type OpenSession struct {
	mailbox.To[*Accounts, Done]
	DID     syntax.DID
	Session Grant
}

// RotateSession exchanges a refresh token for the next one. Within two hours the
// same token gives the same next one, however often and from wherever it is
// presented. It is answered with [ErrRevoked], [ErrTakendown].
type RotateSession struct {
	mailbox.To[*Accounts, Rotated]
	DID syntax.DID // sub of the presented token
	ID  TokenID
}

// Rotated answers RotateSession.
type Rotated struct {
	Account Account
	Next    Grant
	Scope   Scope // access scope, the privilege of the app password read anew
}

// CloseSession revokes a refresh token, and with it the ones it came from that
// could still be exchanged for it. Unknown is success.
type CloseSession struct {
	mailbox.To[*Accounts, Done]
	DID syntax.DID // sub of the presented token
	ID  TokenID
}

// CloseSessions revokes every refresh token of an account.
type CloseSessions struct {
	mailbox.To[*Accounts, Done]
	DID syntax.DID
}

// UpgradePassword replaces an account's hash by one of the same password in a
// better form. It is answered with [ErrNoSuchPassword] if the hash is no longer Old.
type UpgradePassword struct {
	mailbox.To[*Accounts, Done]
	DID syntax.DID
	Old PasswordHash
	New PasswordHash
}

// CreateAppPassword stores an app password. It is answered with [ErrDuplicate]
// (the name is in use), [ErrNotFound].
type CreateAppPassword struct {
	mailbox.To[*Accounts, AppPassword]
	DID        syntax.DID
	Name       string
	Password   PasswordHash
	Privileged bool
}

// RevokeAppPassword deletes an app password and its sessions. Unknown is success.
type RevokeAppPassword struct {
	mailbox.To[*Accounts, Done]
	DID  syntax.DID
	Name string
}

// SweepExpired removes a bounded number of rows that ended before a time and
// that nobody will ask for. After is Next of the answer before, "" at first.
type SweepExpired struct {
	mailbox.To[*Accounts, Expired]
	Before time.Time
	After  TokenID
}

// Expired answers SweepExpired.
type Expired struct {
	RefreshTokens int64
	EmailTokens   int64
	Mail          int64
	OAuth         int64   // requests, sessions of apps, code challenges and browsers
	Next          TokenID // where to go on; "": that was all
}

// CatchUp applies what the log says about identities and accounts and this file
// has not seen. Whoever announced a change of handle or status asks it before
// answering a client, so that the index agrees with the firehose. It is
// answered with the newest entry applied.
type CatchUp struct {
	mailbox.To[*Accounts, sequencing.Seq]
}
