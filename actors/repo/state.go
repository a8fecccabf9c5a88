package repo

import (
	"github.com/bluesky-social/indigo/atproto/atcrypto"
	"github.com/bluesky-social/indigo/atproto/syntax"
	"github.com/ipfs/go-cid"

	"troupe/sequencing"
	"troupe/storage/mst"
	"troupe/storage/repodb"
)

// State is what decisions are made from. It is a value: deciding a chain makes
// one after the other, and none of them counts before the chain is durable.
type State struct {
	DID    syntax.DID
	Exists bool // the log has a head for this DID
	Status sequencing.Status
	Rev    syntax.TID
	Commit cid.Cid
	Data   cid.Cid
	Block  []byte    // the signed commit
	Tree   *mst.Tree // root = Data
}

// expect is what the log must still hold for a decision made here to stand.
func (s State) expect() sequencing.Expect {
	if !s.Exists || s.Status == sequencing.StatusDeleted {
		return sequencing.Expect{New: true}
	}
	return sequencing.Expect{Rev: s.Rev, Data: s.Data, Status: s.Status}
}

// head is the state as the log's head row tells it.
func (s State) head() Commit { return Commit{CID: s.Commit, Rev: s.Rev} }

// View is what decide may read besides the state: synchronous, read-only, and
// including every write decided before this one.
type View interface {
	// Backlinks names the records of a collection that point at subject.
	Backlinks(collection syntax.NSID, subject string) ([]syntax.RecordKey, error)
	// Blob is the row of an uploaded blob.
	Blob(c cid.Cid) (repodb.Blob, bool, error)
}

// Moment is what the shell gives to a decision besides state and view: the
// clock and the key. Deciding with an equal moment gives equal bytes.
type Moment struct {
	Rev syntax.TID // above the state's rev
	Key atcrypto.PrivateKey
}

// Decision is a command turned into entries, not yet durable.
type Decision struct {
	Entries []sequencing.Entry // none: nothing changes
	Changes []*repodb.Change   // by entry; nil where no table changes
	Next    State

	Swap *replacement // not nil: the entries put this import in the place of the repository
}
