package repo

import (
	"fmt"
	"time"

	"github.com/bluesky-social/indigo/atproto/syntax"

	"troupe/sequencing"
	"troupe/storage/car"
	"troupe/storage/dag"
	"troupe/storage/mst"
	"troupe/storage/repodb"
)

// replaceable refuses imports into what may not change. An account that moves
// here is deactivated until its owner says that all has arrived.
func (s State) replaceable() error {
	switch {
	case !s.Exists || s.Status == sequencing.StatusDeleted:
		return ErrNotFound
	case s.Status != sequencing.StatusActive && s.Status != sequencing.StatusDeactivated:
		return NotActive{s.Status}
	}
	return nil
}

// decideImport moves the head to a staged tree: silently, and in an active
// account followed by a #sync, since no #commit could tell the difference.
func decideImport(s State, m FinishImport, i importing, tree *mst.Tree, at Moment, now time.Time) (Decision, error) {
	if err := s.replaceable(); err != nil {
		return Decision{}, err
	}
	if s.head() != i.head {
		return Decision{}, SwapMismatch{"Commit", s.Commit}
	}
	if m.Nodes != i.nodes || m.Records != i.records {
		return Decision{}, fmt.Errorf("%w: %d nodes and %d records were staged, not %d and %d", ErrImportGone, i.nodes, i.records, m.Nodes, m.Records)
	}
	block, err := signCommit(s.DID, m.Data, at.Rev, at.Key)
	if err != nil {
		return Decision{}, err
	}
	next := s
	next.Rev, next.Commit, next.Data, next.Block, next.Tree = at.Rev, block.CID, m.Data, block.Data, tree
	entry := sequencing.Entry{
		Kind: sequencing.KindImport, Visibility: sequencing.Internal, Time: now,
		Next:    sequencing.Change{Rev: next.Rev, Commit: next.Commit, Data: next.Data},
		Private: replacement{i.id, block}.encode(),
	}
	for _, nsid := range m.Collections {
		entry.Effects.Collections = append(entry.Effects.Collections, sequencing.Collection{NSID: nsid, Present: true})
	}
	d := Decision{Entries: []sequencing.Entry{entry}, Changes: []*repodb.Change{nil}, Next: next, Swap: i.id}
	if s.Status == sequencing.StatusActive {
		d.Entries = append(d.Entries, syncEntry(next, now))
		d.Changes = append(d.Changes, nil)
	}
	return d, nil
}

// replacement is what a KindImport entry says beyond the head: which import, and
// the commit, that is in no other entry. The repository itself is not in the log.
type replacement struct {
	id     repodb.ImportID
	commit car.Block
}

func (p replacement) encode() []byte {
	b := dag.AppendArray(make([]byte, 0, 16+len(p.commit.Data)), 2)
	b = dag.AppendInt(b, int64(p.id))
	return dag.AppendBytes(b, p.commit.Data)
}

// replacementOf reads a KindImport entry.
func replacementOf(e sequencing.Event) (p replacement, err error) {
	r := dag.NewReader(e.Private)
	n, err := r.Array()
	if err == nil && n != 2 {
		err = fmt.Errorf("an import entry of %d members", n)
	}
	var id int64
	if err == nil {
		id, err = r.Int()
	}
	if err == nil {
		p.commit.Data, err = r.Bytes()
	}
	p.id, p.commit.CID = repodb.ImportID(id), e.Next.Commit
	if err == nil && dag.Sum(p.commit.Data) != p.commit.CID {
		err = fmt.Errorf("commit %s has another hash", p.commit.CID)
	}
	return p, err
}

// rootOf is the root that an import entry leads to.
func (p replacement) rootOf(did syntax.DID, e sequencing.Event) repodb.Root {
	return repodb.Root{DID: did, Seq: int64(e.Seq), Rev: e.Next.Rev, Commit: p.commit.CID, Block: p.commit.Data, Data: e.Next.Data}
}
