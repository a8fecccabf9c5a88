package sweeper

import (
	"context"
	"errors"
	"fmt"

	"github.com/bluesky-social/indigo/atproto/syntax"
	"github.com/ipfs/go-cid"

	"troupe/actors/repo"
)

// orphanBatch is about how many blobs an owner is asked at a time.
const orphanBatch = 256

// uploads has the accounts that uploaded something since the start let go of what no
// record used.
func (w *work) uploads() error {
	for _, did := range w.ripe {
		w.account(did)
		if !w.pause() {
			break
		}
	}
	return w.outcome()
}

// blobs goes round every account that has bytes.
func (w *work) blobs() error {
	for did, err := range w.Blobs.Accounts(w.ctx) {
		if err != nil {
			return fmt.Errorf("sweeper: accounts of the store: %w", err)
		}
		if w.account(did) {
			w.orphans(did)
		}
		if !w.pause() {
			break
		}
	}
	return w.outcome()
}

// everybody goes round all accounts, for those rows of which nobody would hear: where
// the process died between the row of an account's first upload and its bytes, the store
// has never heard of the account.
func (w *work) everybody() error {
	for did := range w.EachAccount {
		w.account(did)
		if !w.pause() {
			break
		}
	}
	return w.outcome()
}

// account sweeps one account's uploads. It reports whether there is such an account:
// bytes of any other are not touched, they may be all that is left of it. Only what came
// in while an account was being deleted goes, if nobody has it by now.
func (w *work) account(did syntax.DID) bool {
	ctx, cancel := context.WithTimeout(w.ctx, step)
	defer cancel()
	n, err := w.SweepBlobs(ctx, did, repo.SweepBlobs{UploadedBefore: w.Now().Add(-w.UploadLifetime)})
	w.count(KindUpload, n)
	switch {
	case errors.Is(err, repo.ErrNotFound):
		if w.DeleteRemains != nil {
			w.passed(w.DeleteRemains(ctx, did))
		}
		return false
	case err != nil:
		w.passed(fmt.Errorf("sweeper: uploads of %s: %w", did, err))
		return false
	}
	return true
}

// orphans has the owner look at which of its bytes have no row.
func (w *work) orphans(did syntax.DID) {
	old := w.Now().Add(-w.UploadLifetime)
	var batch []cid.Cid
	for b, err := range w.Blobs.List(w.ctx, did, cid.Undef) {
		if err != nil {
			w.passed(fmt.Errorf("sweeper: blobs of %s: %w", did, err))
			break
		}
		if b.Modified.After(old) {
			continue
		}
		if batch = append(batch, b.CID); len(batch) == orphanBatch {
			if !w.ask(did, batch) || !w.pause() {
				return
			}
			batch = nil
		}
	}
	if len(batch) > 0 {
		w.ask(did, batch)
	}
}

func (w *work) ask(did syntax.DID, batch []cid.Cid) bool {
	ctx, cancel := context.WithTimeout(w.ctx, step)
	defer cancel()
	gone, err := w.OrphanBlobs(ctx, did, repo.OrphanBlobs{CIDs: batch})
	w.count(KindOrphan, int64(len(gone)))
	if err != nil {
		w.passed(fmt.Errorf("sweeper: orphans of %s: %w", did, err))
	}
	return err == nil
}
