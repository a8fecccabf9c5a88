package repodb

import (
	"time"

	"github.com/bluesky-social/indigo/atproto/syntax"
	"github.com/ipfs/go-cid"

	"troupe/storage/car"
	"troupe/storage/dag"
)

// Root is the head of the repository as the file holds it.
type Root struct {
	DID    syntax.DID
	Seq    int64 // the newest log entry that is applied
	Rev    syntax.TID
	Commit cid.Cid
	Block  []byte // the signed commit, DAG-CBOR
	Data   cid.Cid
	Staged ImportID // what lies in the import tables; not part of the head
	Counts Counts   // of the whole file; not part of the head
}

// Change is one commit, ready to be stored. It carries everything that
// applying needs: there is nothing left to refuse.
type Change struct {
	Seq    int64
	Rev    syntax.TID
	Commit car.Block
	Data   cid.Cid
	Time   time.Time

	Nodes   []car.Block // tree nodes that came in
	Gone    []cid.Cid   // tree nodes that went out
	Records []RecordChange
}

// RecordChange is one record as it stands after a commit.
type RecordChange struct {
	Collection syntax.NSID
	RKey       syntax.RecordKey
	CID        cid.Cid // Undef: the record is gone
	Created    bool    // there was none before
	Bytes      []byte
	Blobs      []dag.Blob
	Subject    string // what the record points at, if its collection is suppressed by subject; else ""

	rev   syntax.TID
	time  time.Time
	fresh bool // there was none, or it was deleted: its takedown does not stay
}

// Path is the record's key in the tree: collection/rkey.
func (r RecordChange) Path() string { return string(r.Collection) + "/" + string(r.RKey) }

// Merge returns the net effect of consecutive changes: what the file holds
// after it equals what it would hold had each been applied by itself.
func Merge(changes []Change) Batch {
	last := changes[len(changes)-1]
	b := Batch{
		Root:  Root{Seq: last.Seq, Rev: last.Rev, Commit: last.Commit.CID, Block: last.Commit.Data, Data: last.Data},
		nodes: make(map[cid.Cid]node, 8*len(changes)),
		gone:  make(map[cid.Cid]struct{}, 8*len(changes)),
		at:    make(map[string]int, len(changes)),
	}
	for _, c := range changes {
		b.delta.Nodes += int64(len(c.Nodes) - len(c.Gone))
		for _, n := range c.Nodes {
			b.nodes[n.CID] = node{c.Rev, n.Data}
			delete(b.gone, n.CID)
		}
		for _, g := range c.Gone {
			delete(b.nodes, g)
			b.gone[g] = struct{}{}
		}
		for _, r := range c.Records {
			r.rev, r.time, r.fresh = c.Rev, c.Time, r.Created
			switch {
			case !r.CID.Defined():
				b.delta.Records--
			case r.Created:
				b.delta.Records++
			}
			if i, ok := b.at[r.Path()]; ok && len(b.records[i].Blobs) == 0 {
				r.fresh = r.fresh || b.records[i].fresh
				b.records[i] = r
				continue
			}
			// A version that held blobs is applied too: letting go of them is
			// what deletes their rows.
			b.at[r.Path()] = len(b.records)
			b.records = append(b.records, r)
		}
	}
	return b
}

// Batch is the net effect of one or more changes.
type Batch struct {
	Root    Root
	nodes   map[cid.Cid]node
	gone    map[cid.Cid]struct{}
	records []RecordChange
	at      map[string]int
	delta   Counts // of nodes and records
}

type node struct {
	rev   syntax.TID
	block []byte
}
