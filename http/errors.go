package http

import (
	"errors"
	nethttp "net/http"
	"syscall"

	"troupe/actors/account"
	"troupe/actors/identity"
	"troupe/actors/identity/plc"
	"troupe/actors/mailbox"
	"troupe/actors/repo"
	"troupe/actors/saga"
	"troupe/http/atproto"
	"troupe/http/auth"
	"troupe/http/upstream"
	"troupe/http/xrpc"
	"troupe/sequencing"
	"troupe/storage/blob"
	"troupe/storage/dag"
	"troupe/storage/keys"
	"troupe/storage/repodb"
)

// The one error table: what an error of the server is called on the wire. The
// first line that matches wins. message "" passes the error's own words on,
// which is done only for errors that are written for clients.
var table = []struct {
	is      error
	status  int
	name    string
	message string
}{
	// Credentials.
	{auth.ErrMissing, 401, "AuthMissing", "Authentication Required"},
	{auth.ErrMalformed, 400, "InvalidToken", "Malformed authorization header"},
	{auth.ErrUnexpected, 400, "InvalidToken", "Unexpected authorization type"},
	{auth.ErrUnusable, 401, "AuthenticationRequired", "Invalid authorization header"},
	{auth.ErrRequired, 401, "AuthenticationRequired", "Authentication Required"},
	{auth.ErrNoAccount, 403, "AccountNotFound", "Account not found"},
	{account.ErrExpiredToken, 400, "ExpiredToken", "Token has expired"},
	{account.ErrBadScope, 400, "InvalidToken", "Bad token scope"},
	{account.ErrInvalidToken, 400, "InvalidToken", "Token could not be verified"},
	{account.ErrRevoked, 400, "ExpiredToken", "Token has been revoked"},
	{account.ErrBadCredentials, 401, "AuthenticationRequired", "Invalid identifier or password"},
	{account.ErrTakendown, 401, "AccountTakedown", "Account has been taken down"},

	// Mail and the codes in it.
	{account.ErrInvalidEmailToken, 400, "InvalidToken", "Token is invalid"},
	{account.ErrExpiredEmailToken, 400, "ExpiredToken", "Token is expired"},
	{account.ErrTokenRequired, 400, "TokenRequired", "confirmation token required"},
	{account.ErrEmailMismatch, 400, "InvalidEmail", "invalid email"},
	{account.ErrNoEmail, 400, "InvalidRequest", "account does not have an email address"},
	{account.ErrUnconfirmed, 400, "InvalidRequest", "The email address must be confirmed before sign-in codes are sent to it"},
	{account.ErrMailBudget, 429, "RateLimitExceeded", "Too many emails have been sent to this address; please try again later"},
	{account.ErrFactorRequired, 401, "AuthFactorTokenRequired", "A sign in code is required"},
	{account.ErrFactorLocked, 429, "RateLimitExceeded", "Too many wrong codes; please try again later"},

	// The life of an account.
	{saga.ErrNoDocument, 400, "InvalidRequest", "Could not resolve DID"},
	{saga.ErrNoRotationKey, 400, "InvalidRequest", "Server rotation key not included in PLC DID data"},
	{saga.ErrWrongEndpoint, 400, "InvalidRequest", "DID document atproto_pds service endpoint does not match PDS public url"},
	{saga.ErrWrongKey, 400, "InvalidRequest", "DID document verification method does not match expected signing key"},
	{saga.ErrDocumentUnknown, 502, "UpstreamFailure", "The DID could not be looked up; please try again"},
	{saga.ErrDeleting, 503, "NotEnoughResources", "The account is being deleted"},
	{atproto.ErrWrongPassword, 401, "AuthenticationRequired", "Invalid did or password"},

	// Signing up.
	{saga.ErrInviteRequired, 400, "InvalidInviteCode", "No invite code provided"},
	{account.ErrInvite, 400, "InvalidInviteCode", "Provided invite code not available"},
	{saga.ErrEmailRequired, 400, "InvalidRequest", "Email is required"},
	{saga.ErrPasswordRequired, 400, "InvalidRequest", "Password is required"},
	{account.ErrInvalidEmail, 400, "InvalidRequest", "This email address is not supported, please use a different email."},
	{account.ErrInvalidPassword, 400, "InvalidRequest", "Password too long. Maximum length is 256 characters."},
	// Clients compare the sentences about handles, to say them in other languages.
	{account.ErrHandleTLD, 400, "InvalidHandle", "Handle TLD is invalid or disallowed"},
	{account.ErrHandleDots, 400, "InvalidHandle", "Invalid characters in handle"},
	{account.ErrHandleShort, 400, "InvalidHandle", "Handle too short"},
	{account.ErrHandleLong, 400, "InvalidHandle", "Handle too long"},
	{account.ErrInvalidHandle, 400, "InvalidHandle", "Input/handle must be a valid handle"},
	{account.ErrHandleNotAvailable, 400, "HandleNotAvailable", "Reserved handle"},
	{account.ErrUnsupportedDomain, 400, "UnsupportedDomain", "Not a supported handle domain"},
	{account.ErrHandleTaken, 400, "InvalidRequest", "Handle already taken"},
	{account.ErrEmailTaken, 400, "InvalidRequest", "Email already taken"},
	{account.ErrDIDTaken, 400, "AlreadyExists", "Repo already exists"},
	{saga.ErrHandleNotResolved, 400, "InvalidRequest", "External handle did not resolve to DID"},
	{saga.ErrNotConfigured, 400, "InvalidRequest", "DID is not properly configured for handle"},
	{saga.ErrUnknownKey, 400, "InvalidRequest", "The signing key is not reserved here"},
	{saga.ErrRefused, 400, "InvalidRequest", "The PLC directory refused the operation"},
	{saga.ErrUnconfirmed, 502, "UpstreamFailure", "The PLC directory did not answer; please try again"},
	{saga.ErrUnfinished, 503, "NotEnoughResources", "The account is being created; please sign in in a moment"},
	{saga.ErrUnsettled, 503, "NotEnoughResources", "The change is made, and comes into force in a moment"},
	{saga.ErrBusy, 503, "NotEnoughResources", "Too many requests of this kind at once"},
	{saga.ErrBusyAccount, 503, "NotEnoughResources", "The account is being changed; please try again"},
	{account.ErrBusy, 503, "NotEnoughResources", "Too many sign-ins at once"},

	{account.ErrDuplicate, 400, "InvalidRequest", "There is one of that name already"},

	// Records and repositories.
	{atproto.ErrNoAccount, 403, "AccountNotFound", "Account not found"},
	{atproto.ErrLongPassword, 401, "AuthenticationRequired", "Password too long. Consider resetting your password."},
	{atproto.ErrNotYours, 401, "AuthenticationRequired", "Authentication Required"},
	{atproto.ErrHandleNotFound, 400, "HandleNotFound", "Unable to resolve handle"},
	{identity.ErrHandleNotFound, 400, "HandleNotFound", "Unable to resolve handle"},
	{identity.ErrHandleReserved, 400, "HandleNotFound", "Unable to resolve handle"},
	{identity.ErrHandleInvalid, 400, "InvalidRequest", "Unable to resolve handle"},
	{identity.ErrHandleAmbiguous, 400, "InvalidRequest", "The handle does not name exactly one DID"},
	{identity.ErrDeactivated, 400, "DidDeactivated", "The DID has been deactivated"},
	{identity.ErrNotFound, 400, "DidNotFound", "Could not find the DID"},
	{identity.ErrUnsupported, 400, "InvalidRequest", "Unsupported DID method"},
	{atproto.ErrHandleUnresolved, 400, "InvalidRequest", "Unable to resolve handle"},
	{repo.ErrInvalidSwap, 400, "InvalidSwap", ""},
	{repo.ErrRecordExists, 400, "InvalidRequest", "Record already exists"},
	{repo.ErrRecordNotFound, 400, "RecordNotFound", "Could not locate record"},
	{repo.ErrDuplicatePath, 400, "InvalidRequest", "Two writes name the same record"},
	{repo.ErrTooManyWrites, 400, "InvalidRequest", "Too many writes. Max: 200"},
	{repo.ErrEventTooBig, 400, "InvalidRequest", "Too many writes. Max event size: 2000000"},
	{repo.ErrInvalidWrite, 400, "InvalidRequest", "Invalid record key"},
	{repo.ErrPreferenceNamespace, 400, "InvalidRequest", "Some preferences are not in the app.bsky namespace"},
	{repo.ErrPreferencesTooLarge, 400, "InvalidRequest", "Too many preferences"},
	{repo.ErrNotFound, 400, "RepoNotFound", "Could not find repo"},
	{repo.ErrBlobNotFound, 400, "InvalidRequest", "Blob not found"},
	{repo.ErrBlobTakendown, 400, "InvalidRequest", "Blob has been takendown, cannot re-upload"},
	{repo.ErrQuota, 400, "QuotaExceeded", "The account has no room left for another blob of this size"},
	{repo.ErrBlobBusy, 503, "NotEnoughResources", "The same blob is being deleted; please try again"},
	{repo.ErrRotating, 503, "NotEnoughResources", "The account's key is being rotated; please try again"},
	{repo.ErrNotReserved, 503, "NotEnoughResources", "The upload took too long; please try again"},
	{blob.ErrTooLarge, 413, "PayloadTooLarge", "The request body is too large"},
	{blob.ErrTimeout, 504, "UpstreamTimeout", "The blob store did not answer in time"},
	{repo.ErrInvalidRepo, 400, "InvalidRequest", ""},
	{repo.ErrImportGone, 400, "InvalidSwap", "Another import of this repository began meanwhile"},
	{repo.ErrLeftovers, 503, "NotEnoughResources", "An earlier import is still being cleared away"},
	{repo.ErrTooManyImports, 503, "NotEnoughResources", "Too many imports are running"},
	{repo.ErrTooManyExports, 429, "RateLimitExceeded", "Too many exports of this repository are running"},
	{dag.ErrInvalid, 400, "InvalidRequest", ""},

	// The server itself. The cause is logged, not told.
	{sequencing.ErrFull, 503, "InsufficientStorage", "The server has run out of storage"},
	{syscall.ENOSPC, 503, "InsufficientStorage", "The server has run out of storage"}, // met by whoever writes a file
	{syscall.EDQUOT, 503, "InsufficientStorage", "The server has run out of storage"},
	{blob.ErrFull, 503, "InsufficientStorage", "The server has run out of storage"},
	{blob.ErrUnavailable, 503, "NotEnoughResources", "The blob store is unavailable"},
	{mailbox.ErrBusy, 503, "NotEnoughResources", "Too many requests for this account"},
	{mailbox.ErrExpired, 503, "NotEnoughResources", "The request waited too long"},
	{mailbox.ErrRetired, 503, "NotEnoughResources", "The account is being changed"},
	{mailbox.ErrQuarantined, 503, "NotEnoughResources", "The repository is unavailable"},
	{mailbox.ErrStopped, 503, "NotEnoughResources", "The server is shutting down"},
	{sequencing.ErrClockJump, 503, "NotEnoughResources", "The server's clock is being checked"},
	{plc.ErrGone, 400, "InvalidRequest", "Did is tombstoned"},
	{plc.ErrNotFound, 400, "InvalidRequest", "DID not registered"},
	{plc.ErrOperation, 400, "InvalidRequest", "Invalid operation"},
	{plc.ErrUnavailable, 502, "UpstreamFailure", "The PLC directory did not answer"},
	{keys.ErrReservedFull, 503, "NotEnoughResources", "Too many signing keys are reserved"},
	{atproto.ErrForeign, 502, "UpstreamFailure", "The service that was asked did not answer"},
	{identity.ErrDocument, 502, "UpstreamFailure", "The DID document is not valid"},
	{identity.ErrHandleUnavailable, 502, "UpstreamFailure", "Identity could not be resolved"},
	{identity.ErrUnavailable, 502, "UpstreamFailure", "Identity could not be resolved"},
	{repo.ErrUnavailable, 503, "NotEnoughResources", "The repository is unavailable"},
	{repodb.ErrSnapshots, 429, "RateLimitExceeded", "Too many exports of this repository are running"},
}

