package repo

import (
	"fmt"
	"time"

	"github.com/bluesky-social/indigo/atproto/syntax"

	"troupe/sequencing"
	"troupe/storage/car"
	"troupe/storage/commit"
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
	block, err := commit.Sign(s.DID, m.Data, at.Rev, at.Key)
	if err != nil {
		return Decision{}, err
	}
	next := s
	next.Rev, next.Commit, next.Data, next.Block, next.Tree = at.Rev, block.CID, m.Data, block.Data, tree
	swap := &replacement{id: i.id, commit: block, nodes: i.nodes, records: i.records}
	entry := sequencing.Entry{
		Kind: sequencing.KindImport, Visibility: sequencing.Internal, Time: now,
		Next:    sequencing.Change{Rev: next.Rev, Commit: next.Commit, Data: next.Data},
		Private: swap.encode(),
	}
	for _, nsid := range m.Collections {
		entry.Effects.Collections = append(entry.Effects.Collections, sequencing.Collection{NSID: nsid, Present: true})
	}
	d := Decision{Entries: []sequencing.Entry{entry}, Changes: []*repodb.Change{nil}, Next: next, Swap: swap}
	if s.Status == sequencing.StatusActive {
		d.Entries = append(d.Entries, syncEntry(next, now))
		d.Changes = append(d.Changes, nil)
	}
	return d, nil
}

// replacement is what a KindImport entry says beyond the head: which import, the
// commit, that is in no other entry, and how much was staged. The repository
// itself is not in the log.
type replacement struct {
	id             repodb.ImportID
	commit         car.Block
	nodes, records int
}

func (p *replacement) encode() []byte {
	b := dag.AppendArray(make([]byte, 0, 32+len(p.commit.Data)), 4)
	b = dag.AppendInt(b, int64(p.id))
	b = dag.AppendBytes(b, p.commit.Data)
	b = dag.AppendInt(b, int64(p.nodes))
	return dag.AppendInt(b, int64(p.records))
}

// replacementOf reads a KindImport entry.
func replacementOf(e sequencing.Event) (*replacement, error) {
	p := &replacement{commit: car.Block{CID: e.Next.Commit}}
	err := p.decode(dag.NewReader(e.Private))
	if err == nil && dag.Sum(p.commit.Data) != p.commit.CID {
		err = fmt.Errorf("commit %s has another hash", p.commit.CID)
	}
	return p, err
}

func (p *replacement) decode(r *dag.Reader) error {
	n, err := r.Array()
	if err != nil {
		return err
	}
	if n != 4 {
		return fmt.Errorf("an import entry of %d members", n)
	}
	id, err := r.Int()
	if err != nil {
		return err
	}
	if p.commit.Data, err = r.Bytes(); err != nil {
		return err
	}
	nodes, err := r.Int()
	if err != nil {
		return err
	}
	records, err := r.Int()
	p.id, p.nodes, p.records = repodb.ImportID(id), int(nodes), int(records)
	return err
}

// rootOf is the root that the entry of number seq leads to, which moves the head to next.
func (p *replacement) rootOf(did syntax.DID, seq sequencing.Seq, next sequencing.Change) repodb.Root {
	return repodb.Root{
		DID: did, Seq: int64(seq), Rev: next.Rev, Commit: p.commit.CID, Block: p.commit.Data, Data: next.Data,
		Counts: repodb.Counts{Nodes: int64(p.nodes), Records: int64(p.records)},
	}
}
