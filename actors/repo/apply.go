package repo

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"troupe/sequencing"
	"troupe/storage/car"
	"troupe/storage/repodb"
	"troupe/storage/sqlite"

	"github.com/bluesky-social/indigo/atproto/syntax"
	"github.com/ipfs/go-cid"
)

// flush brings pending changes into the file, as one transaction.
func (r *Repo) flush(ctx context.Context) error {
	if r.pending.empty() {
		return nil
	}
	seq := r.pending.seq
	dropped := false
	err := r.db.Transact(ctx, func(tx *repodb.Tx) error {
		err := r.applyPending(tx)
		dropped = tx.Dropped()
		return err
	})
	switch {
	case errors.Is(err, sqlite.ErrFull):
		return r.unexpected(err) // kept pending; space may return
	case err != nil:
		// The file is not what the log says it should be, and nothing here can
		// mend that: a fresh activation may.
		panic(fmt.Errorf("repo: %s: apply up to entry %d: %w", r.did, seq, err))
	}
	r.Pending.add(-r.pending.bytes)
	r.pending = newOverlay()
	r.Flusher.Note(r.did, sequencing.Seq(seq))
	r.boundWAL()
	// Behind the commit, and what it does again after a crash is in the log: the
	// bytes go only when no replay can need them.
	r.unreaped = r.unreaped || dropped
	r.reap(ctx)
	return nil
}

func (r *Repo) applyPending(tx *repodb.Tx) error {
	return applyTo(tx, r.did, r.pending.changes, r.pending.seq)
}

// maxWAL is how large a file's write-ahead log may grow because somebody reads
// an old snapshot of it.
const maxWAL = 64 << 20

var errWAL = errors.New("repo: the repository changed too much during the export")

func (r *Repo) boundWAL() {
	if !r.Snapshots.Held(r.did) {
		return
	}
	if size, err := r.db.WALSize(); err == nil && size > maxWAL {
		r.Snapshots.Revoke(r.did, errWAL)
	}
}

// changeOf rebuilds from a #commit entry what deciding it had made.
func changeOf(e sequencing.Event) (repodb.Change, error) {
	frame, _, err := sequencing.DecodeFrame(e.Frame)
	if err != nil {
		return repodb.Change{}, err
	}
	f, ok := frame.(sequencing.CommitFrame)
	if !ok {
		return repodb.Change{}, fmt.Errorf("a commit entry holds a %T", frame)
	}
	_, blocks, err := car.ReadAll(f.Blocks)
	if err != nil {
		return repodb.Change{}, err
	}
	at := make(map[cid.Cid][]byte, len(blocks))
	for _, b := range blocks {
		at[b.CID] = b.Data
	}
	c := repodb.Change{
		Seq: int64(e.Seq), Rev: f.Rev, Commit: car.Block{CID: f.Commit, Data: at[f.Commit]}, Data: e.Next.Data, Time: f.Rev.Time(),
		Gone: e.Effects.Removed,
	}
	for _, n := range e.Effects.New {
		block, ok := at[n]
		if !ok {
			return repodb.Change{}, fmt.Errorf("node %s is not in the event", n)
		}
		c.Nodes = append(c.Nodes, car.Block{CID: n, Data: block})
	}
	for i, op := range f.Ops {
		r, err := recordChange(op, at)
		if err != nil {
			return repodb.Change{}, err
		}
		for _, b := range e.Effects.Blobs {
			if b.Op == i {
				r.Blobs = append(r.Blobs, b.Blob)
			}
		}
		c.Records = append(c.Records, r)
	}
	return c, nil
}

func recordChange(op sequencing.RepoOp, at map[cid.Cid][]byte) (repodb.RecordChange, error) {
	collection, rkey, _ := strings.Cut(op.Path, "/")
	r := repodb.RecordChange{Collection: syntax.NSID(collection), RKey: syntax.RecordKey(rkey), CID: op.CID}
	if !op.CID.Defined() {
		return r, nil
	}
	block, ok := at[op.CID]
	if !ok {
		return r, fmt.Errorf("record %s is not in the event", op.Path)
	}
	r.Bytes, r.Created = block, op.Action == sequencing.ActionCreate
	r.Subject = subjectOf(r.Collection, block)
	return r, nil
}
