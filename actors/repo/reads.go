package repo

import (
	"context"
	"errors"
	"fmt"

	"github.com/bluesky-social/indigo/atproto/syntax"
	"github.com/ipfs/go-cid"

	"troupe/sequencing"
	"troupe/storage/car"
	"troupe/storage/repodb"
	"troupe/storage/sqlite"
)

// exists refuses reads of a repository that is not there. Whether a stranger
// may read what is there is the caller's question.
func (r *Repo) exists() error {
	if !r.state.Exists || r.db == nil {
		return ErrNotFound
	}
	return nil
}

func (r *Repo) getRecord(ctx context.Context, m GetRecord) (Found, error) {
	if err := r.exists(); err != nil {
		return Found{}, err
	}
	found, ref, err := r.record(ctx, m.Collection, m.RKey)
	switch {
	case err != nil:
		return Found{}, r.unexpected(err)
	case !found.CID.Defined(), ref != "", m.CID.Defined() && found.CID != m.CID:
		return Found{}, ErrRecordNotFound
	}
	return found, nil
}

// record finds a record, and the reference under which it is taken down. Without
// one its CID is undefined.
func (r *Repo) record(ctx context.Context, collection syntax.NSID, rkey syntax.RecordKey) (f Found, ref string, err error) {
	c, pending := r.pending.records[string(collection)+"/"+string(rkey)]
	if pending && (c.Created || !c.CID.Defined()) {
		return Found{c.CID, c.Bytes}, "", nil
	}
	err = r.db.Read(ctx, func(tx *repodb.Reader) error {
		rec, _, err := tx.Record(collection, rkey)
		f, ref = Found{rec.CID, rec.Bytes}, rec.Takedown
		return err
	})
	if pending { // a newer version, taken down as the one before
		f = Found{c.CID, c.Bytes}
	}
	return f, ref, err
}

func (r *Repo) listRecords(ctx context.Context, m ListRecords) (page []repodb.Record, err error) {
	err = r.query(ctx, func(tx *repodb.Reader) (err error) {
		page, err = tx.List(m.Collection, m.Cursor, m.Limit, m.Reverse)
		return err
	})
	return page, err
}

func (r *Repo) takedownRecord(ctx context.Context, m TakedownRecord) (struct{}, error) {
	found := false
	err := r.changeRows(ctx, func(tx *repodb.Tx) (err error) {
		found, err = tx.TakedownRecord(m.Collection, m.RKey, m.Ref)
		return err
	})
	if err == nil && !found {
		err = ErrRecordNotFound
	}
	return struct{}{}, err
}

func (r *Repo) inspectRecord(ctx context.Context, m InspectRecord) (Inspected, error) {
	if err := r.exists(); err != nil {
		return Inspected{}, err
	}
	found, ref, err := r.record(ctx, m.Collection, m.RKey)
	if err == nil && !found.CID.Defined() {
		err = ErrRecordNotFound
	}
	return Inspected{found.CID, ref}, r.unexpected(err)
}

func (r *Repo) describe(ctx context.Context, _ Describe) (d Description, err error) {
	err = r.query(ctx, func(tx *repodb.Reader) (err error) {
		d.Collections, err = tx.Collections()
		return err
	})
	return d, err
}

func (r *Repo) count(ctx context.Context, _ Count) (c Counted, err error) {
	err = r.query(ctx, func(tx *repodb.Reader) error {
		root, _, err := tx.Root()
		n := root.Counts
		c = Counted{
			Commit: Commit{root.Commit, root.Rev}, Blocks: 1 + n.Nodes + n.Records, Records: n.Records,
			BlobsWanted: n.Referenced, BlobsPresent: n.Blobs,
		}
		return err
	})
	return c, err
}

// query reads tables, which must show every pending change.
func (r *Repo) query(ctx context.Context, fn func(*repodb.Reader) error) error {
	if err := r.exists(); err != nil {
		return err
	}
	err := r.flush(context.WithoutCancel(ctx))
	switch {
	case errors.Is(err, sqlite.ErrFull):
		return r.unexpected(r.db.Preview(ctx, r.applyPending, fn))
	case err != nil:
		return err
	}
	return r.unexpected(r.db.Read(ctx, fn))
}

