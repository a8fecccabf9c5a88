package blob

import (
	"context"
	"errors"
	"io"
	"iter"
	"time"

	"github.com/bluesky-social/indigo/atproto/syntax"
	"github.com/ipfs/go-cid"
)

// What went wrong, to be asked with errors.Is. An error of a Store answers to
// at most one of these; none of them means that the caller's context ended, and
// then the error answers to the cause of that.
var (
	ErrNotFound    = errors.New("blob not found")
	ErrFull        = errors.New("blob store is full")             // no space or quota left: reads go on
	ErrUnavailable = errors.New("blob store is unavailable")      // down, refusing, or a disk that fails; later may be better
	ErrTimeout     = errors.New("blob store timed out")           // the outcome of what was asked is unknown
	ErrMismatch    = errors.New("bytes do not match their CID")   // or not the size that was told; nothing was kept
	ErrTooLarge    = errors.New("blob is larger than is allowed") // of a Spool
)

// Store keeps the bytes of blobs at their content address, those of one account
// apart from those of all others. Implementations: Disk, S3, Tiered. All are
// safe for every goroutine.
//
// A Store knows nothing of rows and references. Who may see a blob, and when it
// goes, the owner of the account decides.
type Store interface {
	// Put keeps size bytes of r under c. When it returns nil they are durable;
	// before, and after any error, Open finds all of them or nothing. Putting
	// what is there already is fine, and heals a copy that had been damaged.
	// After an error the same Put may be tried again with a reader from the
	// start.
	Put(ctx context.Context, did syntax.DID, c cid.Cid, size int64, r io.Reader) error

	// Open finds what Put has kept, unless it is in quarantine: ErrNotFound. ctx
	// counts until the Object is closed.
	Open(ctx context.Context, did syntax.DID, c cid.Cid) (Object, error)

	// Has says whether Open would find it.
	Has(ctx context.Context, did syntax.DID, c cid.Cid) (bool, error)

	// Delete removes blobs, in quarantine or not. One that is missing is fine.
	// After an error any of them may be gone.
	Delete(ctx context.Context, did syntax.DID, cids ...cid.Cid) error

	// Quarantine moves bytes out of the reach of Open, Restore moves them back.
	// Missing bytes are fine, and so is doing either twice.
	Quarantine(ctx context.Context, did syntax.DID, c cid.Cid) error
	Restore(ctx context.Context, did syntax.DID, c cid.Cid) error

	// List yields what an account has, in quarantine or not, each CID once, in
	// the order of the CIDs' text, beginning behind after (cid.Undef: from the start). An error
	// is the last thing yielded. What changes meanwhile may or may not be seen.
	List(ctx context.Context, did syntax.DID, after cid.Cid) iter.Seq2[Stored, error]

	// Accounts yields the accounts that have bytes, each once. An account may be
	// among them that has none left. An error is the last thing yielded.
	Accounts(ctx context.Context) iter.Seq2[syntax.DID, error]

	// DeleteAccount removes everything that an account has.
	DeleteAccount(ctx context.Context, did syntax.DID) error
}

// Object is an open blob. It may be read after the blob was deleted, as far as
// the store can still give it.
type Object interface {
	io.ReadSeekCloser
	Size() int64
}

// Stored is an entry of a List.
type Stored struct {
	CID         cid.Cid
	Size        int64
	Modified    time.Time // when the bytes came, or were last moved
	Quarantined bool
}

// Content is what a Spool found out about the bytes written to it.
type Content struct {
	CID  cid.Cid // version 1, raw, sha2-256
	Size int64
	Head []byte // the first HeadSize bytes, for Sniff
}

// HeadSize is how much of a blob Sniff looks at.
const HeadSize = 3072
