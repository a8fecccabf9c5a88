package repo

import (
	"time"

	"github.com/bluesky-social/indigo/atproto/syntax"
	"github.com/ipfs/go-cid"

	"troupe/actors/mailbox"
	"troupe/sequencing"
	"troupe/storage/car"
	"troupe/storage/dag"
	"troupe/storage/repodb"
)

// Commit names a commit of the repository.
type Commit struct {
	CID cid.Cid
	Rev syntax.TID
}

// Create makes the repository of an account whose signing key lies in its
// folder. It is answered with the first commit, and with the same one when it
// is asked again. A repository that starts active appears on the firehose as
// identity, account, commit, sync; any other starts silently.
type Create struct {
	mailbox.To[*Repo, Commit]
	Handle syntax.Handle
	Status sequencing.Status // StatusActive or StatusDeactivated
}

// Swap is a condition on the current version of a record.
type Swap struct {
	Set bool    // false: no condition
	CID cid.Cid // the version that must be there; Undef: there must be none
}

// Write is one change of one record.
type Write struct {
	Action     sequencing.Action
	Collection syntax.NSID
	RKey       syntax.RecordKey // "": a create takes a new TID
	Record     dag.Record       // of creates and updates
	Swap       Swap
}

// Path is the record's key in the tree.
func (w Write) Path() string { return string(w.Collection) + "/" + string(w.RKey) }

// ApplyWrites makes all of its writes one commit, or none of them.
// It is answered with [ErrInvalidSwap], [ErrRecordExists], [ErrRecordNotFound],
// [ErrDuplicatePath], [ErrTooManyWrites], [ErrEventTooBig], [ErrBlob],
// [NotActive], [ErrUnavailable].
type ApplyWrites struct {
	mailbox.To[*Repo, WriteResult]
	Writes     []Write
	SwapCommit cid.Cid // the commit that must be the head; Undef: no condition
	Suppress   bool    // creates replace older records that point at the same subject (likes, follows…)
	Upsert     bool    // updates create what is not there, and do nothing, whatever the swaps, where the CID stays the same (putRecord)
	MissingOK  bool    // deletes of what is not there do nothing, whatever the swaps (deleteRecord)
}

// WriteResult answers ApplyWrites.
type WriteResult struct {
	Commit  *Commit // nil: nothing changed
	Results []Result
}

// Result is what became of one write, in the order of the request.
type Result struct {
	Action     sequencing.Action // as it was carried out
	Collection syntax.NSID
	RKey       syntax.RecordKey
	CID        cid.Cid // Undef after a delete
}

// SetStatus changes the account's hosting status and announces it, changed or
// not, as an #account event. It signs nothing, so it does not wait for a rotation
// of the key, nor for the writes that do. It is answered with the new head.
type SetStatus struct {
	mailbox.To[*Repo, sequencing.Head]
	Status   sequencing.Status   // StatusNone: what Standing comes to
	Standing sequencing.Standing // why; goes with the entry if Status is StatusNone
}

// Activate makes the account active and announces it as account, identity, sync.
// A head that another key has signed gets a commit by the present key first. It
// is answered with the new head.
type Activate struct {
	mailbox.To[*Repo, sequencing.Head]
	Handle syntax.Handle
}

// AnnounceIdentity emits an #identity event: the DID document or the handle
// may have changed. It is answered with the head.
type AnnounceIdentity struct {
	mailbox.To[*Repo, sequencing.Head]
	Handle syntax.Handle // "": not said
}

// GetRecord reads one record, or with CID just that version of it.
// It is answered with [ErrRecordNotFound].
type GetRecord struct {
	mailbox.To[*Repo, Found]
	Collection syntax.NSID
	RKey       syntax.RecordKey
	CID        cid.Cid
}

// Found is a record: DAG-CBOR and its CID.
type Found struct {
	CID   cid.Cid
	Bytes []byte
}

// TakedownRecord hides a record from those who ask for it by name or list its
// collection, or with Ref "" shows it again. It stays in the repository and its
// exports. It is answered with [ErrRecordNotFound].
type TakedownRecord struct {
	mailbox.To[*Repo, struct{}]
	Collection syntax.NSID
	RKey       syntax.RecordKey
	Ref        string
}

// InspectRecord tells which version of a record there is and whether it is taken
// down. It is answered with [ErrRecordNotFound].
type InspectRecord struct {
	mailbox.To[*Repo, Inspected]
	Collection syntax.NSID
	RKey       syntax.RecordKey
}

// Inspected answers InspectRecord.
type Inspected struct {
	CID      cid.Cid
	Takedown string // reference; "": it is not taken down
}

// ListRecords reads a page of a collection, newest keys first, or with
// Reverse oldest first. Cursor is the last key of the page before.
type ListRecords struct {
	mailbox.To[*Repo, []repodb.Record]
	Collection syntax.NSID
	Limit      int
	Cursor     syntax.RecordKey
	Reverse    bool
}

// Describe names the collections that hold records.
type Describe struct {
	mailbox.To[*Repo, Description]
}

// Description answers Describe.
type Description struct{ Collections []syntax.NSID }

// Count tells how much the account holds. It takes no longer for a large one.
type Count struct {
	mailbox.To[*Repo, Counted]
}

// Counted answers Count.
type Counted struct {
	Commit       Commit
	Blocks       int64 // commit, nodes and records
	Records      int64
	BlobsWanted  int64 // distinct blobs that records point at
	BlobsPresent int64 // blobs that are stored, used or not, or were taken down
}

// GetBlocks reads blocks of the current repository: commit, nodes, records.
// It is answered with [MissingBlocks] unless it has all of them.
type GetBlocks struct {
	mailbox.To[*Repo, []car.Block]
	CIDs []cid.Cid
}

// ProveRecord collects the blocks that prove that a record is in the
// repository, or that it is not.
type ProveRecord struct {
	mailbox.To[*Repo, Proof]
	Collection syntax.NSID
	RKey       syntax.RecordKey
}

// Proof is the commit, the nodes towards the key, and the record if there is one.
type Proof struct {
	Commit cid.Cid
	Blocks []car.Block
}

// OpenSnapshot lends a read-only view of the whole repository; the asker must
// Close it.
type OpenSnapshot struct {
	mailbox.To[*Repo, *repodb.Snapshot]
}

// SignServiceAuth mints a service token that the account's key signs.
type SignServiceAuth struct {
	mailbox.To[*Repo, string]
	Audience string      // a DID, or a DID with a #fragment
	Lexicon  syntax.NSID // "": good for any method
	Expires  time.Time
}

// SigningKey tells the did:key that the account signs with.
type SigningKey struct {
	mailbox.To[*Repo, string]
}

// Wake activates the actor, which brings its file up to the log. It is
// answered with the newest entry that the file holds.
type Wake struct {
	mailbox.To[*Repo, sequencing.Seq]
}

// Flush brings every pending change into the file.
type Flush struct {
	mailbox.To[*Repo, sequencing.Seq]
}