func (r *Repo) getBlocks(ctx context.Context, m GetBlocks) (blocks []car.Block, err error) {
	var missing []cid.Cid
	err = r.query(ctx, func(tx *repodb.Reader) error {
		for _, c := range m.CIDs {
			b, found, err := r.block(tx, c)
			if err != nil {
				return err
			}
			if !found {
				missing = append(missing, c)
				continue
			}
			blocks = append(blocks, car.Block{CID: c, Data: b})
		}
		return nil
	})
	if err == nil && len(missing) > 0 {
		return nil, MissingBlocks{missing}
	}
	return blocks, err
}

func (r *Repo) block(tx *repodb.Reader, c cid.Cid) ([]byte, bool, error) {
	if c == r.state.Commit {
		return r.state.Block, true, nil
	}
	if b, found, err := tx.Node(c); found || err != nil {
		return b, found, err
	}
	return tx.RecordBlock(c)
}

func (r *Repo) proveRecord(ctx context.Context, m ProveRecord) (Proof, error) {
	if err := r.exists(); err != nil {
		return Proof{}, err
	}
	path := string(m.Collection) + "/" + string(m.RKey)
	nodes, err := r.state.Tree.Path(path)
	if err != nil {
		return Proof{}, r.unexpected(err)
	}
	p := Proof{Commit: r.state.Commit, Blocks: []car.Block{{CID: r.state.Commit, Data: r.state.Block}}}
	p.Blocks = append(p.Blocks, nodes...)
	found, _, err := r.record(ctx, m.Collection, m.RKey) // taken down or not: it is in the repository
	switch {
	case err != nil:
		return Proof{}, r.unexpected(err)
	case !found.CID.Defined():
		return p, nil // the nodes prove that it is absent
	}
	p.Blocks = append(p.Blocks, car.Block{CID: found.CID, Data: found.Bytes})
	return p, nil
}

func (r *Repo) openSnapshot(ctx context.Context, _ OpenSnapshot) (*repodb.Snapshot, error) {
	if err := r.exists(); err != nil {
		return nil, err
	}
	var s *repodb.Snapshot
	err := r.flush(context.WithoutCancel(ctx))
	if err == nil && r.db.Alone() {
		r.share(ctx)
	}
	switch {
	case err == nil && !r.db.Alone():
		s, err = r.Snapshots.Open(ctx, r.dir, r.did, repodb.Options{VFS: r.VFS})
	case err == nil:
		s, err = r.Snapshots.Copy(ctx, r.did, func(read func(*repodb.Reader) error) error { return r.db.Read(ctx, read) })
	case errors.Is(err, sqlite.ErrFull):
		s, err = r.Snapshots.Copy(ctx, r.did, func(read func(*repodb.Reader) error) error {
			return r.db.Preview(ctx, r.applyPending, read)
		})
	default:
		return nil, err
	}
	if errors.Is(err, repodb.ErrSnapshots) {
		return nil, fmt.Errorf("%w: %w", ErrTooManyExports, err)
	}
	return s, r.unexpected(err)
}

// wake is answered with the newest entry that the file holds durably enough to
// be replayed from: what is pending counts once it is flushed.
func (r *Repo) wake(context.Context, Wake) (seq sequencing.Seq, err error) {
	return r.stored()
}

func (r *Repo) flushNow(ctx context.Context, _ Flush) (sequencing.Seq, error) {
	if err := r.exists(); err != nil {
		return 0, err
	}
	if err := r.flush(ctx); err != nil {
		return 0, err
	}
	return r.stored()
}

func (r *Repo) stored() (seq sequencing.Seq, err error) {
	if err := r.exists(); err != nil {
		return 0, err
	}
	err = r.db.Read(context.Background(), func(tx *repodb.Reader) error {
		root, _, err := tx.Root()
		seq = sequencing.Seq(root.Seq)
		return err
	})
	return seq, err
}
