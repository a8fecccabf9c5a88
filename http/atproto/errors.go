package atproto

import (
	"errors"
	"fmt"

	"github.com/bluesky-social/indigo/atproto/syntax"

	"troupe/sequencing"
)

var (
	// ErrNotYours: the request names a repository of somebody else.
	ErrNotYours = errors.New("atproto: the repository belongs to another account")
	// ErrNoAccount: the request names a repository that no account has.
	ErrNoAccount = errors.New("atproto: account not found")
	// ErrWrongPassword: of the account that is named by its DID.
	ErrWrongPassword = errors.New("atproto: wrong password")
	// ErrLongPassword: no account has a password of that length.
	ErrLongPassword = errors.New("atproto: password is too long")
	// ErrHandleNotFound: a handle under one of this server's domains that nobody has.
	ErrHandleNotFound = errors.New("atproto: handle not found")
	// ErrForeign: the service that knows about other servers' accounts gave no answer.
	ErrForeign = errors.New("atproto: upstream service failed")
	// ErrHandleUnresolved: no DID could be found for a handle.
	ErrHandleUnresolved = errors.New("atproto: unable to resolve handle")
)

// Invalid refuses a request with a sentence for its author.
type Invalid struct{ Name, Message string }

func (e Invalid) Error() string { return e.Message }

// RepoUnavailable refuses to show a repository.
type RepoUnavailable struct {
	DID    syntax.DID
	Status sequencing.Status // StatusNone: there is none
}

func (e RepoUnavailable) Error() string {
	switch e.Status {
	case sequencing.StatusTakendown:
		return fmt.Sprintf("Repo has been takendown: %s", e.DID)
	case sequencing.StatusDeactivated:
		return fmt.Sprintf("Repo has been deactivated: %s", e.DID)
	case sequencing.StatusSuspended:
		return fmt.Sprintf("Repo has been suspended: %s", e.DID)
	default:
		return fmt.Sprintf("Could not find repo for DID: %s", e.DID)
	}
}

// AccountUnavailable refuses to let an account act.
type AccountUnavailable struct{ Status sequencing.Status }

func (e AccountUnavailable) Error() string { return "atproto: account is " + e.Status.String() }

// NotIssuer refuses to make an account for a DID that did not sign the request.
type NotIssuer struct{ DID syntax.DID }

func (e NotIssuer) Error() string {
	return "Missing auth to create account with did: " + e.DID.String()
}

// Taken refuses a sign-up and repeats the name that somebody else has.
type Taken struct {
	What string // "Handle" or "Email"
	Name string // as it was asked for
}

func (e Taken) Error() string { return e.What + " already taken: " + e.Name }

// RecordMissing names the record that could not be located.
type RecordMissing struct{ URI string }

func (e RecordMissing) Error() string { return "Could not locate record: " + e.URI }
