package saga

import (
	"errors"

	"troupe/actors/account"
)

// Refusals: nothing was kept.
var (
	ErrInviteRequired    = errors.New("saga: an invite code is required")
	ErrEmailRequired     = errors.New("saga: an e-mail address is required")
	ErrPasswordRequired  = errors.New("saga: a password is required")
	ErrHandleNotResolved = errors.New("saga: handle did not resolve to the DID")
	ErrRefused           = errors.New("saga: the PLC directory refused the DID") // with the directory's words
	// ErrNotConfigured: the document of a did:web, which only its owner can change,
	// does not say what it would have to.
	ErrNotConfigured = errors.New("saga: the DID document does not say so")
	// ErrUnknownKey: the key is neither the account's nor reserved for it.
	ErrUnknownKey = errors.New("saga: no such key is reserved")
	ErrBusy       = errors.New("saga: too many requests of this kind")
	// ErrBusyAccount: another story of the account is being told; later it is not.
	ErrBusyAccount = account.ErrUnderWay
)

// Refusals of an activation: the DID does not lead here.
var (
	ErrNoDocument    = errors.New("saga: the DID could not be resolved")
	ErrNoRotationKey = errors.New("saga: the server's rotation key is not among those of the DID")
	ErrWrongEndpoint = errors.New("saga: the DID document names another server")
	ErrWrongKey      = errors.New("saga: the DID document names another signing key")
	// ErrDocumentUnknown: nobody could tell; it may lead here.
	ErrDocumentUnknown = errors.New("saga: the DID could not be looked up")
)

// Open outcomes.
var (
	// ErrUnconfirmed: the PLC directory did not say whether it made the DID.
	// Trying again with the same handle, address and password goes on with this
	// sign-up. If the directory has the DID the account is completed; if not,
	// nothing will be left.
	ErrUnconfirmed = errors.New("saga: the PLC directory did not answer")
	// ErrUnfinished: the DID exists and the account is going to be completed;
	// signing in works in a while.
	ErrUnfinished = errors.New("saga: the account is still being made")
	// ErrDeleting: the account is going to be deleted, and is not yet.
	ErrDeleting = errors.New("saga: the account is being deleted")
	// ErrUnsettled: the PLC directory has the change, and this server is going to
	// follow it.
	ErrUnsettled = errors.New("saga: the change is not in force here yet")
)

// BadOperation refuses a PLC operation that would leave the account without what
// it needs to live here. Reason is a sentence for its author.
type BadOperation struct{ Reason string }

func (e BadOperation) Error() string { return "saga: PLC operation: " + e.Reason }
