package repo

import (
	"bytes"
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/bluesky-social/indigo/atproto/syntax"
	"github.com/ipfs/go-cid"

	"troupe/actors/mailbox"
	"troupe/storage/car"
	"troupe/storage/dag"
	"troupe/storage/mst"
	"troupe/storage/repodb"
)

const (
	// A batch is staged in one turn; others that ask the account wait that long.
	maxStageBytes = 512 << 10
	maxStageItems = 2048
	// sortedNodes is how many nodes wait to be staged in the order of their CIDs.
	sortedNodes = 256 << 10
	// maxCollections is how many collections an imported repository may have.
	maxCollections = 4096
)

// stager walks the tree of an upload and hands it to the owner in batches. While
// one is being stored the next one is gathered.
//
// Records are staged as the walk comes by, which is the order of their table.
// Nodes have one of their own, by CID, in which every next node of a walk is
// somewhere else: they are kept back, as where they lie in the upload, and staged in
// that order. So the table is written from the front to the back, and so is read the
// one of the repository that is replaced.
type stager struct {
	ctx   context.Context
	addr  mailbox.Address[*Repo]
	spool *car.Spool
	left  int64 // bytes that may still be staged

	batch  StageImport
	size   int        // bytes of the batch
	arena  []byte     // where most of them are
	stored chan error // the answer to the batch before, if one is out
	out    bool

	sorted  int     // how many nodes are put in order at a time
	waiting []place // nodes that are to be staged
	seen    cid.Cid // the node that was read last
	seenAt  int64   // where it lies

	nodes, records int
	collections    []syntax.NSID
}

// place is a node and where it lies in the upload.
type place struct {
	cid [cidLen]byte
	at  int64
}

// cidLen is the length of a CID of the one form that repositories have.
const cidLen = 36

func (im *Importer) newStager(ctx context.Context, addr mailbox.Address[*Repo], spool *car.Spool, id repodb.ImportID) *stager {
	s := &stager{ctx: ctx, addr: addr, spool: spool, left: im.Limit, sorted: im.Sorted, batch: StageImport{ID: id}, stored: make(chan error, 1)}
	if s.sorted == 0 {
		s.sorted = sortedNodes
	}
	return s
}

// walk stages the tree below a root. Every node is verified before it is gone
// into: hash, form, and place in the tree.
func (s *stager) walk(root cid.Cid) error {
	err := mst.Load(root, s).Preorder(func(step mst.Step) error {
		if step.Node == nil {
			return s.record(step.Key, step.Value)
		}
		return s.node(step.Node.CID)
	})
	if err == nil {
		err = s.stageNodes()
	}
	if err == nil {
		err = s.stage()
	}
	if err2 := s.wait(); err == nil { // whatever went wrong: nothing is on its way any more
		err = err2
	}
	return err
}

// finish is the last message of the import.
func (s *stager) finish(root cid.Cid) FinishImport {
	return FinishImport{ID: s.batch.ID, Data: root, Nodes: s.nodes, Records: s.records, Collections: s.collections}
}

// Node makes the upload the source of its tree.
func (s *stager) Node(c cid.Cid) ([]byte, error) {
	if err := s.ctx.Err(); err != nil {
		return nil, context.Cause(s.ctx)
	}
	b, found, err := s.spool.Block(c)
	switch {
	case err != nil:
		return nil, err
	case !found:
		return nil, mst.ErrMissing
	case len(b) > maxNodeBytes:
		return nil, fmt.Errorf("%w: a node of %d bytes", ErrInvalidRepo, len(b))
	}
	s.seen, s.seenAt = c, s.spool.Place()
	return b, nil
}

// node keeps a node back. It is the one that was read last, as a rule.
func (s *stager) node(c cid.Cid) error {
	if s.seen != c {
		if _, err := s.Node(c); err != nil {
			return err
		}
	}
	p := place{at: s.seenAt}
	if copy(p.cid[:], c.KeyString()) != cidLen || len(c.KeyString()) != cidLen {
		return fmt.Errorf("%w: node %s has another kind of CID", ErrInvalidRepo, c)
	}
	s.nodes++
	if s.waiting = append(s.waiting, p); len(s.waiting) < s.sorted {
		return nil
	}
	return s.stageNodes()
}

