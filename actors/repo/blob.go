package repo

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/ipfs/go-cid"

	"troupe/storage/dag"
	"troupe/storage/repodb"
	"troupe/storage/sqlite"
)

func (r *Repo) reserveBlob(ctx context.Context, m ReserveBlob) (answer Reserved, err error) {
	if r.Reaper.deleting(r.did, m.Blob.CID) {
		// Bytes that are put now could be those that go.
		return Reserved{}, ErrBlobBusy
	}
	var refused error
	err = r.changeRows(ctx, func(tx *repodb.Tx) error {
		row, found, err := tx.Blob(m.Blob.CID)
		if err != nil {
			return err
		}
		var used int64
		if r.BlobQuota > 0 && !found {
			if used, err = tx.BlobBytes(); err != nil {
				return err
			}
		}
		next, write, err := decideReserve(row, found, m.Blob, time.Now(), used, r.BlobQuota)
		answer.Stored = next.Stored()
		if refused = err; err != nil || !write {
			return nil
		}
		return tx.SetBlob(next)
	})
	if errors.Is(refused, ErrBlobBusy) {
		r.unreaped = true // whoever was to delete it may have given up
		r.reap(ctx)
	}
	return answer, errors.Join(err, refused)
}

func (r *Repo) confirmBlob(ctx context.Context, m ConfirmBlob) (state repodb.BlobState, err error) {
	var refused error
	err = r.changeRows(ctx, func(tx *repodb.Tx) error {
		row, found, err := tx.Blob(m.CID)
		if err != nil {
			return err
		}
		referenced, err := tx.BlobReferenced(m.CID)
		if err != nil {
			return err
		}
		next, write, err := decideConfirm(row, found, referenced)
		state = next.State
		if refused = err; err != nil || !write {
			return nil
		}
		return tx.SetBlob(next)
	})
	return state, errors.Join(err, refused)
}

func (r *Repo) takedownBlob(ctx context.Context, m TakedownBlob) (next repodb.Blob, err error) {
	var refused error
	err = r.changeRows(ctx, func(tx *repodb.Tx) error {
		row, found, err := tx.Blob(m.CID)
		if err != nil {
			return err
		}
		referenced, err := tx.BlobReferenced(m.CID)
		if err != nil {
			return err
		}
		var keep bool
		next, keep, refused = decideTakedown(m.CID, row, found, referenced, m.Ref, time.Now())
		switch {
		case refused != nil:
			return nil
		case !keep:
			return tx.DeleteBlob(m.CID)
		}
		return tx.SetBlob(next)
	})
	return next, errors.Join(err, refused)
}

// sweepBlobs stands between chains: one under way may have been decided
// because a blob was there that this begins to delete.
func (r *Repo) sweepBlobs(ctx context.Context, m SweepBlobs, answer func(int64, error)) {
	r.between(ctx, func(err error) { answer(0, err) }, func() {
		var n int64
		err := r.changeRows(ctx, func(tx *repodb.Tx) (err error) {
			n, err = tx.SweepBlobs(m.UploadedBefore)
			return err
		})
		r.unreaped = true // also what an earlier life of this server left
		r.reap(ctx)
		answer(n, err)
	})
}

