package repo

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"github.com/bluesky-social/indigo/atproto/syntax"

	"troupe/sequencing"
	"troupe/storage/mst"
	"troupe/storage/repodb"
	"troupe/storage/sqlite"
)

// replayBatch is how many replayed changes go into one transaction.
const replayBatch = 256

// Start compares the file with the log and brings it up to date. A DID that
// the log does not know, and that has no file, starts empty: it may be created.
func (r *Repo) Start(ctx context.Context) error {
	head, exists, err := r.Log.Head(ctx, r.did)
	if err != nil {
		return fmt.Errorf("%w: read head: %w", ErrUnavailable, err)
	}
	r.state = State{DID: r.did, Exists: exists, Status: head.Status}
	if exists && head.Status == sequencing.StatusDeleted {
		r.state.Rev = head.Rev // what is created in its place stands above it: relays remember
		return nil
	}
	if _, err := os.Stat(filepath.Join(r.dir, repodb.FileName)); errors.Is(err, os.ErrNotExist) && !exists {
		return nil
	}
	if err := r.activate(ctx, head, exists); err != nil {
		return fmt.Errorf("%w: activate %s: %w", ErrUnavailable, r.did, r.unexpected(err))
	}
	return nil
}

func (r *Repo) activate(ctx context.Context, head sequencing.Head, exists bool) error {
	if err := r.openFile(ctx); err != nil {
		return err
	}
	root, _, err := r.fileRoot(ctx)
	if err != nil {
		return err
	}
	if exists && root.Seq < int64(head.Seq) && root.Rev <= head.Rev {
		if root, err = r.replay(ctx, root, head); err != nil {
			return err
		}
	}
	if root.Staged != 0 {
		r.clearLeftovers() // of an import that was not finished, or not cleared away
	}
	switch {
	case root.Rev == "" && !exists:
		return nil // the file was made and nothing was ever appended
	case root.Rev > head.Rev:
		return r.adopt(root, head, exists)
	case root.Commit != head.Commit:
		return fmt.Errorf("the file is at commit %s, the log at %s, and the log no longer holds what lies between", root.Commit, head.Commit)
	}
	r.state = r.stateOf(root, head.Status)
	// Whoever rotated the key died, or waits for the PLC directory: until it is
	// known which key the world has, nothing is signed.
	staged, err := r.Vault.KeyStaged(r.dir)
	if err != nil {
		return err
	}
	if staged {
		r.held = holdRefuse
	}
	if root.Seq > int64(head.Applied) && r.pending.empty() {
		r.Flusher.Note(r.did, sequencing.Seq(root.Seq))
	}
	return nil
}

func (r *Repo) stateOf(root repodb.Root, status sequencing.Status) State {
	return State{
		DID: r.did, Exists: true, Status: status, Rev: root.Rev, Commit: root.Commit, Data: root.Data, Block: root.Block,
		Tree: mst.Load(root.Data, nodes{r}),
	}
}

func (r *Repo) openFile(ctx context.Context) (err error) {
	r.db, err = repodb.Open(ctx, r.dir, r.did, repodb.Options{VFS: r.VFS})
	return err
}

// share takes a new handle of the file, between two transactions, beside which
// snapshots can be opened. It is kept until the actor leaves: who was exported
// once may be again. Without a handle the actor is nothing: a fresh activation
// finds out.
func (r *Repo) share(ctx context.Context) { r.reopen(ctx, true) }

func (r *Repo) reopen(ctx context.Context, shared bool) {
	if err := r.db.Close(); err != nil {
		r.Logger.Warn("close account file", "did", r.did, "err", err)
	}
	db, err := repodb.Open(context.WithoutCancel(ctx), r.dir, r.did, repodb.Options{VFS: r.VFS, Shared: shared})
	if err != nil {
		panic(fmt.Errorf("repo: %s: open again: %w", r.did, err))
	}
	r.db = db
}

func (r *Repo) readKey() error {
	if r.key != nil {
		return nil
	}
	key, err := r.Vault.ReadSigningKey(r.dir, r.did)
	if err != nil {
		return fmt.Errorf("%w: signing key: %w", ErrUnavailable, err)
	}
	r.key = key
	return nil
}

func (r *Repo) fileRoot(ctx context.Context) (root repodb.Root, ok bool, err error) {
	err = r.db.Read(ctx, func(tx *repodb.Reader) (err error) {
		root, ok, err = tx.Root()
		return err
	})
	if err == nil && ok && root.DID != r.did {
		err = repodb.ErrWrongAccount
	}
	return root, ok, err
}

