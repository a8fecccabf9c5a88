package repo

import (
	"context"
	"log/slog"
	"slices"
	"sync"

	"github.com/bluesky-social/indigo/atproto/syntax"
	"github.com/ipfs/go-cid"

	"troupe/actors/mailbox"
	"troupe/storage/blob"
	"troupe/storage/repodb"
)

const (
	reapBatch   = 128  // blobs of one account that are deleted at once
	reapQueue   = 1024 // accounts that may wait; more come back when they are quiet
	reapWorkers = 4
)

// Reaper deletes the bytes of blobs that nothing needs any more, beside the
// actors, and then has the owner forget their rows. What it drops (its queue is
// full, the store fails, the process dies) stays in the owner's file, which
// hands it over again.
//
// An account has one batch here at a time, and a batch ends with the owner's
// answer. As long as it lasts the owner admits no upload of what is in it: so
// no bytes are deleted that came after the decision to delete.
type Reaper struct {
	store  blob.Store
	forget func(context.Context, syntax.DID, ForgetBlobs) ([]cid.Cid, error)
	slog   *slog.Logger

	batches sync.Map // syntax.DID → []cid.Cid: what is being deleted
	queue   chan syntax.DID
	ctx     context.Context // ends at Close; of the store's work, never of an ask
	stop    context.CancelFunc
	done    sync.WaitGroup
}

// NewReaper starts a reaper. forget asks the owner of an account.
func NewReaper(store blob.Store, forget func(context.Context, syntax.DID, ForgetBlobs) ([]cid.Cid, error), logger *slog.Logger) *Reaper {
	p := &Reaper{store: store, forget: forget, slog: logger, queue: make(chan syntax.DID, reapQueue)}
	p.ctx, p.stop = context.WithCancel(context.Background())
	for range reapWorkers {
		p.done.Go(p.run)
	}
	return p
}

// Close ends the reaper once the store has answered what it was asked. It comes
// before the actors stop: it asks them.
func (p *Reaper) Close() {
	p.stop()
	p.done.Wait()
}

// take accepts a batch, unless the account has one here or the queue is full.
// It is called in a turn of the owner.
func (p *Reaper) take(did syntax.DID, batch []cid.Cid) bool {
	if p == nil || p.ctx.Err() != nil {
		return false
	}
	if _, busy := p.batches.LoadOrStore(did, batch); busy {
		return false
	}
	select {
	case p.queue <- did:
		return true
	default:
		p.batches.Delete(did)
		return false
	}
}

// deleting reports whether the bytes of a blob may vanish at any moment.
func (p *Reaper) deleting(did syntax.DID, c cid.Cid) bool {
	if p == nil {
		return false
	}
	batch, busy := p.batches.Load(did)
	return busy && slices.Contains(batch.([]cid.Cid), c)
}

func (p *Reaper) run() {
	for {
		select {
		case did := <-p.queue:
			p.reap(did)
		case <-p.ctx.Done():
			return
		}
	}
}

// reap deletes batch after batch of one account. A panic (of the store) leaves
// the rows as they are, like an error.
func (p *Reaper) reap(did syntax.DID) {
	defer p.batches.Delete(did)
	defer func() {
		if v := recover(); v != nil {
			p.slog.Error("delete blobs", "did", did, "panic", v)
		}
	}()
	v, _ := p.batches.Load(did)
	for batch := v.([]cid.Cid); len(batch) > 0 && p.ctx.Err() == nil; {
		if err := p.store.Delete(p.ctx, did, batch...); err != nil {
			if p.ctx.Err() == nil {
				p.slog.Warn("blobs could not be deleted; they will be", "did", did, "blobs", len(batch), "err", err)
			}
			return
		}
		// Without a deadline: only an answer says that no older ForgetBlobs can
		// come behind a newer upload.
		next, err := p.forget(context.Background(), did, ForgetBlobs{CIDs: batch})
		if err != nil {
			p.slog.Info("deleted blobs are not forgotten yet", "did", did, "err", err)
			return
		}
		batch = next
		p.batches.Store(did, batch)
	}
}

// reap hands over what is to be deleted. It is called with nothing pending: a
// change that waits could still name one of these blobs (see hold).
func (r *Repo) reap(ctx context.Context) {
	if !r.unreaped || !r.pending.empty() || r.db == nil {
		return
	}
	var batch []cid.Cid
	err := r.db.Read(context.WithoutCancel(ctx), func(tx *repodb.Reader) (err error) {
		batch, err = tx.DeletingBlobs(reapBatch)
		return err
	})
	switch {
	case err != nil:
		r.Logger.Warn("blobs that are to be deleted could not be read", "did", r.did, "err", err)
	case len(batch) == 0:
		r.unreaped = false
	default:
		r.Reaper.take(r.did, batch) // else a later turn, or ForgetBlobs, comes back to it
	}
}

// TakeDown hides a blob of an account, or with ref "" shows it again, and moves
// its bytes accordingly. A crash on the way leaves the blob hidden.
func TakeDown(ctx context.Context, store blob.Store, at mailbox.Address[*Repo], did syntax.DID, m TakedownBlob) error {
	if m.Ref == "" {
		if err := store.Restore(ctx, did, m.CID); err != nil {
			return err
		}
		_, err := mailbox.Ask(ctx, at, m)
		return err
	}
	if _, err := mailbox.Ask(ctx, at, m); err != nil {
		return err
	}
	return store.Quarantine(ctx, did, m.CID)
}
