package repo

import (
	"context"
	"slices"

	"github.com/bluesky-social/indigo/atproto/syntax"
	"github.com/ipfs/go-cid"

	"troupe/storage/mst"
	"troupe/storage/repodb"
)

// nodes is where the actor's tree reads the nodes that it does not hold.
type nodes struct{ r *Repo }

func (s nodes) Node(c cid.Cid) (block []byte, err error) {
	if b, ok := s.r.pending.nodes[c]; ok {
		return b, nil
	}
	found := false
	err = s.r.db.Read(context.Background(), func(tx *repodb.Reader) (err error) {
		block, found, err = tx.Node(c)
		return err
	})
	if err == nil && !found {
		err = mst.ErrMissing
	}
	return block, err
}

// turnView is the View of one decision: the file, the pending changes, and
// what was decided before it in the same chain.
type turnView struct {
	r     *Repo
	chain *overlay
}

func (v turnView) Backlinks(collection syntax.NSID, subject string) (keys []syntax.RecordKey, err error) {
	err = v.r.db.Read(context.Background(), func(tx *repodb.Reader) (err error) {
		keys, err = tx.Backlinks(collection, subject)
		return err
	})
	keys = v.chain.backlinks(v.r.pending.backlinks(keys, collection, subject), collection, subject)
	slices.Sort(keys) // maps have no order, and equal inputs must give equal bytes
	return keys, err
}

func (v turnView) Blob(c cid.Cid) (b repodb.Blob, found bool, err error) {
	if err := v.r.flush(context.Background()); err != nil {
		return repodb.Blob{}, false, err
	}
	err = v.r.db.Read(context.Background(), func(tx *repodb.Reader) (err error) {
		if b, found, err = tx.Blob(c); err != nil || !found || len(v.chain.changes) == 0 {
			return err
		}
		holders := map[string]struct{}{}
		err = tx.BlobHolders(c, func(path string) { holders[path] = struct{}{} })
		b = blobAfter(b, holders, v.chain.changes)
		return err
	})
	return b, found, err
}