// stageNodes stages the nodes that wait, in the order of their table.
func (s *stager) stageNodes() error {
	slices.SortFunc(s.waiting, func(a, b place) int { return bytes.Compare(a.cid[:], b.cid[:]) })
	for _, p := range s.waiting {
		if err := s.ctx.Err(); err != nil {
			return context.Cause(s.ctx)
		}
		c, err := cid.Cast(p.cid[:])
		if err != nil {
			return err
		}
		b, err := s.spool.At(p.at)
		if err != nil {
			return err
		}
		s.batch.Nodes = append(s.batch.Nodes, car.Block{CID: c, Data: s.keep(b)})
		if err := s.stageIfFull(); err != nil {
			return err
		}
	}
	s.waiting = s.waiting[:0]
	return nil
}

func (s *stager) record(key string, c cid.Cid) error {
	b, found, err := s.spool.Block(c)
	switch {
	case err != nil:
		return err
	case !found:
		return fmt.Errorf("%w: record %s is missing", ErrInvalidRepo, key)
	}
	r, err := s.checked(key, c, b)
	if err != nil {
		return fmt.Errorf("%w: record %s: %w", ErrInvalidRepo, key, err)
	}
	// Counted as often as a record is named: a file of one large record under a
	// million keys is small, what it stands for is not.
	if s.left -= int64(len(b)); s.left < 0 {
		return fmt.Errorf("%w: the records take more room than one import may", ErrInvalidRepo)
	}
	r.Bytes = s.keep(b)
	s.records++
	s.batch.Records = append(s.batch.Records, r)
	return s.stageIfFull()
}

// checked makes a record of a key and a block, if they are fit to be one.
func (s *stager) checked(key string, c cid.Cid, b []byte) (r repodb.StagedRecord, err error) {
	collection, rkey, _ := strings.Cut(key, "/") // the tree has checked that there is one slash
	if n := len(s.collections); n == 0 || s.collections[n-1] != syntax.NSID(collection) {
		nsid, err := syntax.ParseNSID(collection)
		if err != nil {
			return r, err
		}
		if n == maxCollections {
			return r, fmt.Errorf("more than %d collections", n)
		}
		s.collections = append(s.collections, syntax.NSID(strings.Clone(string(nsid))))
	}
	if rkey == "." || rkey == ".." || len(rkey) > 512 { // its characters are those of any path
		return r, fmt.Errorf("no record key: %q", rkey)
	}
	if dag.NewReader(b).Kind() != dag.KindMap {
		return r, dag.ErrKind
	}
	if err := dag.Check(b, dag.RecordLimits); err != nil {
		return r, err
	}
	r = repodb.StagedRecord{Collection: s.collections[len(s.collections)-1], RKey: syntax.RecordKey(rkey), CID: c}
	if bytes.Contains(b, mimeType) { // every reference to a blob has one
		blobs, err := dag.Blobs(b)
		if err != nil {
			return r, err
		}
		for _, blob := range blobs {
			r.Blobs = append(r.Blobs, blob.CID)
		}
	}
	r.Subject = subjectOf(r.Collection, b)
	return r, nil
}

var mimeType = []byte("mimeType")

// keep copies bytes into the batch.
func (s *stager) keep(b []byte) []byte {
	s.size += len(b)
	if s.arena == nil {
		s.arena = make([]byte, 0, maxStageBytes)
	}
	if len(b) > cap(s.arena)-len(s.arena) {
		return bytes.Clone(b) // a large one
	}
	from := len(s.arena)
	s.arena = append(s.arena, b...)
	return s.arena[from:len(s.arena):len(s.arena)]
}

func (s *stager) stageIfFull() error {
	if s.size < maxStageBytes*3/4 && len(s.batch.Nodes)+len(s.batch.Records) < maxStageItems {
		return nil
	}
	return s.stage()
}

// stage hands the batch over as soon as the one before it is stored.
func (s *stager) stage() error {
	if len(s.batch.Nodes)+len(s.batch.Records) == 0 {
		return nil
	}
	if err := s.wait(); err != nil {
		return err
	}
	s.out = true
	mailbox.Post(s.ctx, s.addr, s.batch, func(_ struct{}, err error) { s.stored <- err })
	s.batch, s.size, s.arena = StageImport{ID: s.batch.ID}, 0, nil
	return nil
}

func (s *stager) wait() error {
	if !s.out {
		return nil
	}
	s.out = false
	return <-s.stored
}
