package sequencing

import (
	"time"

	"github.com/bluesky-social/indigo/atproto/syntax"
	"github.com/ipfs/go-cid"

	"troupe/storage/dag"
)

// Seq is a number of the log: positive, below 2^53, strictly increasing, never
// used twice in the life of a data directory. Gaps are legal everywhere: they
// are internal entries, purged rows and numbers burnt by a restart.
type Seq int64

// Kind says what an entry is about.
type Kind uint8

const (
	KindCommit   Kind = 1 // a repo commit; frame #commit
	KindSync     Kind = 2 // the repo's state is declared anew; frame #sync
	KindIdentity Kind = 3 // DID document or handle may have changed; frame #identity
	KindAccount  Kind = 4 // status of the account; frame #account
	KindPurge    Kind = 5 // internal: the account's rows were removed
	KindAdopt    Kind = 6 // internal: the head was taken from a file found ahead of the log
	KindImport   Kind = 7 // internal: the repo was replaced as a whole; details in Private
)

// Status is the hosting state of an account as the log knows it.
// The zero value means "unchanged" in a Change.
type Status uint8

const (
	StatusNone        Status = 0
	StatusActive      Status = 1
	StatusDeactivated Status = 2
	StatusTakendown   Status = 3
	StatusSuspended   Status = 4
	StatusDeleted     Status = 5
)

// Visibility tells entries that subscribers receive from those they never see.
type Visibility bool

const (
	Public   Visibility = true
	Internal Visibility = false
)

// Frame is a wire frame around a hole: wire = Prefix + cbor(seq) + Suffix.
// DAG-CBOR orders map keys by length, so "seq" stands in the middle and the
// frame can be encoded before its number is known.
type Frame struct{ Prefix, Suffix []byte }

// Head is the newest state of one DID: what the next append is compared with.
type Head struct {
	DID         syntax.DID
	Seq         Seq        // newest entry of this DID
	Rev         syntax.TID // "" before the first commit
	Commit      cid.Cid    // signed commit block
	Data        cid.Cid    // root of the tree
	Status      Status
	Incarnation int64     // 1, and one more each time a deleted DID is created again
	CreatedAt   time.Time // of this incarnation, UTC, microseconds
	Applied     Seq       // entries up to here are durable in the account's own file
}

// Change is what an entry does to the head. Zero fields leave it as it is.
type Change struct {
	Rev          syntax.TID
	Commit, Data cid.Cid
	Status       Status
}

// BlobRef is a blob referenced by the record that op number Op wrote.
type BlobRef struct {
	Op   int // index in the frame's ops
	Blob dag.Blob
}

// Effects is what apply needs beyond the frame. It never leaves the server.
type Effects struct {
	New     []cid.Cid // blocks of the frame's CAR that are new to the repo: commit, nodes, records
	Removed []cid.Cid // blocks the repo no longer needs
	Blobs   []BlobRef

	// Collections are those that the entry makes the repo hold or no longer hold.
	// A KindImport or KindAdopt, which replace the repo, name all that it holds.
	// The log keeps them in its own transaction and not in the entry: Replay does
	// not return them.
	Collections []Collection
}

// Collection says whether a repo holds records of a collection.
type Collection struct {
	NSID    syntax.NSID
	Present bool
}

// Entry is one event on its way into the log. No secret is ever in an entry.
type Entry struct {
	Kind       Kind
	Visibility Visibility
	Frame      Frame // may be empty for internal entries
	Effects    Effects
	Private    []byte // opaque to the log, handed to Replay as it is (KindImport: which import)
	Next       Change
	Time       time.Time // the frame's time; orders pruning and the backfill window
}

// Expect is what the author of an append believes the head to be.
//
// An append that moves rev, commit, data or status must state Status; one that
// moves rev, commit or data is always compared with Rev and Data, empty ones
// included. An append that moves nothing (an #identity) may leave every field
// zero: it is accepted in any state except deleted.
type Expect struct {
	New    bool // no head row, or a tombstone: starts the next incarnation
	Rev    syntax.TID
	Data   cid.Cid
	Status Status
}

// Append is a chain: one or more entries of one DID, committed all or none.
type Append struct {
	DID     syntax.DID
	Expect  Expect
	Entries []Entry
	Purge   bool // delete this DID's other rows in the same transaction
}

// Committed answers an append: one number per entry, ascending, and the head
// as the chain left it.
type Committed struct {
	Seqs []Seq
	Head Head
}

// Event is an entry read back, or on its way to subscribers.
type Event struct {
	Seq        Seq
	DID        syntax.DID
	Kind       Kind
	Visibility Visibility
	Time       time.Time
	Frame      []byte  // complete wire frame, number included; shared, never written to
	Effects    Effects // only in Replay
	Private    []byte  // only in Replay
	Next       Change  // only in Replay
}

// Holder is an active account that holds records of a collection.
type Holder struct {
	DID    syntax.DID
	Cursor HolderCursor // continues behind it
}

// HolderCursor is a position in the order of Holders; zero is the start. It stays
// where it is whatever comes and goes.
type HolderCursor int64

// HeadCursor is a position in the order of Heads; zero is the start.
type HeadCursor struct {
	CreatedAt time.Time
	DID       syntax.DID
}

// Applied says that the account's own file holds everything up to Seq, and
// that a flush of that file returned after it did.
type Applied struct {
	DID syntax.DID
	Seq Seq
}
