package repo

import (
	"bytes"
	"context"
	"fmt"
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
	// maxCollections is how many collections an imported repository may have.
	maxCollections = 4096
)

// stager walks the tree of an upload and hands it to the owner in batches. While
// one is being stored the next one is gathered.
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

	nodes, records int
	collections    []syntax.NSID
}

func newStager(ctx context.Context, addr mailbox.Address[*Repo], spool *car.Spool, id repodb.ImportID, limit int64) *stager {
	return &stager{ctx: ctx, addr: addr, spool: spool, left: limit, batch: StageImport{ID: id}, stored: make(chan error, 1)}
}

// walk stages the tree below a root. Every node is verified before it is gone
// into: hash, form, and place in the tree.
func (s *stager) walk(root cid.Cid) error {
	err := mst.Load(root, s).Preorder(func(step mst.Step) error {
		if step.Node == nil {
			return s.record(step.Key, step.Value)
		}
		s.nodes++
		s.batch.Nodes = append(s.batch.Nodes, car.Block{CID: step.Node.CID, Data: s.keep(step.Node.Data)})
		return s.stageIfFull()
	})
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
	return b, nil
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
