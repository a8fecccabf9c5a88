package repo

import (
	"time"

	"github.com/bluesky-social/indigo/atproto/syntax"
	"github.com/ipfs/go-cid"

	"troupe/actors/mailbox"
	"troupe/storage/dag"
	"troupe/storage/repodb"
)

// ReserveBlob announces bytes that are about to be stored: between its answer
// and [ConfirmBlob] the asker puts them into the store. It is answered with
// [ErrBlobTakendown], [ErrQuota], or with [ErrBlobBusy] while older bytes of
// the same CID are being deleted: the asker tries again.
type ReserveBlob struct {
	mailbox.To[*Repo, Reserved]
	Blob dag.Blob
}

// Reserved answers ReserveBlob.
type Reserved struct {
	Stored bool // the bytes are there already: nothing is left to do
}

// ConfirmBlob says that the bytes of a reserved blob are durable. It is
// answered with what the blob is now, permanent where a record waited for it,
// or with [ErrBlobTakendown], or [ErrNotReserved] when the reservation was
// given up meanwhile.
type ConfirmBlob struct {
	mailbox.To[*Repo, repodb.BlobState]
	CID cid.Cid
}

// ForgetBlobs says that bytes are gone; only the [Reaper] may say so. It is
// answered with what is to be deleted next.
type ForgetBlobs struct {
	mailbox.To[*Repo, []cid.Cid]
	CIDs []cid.Cid
}

// TakedownBlob hides a blob and keeps its bytes from being uploaded again, or
// with Ref "" lifts that. It is answered with [ErrBlobNotFound] for what was
// never here. See [TakeDown], which moves the bytes as well.
type TakedownBlob struct {
	mailbox.To[*Repo, repodb.Blob]
	CID cid.Cid
	Ref string
}

// SweepBlobs begins to delete what was uploaded before a time and is used by no
// record. It is answered with how many blobs that were.
type SweepBlobs struct {
	mailbox.To[*Repo, int64]
	UploadedBefore time.Time
}

// OrphanBlobs names bytes that the store has. Those that have neither row nor
// record are deleted; it is answered with them.
type OrphanBlobs struct {
	mailbox.To[*Repo, []cid.Cid]
	CIDs []cid.Cid
}

// GetBlob finds out whether bytes may be shown. It is answered with
// [ErrBlobNotFound] unless a record points at the blob, or with Private (the
// owner, the operator) it is at least stored, and in no case when it is taken
// down.
type GetBlob struct {
	mailbox.To[*Repo, dag.Blob]
	CID     cid.Cid
	Private bool
}

// InspectBlob tells the row of a blob, whatever it says. It is answered with
// [ErrBlobNotFound].
type InspectBlob struct {
	mailbox.To[*Repo, repodb.Blob]
	CID cid.Cid
}

// ListBlobs reads a page of the blobs that records point at, in the order of
// their CIDs as text. Cursor is the last one of the page before; with Since only
// records written after that rev count.
type ListBlobs struct {
	mailbox.To[*Repo, []cid.Cid]
	Since  syntax.TID
	Cursor cid.Cid
	Limit  int
}

// ListMissingBlobs reads a page of the blobs that records point at and that
// were not uploaded here, in that order. Cursor is the last one of the page before.
type ListMissingBlobs struct {
	mailbox.To[*Repo, []repodb.MissingBlob]
	Cursor cid.Cid
	Limit  int
}
