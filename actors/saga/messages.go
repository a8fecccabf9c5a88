package saga

import (
	"encoding/json"
	"time"

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
	HostDID  bool               // a new did:web, made of the handle, whose document this server answers; instead of a did:plc
	DID      syntax.DID         // "": a new one. Else a DID whose key signed the request: the account starts deactivated
}

// ChangeHandle gives an account another handle, and announces its identity even
// if it is the one it has. It is answered when the handle is in force.
//
// Refusals, in the order of their checks: account.ErrNotFound,
// account.ErrInvalidHandle, account.ErrHandleNotAvailable, [ErrHandleNotResolved],
// account.ErrHandleTaken, [ErrBusyAccount], [ErrNotConfigured] (the document of a
// did:web names another handle), [ErrRefused]; and plc.ErrUnavailable, if the
// directory cannot even be read. With [ErrUnconfirmed] and [ErrUnsettled] the
// outcome is open: it comes into force, or nothing is left of it.
type ChangeHandle struct {
	mailbox.To[*Sagas, Done]
	DID    syntax.DID
	Handle string
	Admin  bool // the operator asks: reserved names may be given
}

// SubmitPLC sends an operation that the owner of a did:plc signed, if the account
// can live with it, and announces the identity.
//
// Refusals: account.ErrNotFound, [BadOperation], [ErrBusyAccount], [ErrRefused].
// Open outcomes as with [ChangeHandle].
type SubmitPLC struct {
	mailbox.To[*Sagas, Done]
	DID syntax.DID
	Op  json.RawMessage
}

// RotateKey gives an account another signing key: one that is reserved for it, or
// a new one. With the key that it has, that one is made known again: the PLC
// directory is brought in line, and identity and head are announced. Writes of the
// account are held meanwhile.
//
// Refusals: account.ErrNotFound, [ErrUnknownKey], [ErrBusyAccount],
// [ErrNotConfigured] (the document of a did:web does not name the key),
// [ErrRefused]. Open outcomes as with [ChangeHandle]; writes are refused until the
// outcome is known.
type RotateKey struct {
	mailbox.To[*Sagas, Done]
	DID syntax.DID
	Key string // did:key; "": a new one
}

// Delete removes an account and everything that it has here. It is answered when
// nothing of the account can be reached any more; its blobs may take longer. With
// [ErrDeleting] that has begun, and will be. [ErrBusyAccount].
type Delete struct {
	mailbox.To[*Sagas, Done]
	DID syntax.DID
	If  Condition
}

// Condition is what must be true of an account that is to be deleted. It is
// looked at when nothing else happens to the account; where it does not hold
// nothing is done.
type Condition uint8

const (
	Anyway  Condition = iota // of an account that is gone, what is left
	Overdue                  // it is deactivated, and was to be deleted by now
	Gone                     // it has been deleted: what is left
)

// Activate makes a deactivated account active, if its DID leads here, and
// announces it anew. It is answered with account.ErrNotFound (a taken-down
// account too), [ErrNoRotationKey], [ErrWrongEndpoint], [ErrWrongKey],
// [ErrNoDocument], [ErrDocumentUnknown], [ErrBusyAccount].
type Activate struct {
	mailbox.To[*Sagas, Done]
	DID syntax.DID
}

// Deactivate hides an account until its owner activates it. It is answered with
// account.ErrNotFound, [ErrBusyAccount].
type Deactivate struct {
	mailbox.To[*Sagas, Done]
	DID         syntax.DID
	DeleteAfter time.Time // when it is to be deleted if it still is deactivated; zero: never
}

// Ruling is what moderation says about one side of an account.
type Ruling uint8

const (
	Unsaid  Ruling = iota // it stays as it is
	Applied               // from now on
	Lifted                // no longer
)

// Moderate takes an account down or deactivates it, or lifts that, and announces
// its status, changed or not. A takedown ends every session; lifting it finds the
// account as its owner left it. It is answered with account.ErrNotFound,
// [ErrBusyAccount].
type Moderate struct {
	mailbox.To[*Sagas, Done]
	DID         syntax.DID
	Takedown    Ruling
	Ref         string // of a takedown; "": the time
	Deactivated Ruling
}
