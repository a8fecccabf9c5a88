package repo

import (
	"errors"
	"fmt"
	"strings"

	"github.com/ipfs/go-cid"

	"troupe/sequencing"
)

var (
	// ErrNotFound: this server has no such repository.
	ErrNotFound = errors.New("repo: not found")
	// ErrRecordNotFound: there is no such record, or not in that version.
	ErrRecordNotFound = errors.New("repo: record not found")
	// ErrRecordExists: a create met a record.
	ErrRecordExists = errors.New("repo: record already exists")
	// ErrInvalidSwap: a swapCommit or swapRecord condition does not hold.
	ErrInvalidSwap = errors.New("repo: swap condition failed")
	// ErrDuplicatePath: two writes of one request name the same record.
	ErrDuplicatePath = errors.New("repo: two writes name the same record")
	// ErrTooManyWrites: more than 200 ops in one commit.
	ErrTooManyWrites = errors.New("repo: too many writes")
	// ErrEventTooBig: the commit's blocks exceed what a #commit may carry.
	ErrEventTooBig = errors.New("repo: the commit is too big for one event")
	// ErrInvalidWrite: a write that makes no sense (no collection, bad key).
	ErrInvalidWrite = errors.New("repo: invalid write")
	// ErrUnavailable: the actor cannot answer now; the cause is wrapped.
	ErrUnavailable = errors.New("repo: unavailable")
	// ErrBlobNotFound: there is no such blob, or not for the asker.
	ErrBlobNotFound = errors.New("repo: blob not found")
	// ErrBlobTakendown: the blob was taken down and is not taken in again.
	ErrBlobTakendown = errors.New("repo: the blob was taken down")
	// ErrBlobBusy: older bytes of the same blob are being deleted.
	ErrBlobBusy = errors.New("repo: the blob is being deleted")
	// ErrNotReserved: an upload was given up before it ended.
	ErrNotReserved = errors.New("repo: the upload took too long")
	// ErrQuota: the account's blobs may not take more room.
	ErrQuota = errors.New("repo: blob quota exceeded")
	// ErrLeftovers: the file still removes what an earlier import left.
	ErrLeftovers = errors.New("repo: an earlier import is being cleared away")
	// ErrImportGone: the import was given up, or a newer one took its place.
	ErrImportGone = errors.New("repo: the import was given up")
	// ErrTooManyImports: more imports run than the server takes on at a time.
	ErrTooManyImports = errors.New("repo: too many imports")
	// ErrInvalidRepo: what is to be imported is not a repository of this account.
	ErrInvalidRepo = errors.New("invalid repository")
	// ErrRotating: the account's key is being rotated, and that takes long.
	ErrRotating = errors.New("repo: the account's key is being rotated")
	// ErrNoStagedKey: the key that is to be adopted is not here.
	ErrNoStagedKey = errors.New("repo: no such key is staged")
	// ErrTooManyExports: the account has as many long readers as it may have.
	ErrTooManyExports = errors.New("repo: too many exports")
	// ErrPreferenceNamespace: a preference is of another namespace than the one put.
	ErrPreferenceNamespace = errors.New("repo: preference of another namespace")
	// ErrPreferencesTooLarge: more preferences than an account may keep.
	ErrPreferencesTooLarge = errors.New("repo: too many preferences")
)

// SwapMismatch says what stood where something else was expected.
type SwapMismatch struct {
	What string // "Commit" or "Record"
	Was  cid.Cid
}

func (e SwapMismatch) Error() string {
	was := "null"
	if e.Was.Defined() {
		was = e.Was.String()
	}
	return fmt.Sprintf("%s was at %s", e.What, was)
}

func (e SwapMismatch) Is(target error) bool { return target == ErrInvalidSwap }

// NotActive refuses a write to a repository that is not active.
type NotActive struct{ Status sequencing.Status }

func (e NotActive) Error() string { return "repo: the account is " + e.Status.String() }

// BlobProblem refuses a record because of a blob that it points at.
type BlobProblem struct {
	CID    cid.Cid
	Reason BlobReason
}

// BlobReason is what is wrong with a blob reference.
type BlobReason int

const (
	BlobMissing BlobReason = iota // not here, being deleted, or taken down
	BlobMime                      // uploaded with another MIME type
	BlobSize                      // uploaded with another size
)

func (e BlobProblem) Error() string {
	switch e.Reason {
	case BlobMime:
		return fmt.Sprintf("Referenced MimeType does not match stored blob: %s", e.CID)
	case BlobSize:
		return fmt.Sprintf("Referenced size does not match stored blob: %s", e.CID)
	default:
		return fmt.Sprintf("Could not find blob: %s", e.CID)
	}
}

// PreferencesForbidden refuses preferences that the session may not set.
type PreferencesForbidden struct{ Types []string }

func (e PreferencesForbidden) Error() string {
	return "Do not have authorization to set preferences: " + strings.Join(e.Types, ", ")
}

// MissingBlocks names blocks that are not part of the repository.
type MissingBlocks struct{ CIDs []cid.Cid }

func (e MissingBlocks) Error() string { return fmt.Sprintf("Could not find cids: %v", e.CIDs) }