// translate is the error table as a function; nil means the error is nobody's
// to know: 500.
func translate(err error) *xrpc.Error {
	if e := translateStruct(err); e != nil {
		e.Cause = err
		return e
	}
	for _, row := range table {
		if !errors.Is(err, row.is) {
			continue
		}
		e := &xrpc.Error{Status: row.status, Name: row.name, Message: row.message, Cause: err}
		if e.Message == "" {
			e.Message = err.Error()
		}
		if e.Status == nethttp.StatusServiceUnavailable {
			e.Header = nethttp.Header{"Retry-After": {"1"}}
		}
		return e
	}
	return nil
}

// translateStruct answers errors that carry what a client is to be told.
func translateStruct(err error) *xrpc.Error {
	var (
		invalid  atproto.Invalid
		missing  atproto.RecordMissing
		hidden   atproto.RepoUnavailable
		refused  atproto.AccountUnavailable
		jwt      auth.BadJWT
		scheme   auth.UnknownScheme
		stranger atproto.NotIssuer
		taken    atproto.Taken
		blob     repo.BlobProblem
		blocks   repo.MissingBlocks
		inactive repo.NotActive
		private  repo.PreferencesForbidden
		rejected *plc.RejectedError
		upstream *upstream.Refusal
	)
	switch {
	case errors.As(err, &upstream):
		return upstream.Public()
	case errors.As(err, &rejected): // the directory's words are for whoever made the operation
		return &xrpc.Error{Status: 400, Name: "InvalidRequest", Message: rejected.Message}
	case errors.As(err, &invalid):
		return &xrpc.Error{Status: 400, Name: invalid.Name, Message: invalid.Message}
	case errors.As(err, &missing):
		return &xrpc.Error{Status: 400, Name: "RecordNotFound", Message: missing.Error()}
	case errors.As(err, &hidden):
		return &xrpc.Error{Status: 400, Name: repoErrorNames[hidden.Status], Message: hidden.Error()}
	case errors.As(err, &refused):
		return accountError(refused.Status)
	case errors.As(err, &inactive):
		return accountError(inactive.Status)
	case errors.As(err, &private):
		return &xrpc.Error{Status: 400, Name: "InvalidRequest", Message: private.Error()}
	case errors.As(err, &jwt):
		return &xrpc.Error{Status: 401, Name: jwt.Name, Message: jwt.Message}
	case errors.As(err, &scheme):
		return &xrpc.Error{Status: 400, Name: "InvalidToken", Message: scheme.Error()}
	case errors.As(err, &stranger):
		return &xrpc.Error{Status: 401, Name: "AuthenticationRequired", Message: stranger.Error()}
	case errors.As(err, &taken):
		return &xrpc.Error{Status: 400, Name: "InvalidRequest", Message: taken.Error()}
	case errors.As(err, &blob):
		return &xrpc.Error{Status: 400, Name: blobErrorNames[blob.Reason], Message: blob.Error()}
	case errors.As(err, &blocks):
		return &xrpc.Error{Status: 400, Name: "InvalidRequest", Message: blocks.Error()}
	}
	return nil
}

var repoErrorNames = map[sequencing.Status]string{
	sequencing.StatusNone:        "RepoNotFound",
	sequencing.StatusActive:      "RepoNotFound",
	sequencing.StatusDeleted:     "RepoNotFound",
	sequencing.StatusTakendown:   "RepoTakendown",
	sequencing.StatusSuspended:   "RepoSuspended",
	sequencing.StatusDeactivated: "RepoDeactivated",
}

var blobErrorNames = map[repo.BlobReason]string{
	repo.BlobMissing: "BlobNotFound",
	repo.BlobMime:    "InvalidMimeType",
	repo.BlobSize:    "InvalidSize",
}

// accountError refuses an account that may not act.
func accountError(s sequencing.Status) *xrpc.Error {
	if s == sequencing.StatusDeactivated {
		return &xrpc.Error{Status: 401, Name: "AccountDeactivated", Message: "Account is deactivated"}
	}
	return &xrpc.Error{Status: 401, Name: "AccountTakedown", Message: "Account has been taken down"}
}