func (r *Repo) orphanBlobs(ctx context.Context, m OrphanBlobs) (orphans []cid.Cid, err error) {
	err = r.changeRows(ctx, func(tx *repodb.Tx) error {
		for _, c := range m.CIDs {
			_, known, err := tx.Blob(c)
			if err == nil && !known {
				known, err = tx.BlobReferenced(c)
			}
			if err != nil {
				return err
			}
			if known {
				continue
			}
			// The row comes first: it keeps an upload of the same bytes waiting
			// until the old ones are gone.
			if err := tx.SetBlob(repodb.Blob{Blob: dag.Blob{CID: c}, State: repodb.BlobDeleting, Uploaded: time.Now()}); err != nil {
				return err
			}
			orphans = append(orphans, c)
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	r.unreaped = r.unreaped || len(orphans) > 0
	r.reap(ctx)
	return orphans, nil
}

// forgetBlobs removes the rows of blobs whose bytes are gone. That needs no
// fsync: should a power cut bring a row back, its bytes are deleted once more.
func (r *Repo) forgetBlobs(ctx context.Context, m ForgetBlobs) (next []cid.Cid, err error) {
	if err := r.exists(); err != nil {
		return nil, err
	}
	if err := r.flush(context.WithoutCancel(ctx)); err != nil {
		return nil, err
	}
	err = r.db.Transact(context.WithoutCancel(ctx), func(tx *repodb.Tx) error {
		for _, c := range m.CIDs {
			if err := forgetBlob(tx, c); err != nil {
				return err
			}
		}
		next, err = tx.DeletingBlobs(reapBatch)
		return err
	})
	if err := r.written(err); err != nil {
		return nil, err
	}
	r.unreaped = len(next) > 0
	return next, nil
}

func forgetBlob(tx *repodb.Tx, c cid.Cid) error {
	row, found, err := tx.Blob(c)
	switch {
	case err != nil || !found || row.State != repodb.BlobDeleting:
		return err
	case row.Takedown != "":
		row.State = repodb.BlobBanned
		return tx.SetBlob(row)
	}
	return tx.DeleteBlob(c)
}

// between runs fn when no chain is on its way: what the chain was decided from
// must not change before it is applied.
func (r *Repo) between(ctx context.Context, refuse func(error), fn func()) {
	r.enqueue(job{ctx: ctx, refuse: refuse, alone: fn})
}

// changeRows changes rows that are in no log (of blobs, and takedowns of records),
// on top of every pending change, and durably.
func (r *Repo) changeRows(ctx context.Context, fn func(*repodb.Tx) error) error {
	if err := r.exists(); err != nil {
		return err
	}
	ctx = context.WithoutCancel(ctx)
	if err := r.flush(ctx); err != nil {
		return err
	}
	return r.written(r.db.TransactFull(ctx, fn))
}

// written judges the outcome of a transaction. After a failure that is not
// for want of space nobody knows what the file holds: a fresh activation reads it.
func (r *Repo) written(err error) error {
	if err != nil && !errors.Is(err, sqlite.ErrFull) {
		panic(fmt.Errorf("repo: %s: rows that are in no log: %w", r.did, err))
	}
	return r.unexpected(err)
}

func (r *Repo) getBlob(ctx context.Context, m GetBlob) (dag.Blob, error) {
	b, err := r.inspectBlob(ctx, InspectBlob{CID: m.CID})
	if err == nil && (b.Takedown != "" || b.State != repodb.BlobPermanent && !(m.Private && b.Stored())) {
		err = ErrBlobNotFound
	}
	return b.Blob, err
}

func (r *Repo) inspectBlob(ctx context.Context, m InspectBlob) (b repodb.Blob, err error) {
	found := false
	err = r.query(ctx, func(tx *repodb.Reader) (err error) {
		b, found, err = tx.Blob(m.CID)
		return err
	})
	if err == nil && !found {
		err = ErrBlobNotFound
	}
	return b, err
}

func (r *Repo) listBlobs(ctx context.Context, m ListBlobs) (page []cid.Cid, err error) {
	err = r.query(ctx, func(tx *repodb.Reader) (err error) {
		page, err = tx.ListBlobs(m.Cursor, m.Since, m.Limit)
		return err
	})
	return page, err
}

func (r *Repo) listMissingBlobs(ctx context.Context, m ListMissingBlobs) (page []repodb.MissingBlob, err error) {
	err = r.query(ctx, func(tx *repodb.Reader) (err error) {
		page, err = tx.ListMissingBlobs(m.Cursor, m.Limit)
		return err
	})
	return page, err
}