// replay applies what the log has and the file lacks. The last transaction is
// durable, so a second crash does not replay the same again. Where the disk is
// full the rest becomes pending instead: the account is read as if it had been
// applied, and a later flush will.
func (r *Repo) replay(ctx context.Context, root repodb.Root, head sequencing.Head) (repodb.Root, error) {
	var changes []repodb.Change
	seq, full := root.Seq, false
	store := func(transact func(context.Context, func(*repodb.Tx) error) error) error {
		if full {
			return nil // each attempt would fail like the first
		}
		err := transact(ctx, func(tx *repodb.Tx) error { return applyTo(tx, r.did, changes, seq) })
		if full = errors.Is(err, sqlite.ErrFull); full {
			return nil
		}
		changes = nil
		return err
	}
	err := r.Log.Replay(ctx, r.did, sequencing.Seq(root.Seq), func(e sequencing.Event) error {
		if e.Kind == sequencing.KindImport {
			if err := store(r.db.Transact); err != nil {
				return err
			}
			if full {
				return sequencing.ErrFull // what comes next rests on tables that cannot change now
			}
			seq = int64(e.Seq)
			return r.replayImport(e)
		}
		seq = int64(e.Seq)
		if e.Kind != sequencing.KindCommit {
			return nil
		}
		c, err := changeOf(e)
		if err != nil {
			return fmt.Errorf("entry %d: %w", e.Seq, err)
		}
		if changes = append(changes, c); len(changes) < replayBatch {
			return nil
		}
		return store(r.db.Transact)
	})
	if err != nil {
		return root, err
	}
	if err := store(r.db.TransactFull); err != nil {
		return root, err
	}
	if full {
		return r.hold(root, changes, seq)
	}
	r.Flusher.Replayed(seq - root.Seq)
	r.reap(ctx) // what was replayed may have deleted blobs, and others may have been being deleted
	root, _, err = r.fileRoot(ctx)
	return root, err
}

// replayImport changes to the import that an entry names. It was durable in the
// file before the entry was in the log.
func (r *Repo) replayImport(e sequencing.Event) error {
	p, err := replacementOf(e)
	if err == nil {
		err = r.swapIn(p.id, p.rootOf(r.did, e.Seq, e.Next))
	}
	if err != nil {
		return fmt.Errorf("entry %d: %w", e.Seq, err)
	}
	return nil
}

// hold makes replayed changes pending and returns the root that they lead to.
func (r *Repo) hold(root repodb.Root, changes []repodb.Change, seq int64) (repodb.Root, error) {
	r.Logger.Warn("the disk is full; what the account's file lacks is kept in memory", "did", r.did, "entries", seq-root.Seq)
	for _, c := range changes {
		r.pending.add(c)
		root.Rev, root.Commit, root.Block, root.Data = c.Rev, c.Commit.CID, c.Commit.Data, c.Data
	}
	root.DID, root.Seq, r.pending.seq = r.did, seq, seq
	r.Pending.add(r.pending.bytes)
	return root, nil
}

// applyTo brings changes, and the number up to which they reach, into the file.
func applyTo(tx *repodb.Tx, did syntax.DID, changes []repodb.Change, seq int64) error {
	if len(changes) > 0 {
		if err := tx.Apply(did, repodb.Merge(changes)); err != nil {
			return err
		}
	}
	return tx.SetSeq(seq)
}

// adopt makes the log follow a file that it lags behind.
func (r *Repo) adopt(root repodb.Root, head sequencing.Head, exists bool) error {
	now, err := r.Clock.Now()
	if err != nil {
		return err
	}
	status := sequencing.StatusActive
	before := State{DID: r.did}
	if exists {
		status = head.Status
		before = State{DID: r.did, Exists: true, Status: head.Status, Rev: head.Rev, Commit: head.Commit, Data: head.Data}
	}
	r.Logger.Warn("the log lost commits that the account's file has; the file's head is adopted", "did", r.did, "log", head.Rev, "file", root.Rev)
	var collections []syntax.NSID
	err = r.db.Read(context.Background(), func(tx *repodb.Reader) (err error) {
		collections, err = tx.Collections()
		return err
	})
	if err != nil {
		return err
	}
	d := decideAdopt(r.stateOf(root, status), collections, now)
	type outcome struct {
		c   sequencing.Committed
		err error
	}
	done := make(chan outcome, 1)
	r.Append(sequencing.Append{DID: r.did, Expect: before.expect(), Entries: d.Entries}, func(c sequencing.Committed, err error) { done <- outcome{c, err} })
	o := <-done // not cancellable: it ends in one of the log's three outcomes
	if o.err != nil {
		return o.err
	}
	r.state = d.Next
	r.pending.seq = int64(o.c.Seqs[len(o.c.Seqs)-1])
	return nil
}
