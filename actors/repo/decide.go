package repo

import (
	"fmt"

	"github.com/bluesky-social/indigo/atproto/syntax"
	"github.com/ipfs/go-cid"

	"troupe/sequencing"
	"troupe/storage/mst"
	"troupe/storage/repodb"
)

// decideWrites turns an ApplyWrites into one commit entry. It is a function of
// its arguments: the same ones give the same bytes.
func decideWrites(v View, s State, m ApplyWrites, at Moment) (Decision, WriteResult, error) {
	if err := s.writable(); err != nil {
		return Decision{}, WriteResult{}, err
	}
	d := writeDecider{view: v, edit: s.Tree.Edit(), rkey: at.Rev, records: map[cid.Cid][]byte{}, touched: map[string]struct{}{}}
	if m.SwapCommit.Defined() && m.SwapCommit != s.Commit {
		d.stale = SwapMismatch{"Commit", s.Commit}
	}
	if d.stale != nil && len(m.Writes) == 0 {
		return Decision{}, WriteResult{}, d.stale
	}
	for _, w := range m.Writes {
		if err := d.write(m, w); err != nil {
			return Decision{}, WriteResult{}, err
		}
	}
	if len(d.ops) == 0 && len(m.Writes) > 0 {
		return Decision{Next: s}, WriteResult{Results: d.results}, nil
	}
	if len(d.ops) > sequencing.MaxCommitOps {
		return Decision{}, WriteResult{}, ErrTooManyWrites
	}
	decision, err := d.decide(s, at)
	if err != nil {
		return Decision{}, WriteResult{}, err
	}
	head := decision.Next.head()
	return decision, WriteResult{Commit: &head, Results: d.results}, nil
}

// writable refuses commits to what does not exist or is not active.
func (s State) writable() error {
	switch {
	case !s.Exists || s.Status == sequencing.StatusDeleted:
		return ErrNotFound
	case s.Status != sequencing.StatusActive:
		return NotActive{s.Status}
	}
	return nil
}

// writeDecider gathers what one request does to the tree.
type writeDecider struct {
	view    View
	edit    *mst.Edit
	stale   error      // refuses whatever changes something
	rkey    syntax.TID // the next record key to mint
	ops     []sequencing.RepoOp
	changes []repodb.RecordChange
	blobs   []sequencing.BlobRef
	records map[cid.Cid][]byte // written by this commit
	touched map[string]struct{}
	results []Result

	collections collections
}

func (d *writeDecider) write(m ApplyWrites, w Write) error {
	if w.Action == sequencing.ActionCreate && w.RKey == "" {
		if err := d.mint(&w); err != nil {
			return err
		}
	}
	if err := mst.ValidKey(w.Path()); err != nil {
		return fmt.Errorf("%w: %w", ErrInvalidWrite, err)
	}
	if _, again := d.touched[w.Path()]; again {
		return fmt.Errorf("%w: %s", ErrDuplicatePath, w.Path())
	}
	at, err := d.edit.Place(w.Path())
	if err != nil {
		return err
	}
	was, exists := at.Value, at.Found
	if w.done(m, was, exists) {
		if w.Action == sequencing.ActionUpdate {
			d.results = append(d.results, Result{sequencing.ActionUpdate, w.Collection, w.RKey, was})
		}
		return nil
	}
	switch {
	case d.stale != nil:
		return d.stale
	case w.Swap.Set && w.Swap.CID != was:
		return SwapMismatch{"Record", was}
	}
	switch {
	case w.Action == sequencing.ActionDelete:
		return d.delete(w, exists)
	case w.Action == sequencing.ActionUpdate && m.Upsert && !exists:
		w.Action = sequencing.ActionCreate
	}
	return d.put(m, w, at)
}

// done reports whether the record is already what a putRecord or deleteRecord
// wants it to be. That comes before the swaps: a client that did not hear the
// answer asks again with the same ones.
func (w Write) done(m ApplyWrites, was cid.Cid, exists bool) bool {
	switch w.Action {
	case sequencing.ActionUpdate:
		return m.Upsert && exists && was == w.Record.CID
	case sequencing.ActionDelete:
		return m.MissingOK && !exists
	}
	return false
}

// mint gives a create a record key: a TID that is not taken.
func (d *writeDecider) mint(w *Write) error {
	for {
		w.RKey = syntax.RecordKey(d.rkey)
		d.rkey = syntax.NewTID(d.rkey.Time().UnixMicro()+1, d.rkey.ClockID())
		_, taken, err := d.edit.Get(w.Path())
		if err != nil || !taken {
			return err
		}
	}
}

func (d *writeDecider) delete(w Write, exists bool) error {
	if !exists {
		return fmt.Errorf("%w: %s", ErrRecordNotFound, w.Path())
	}
	d.results = append(d.results, Result{Action: sequencing.ActionDelete, Collection: w.Collection, RKey: w.RKey})
	return d.remove(w.Collection, w.RKey)
}

// remove takes a record out of the tree.
func (d *writeDecider) remove(collection syntax.NSID, rkey syntax.RecordKey) error {
	change := repodb.RecordChange{Collection: collection, RKey: rkey}
	prev, err := d.edit.Delete(change.Path())
	if err != nil {
		return err
	}
	d.collections.delete(collection, change.Path())
	d.touched[change.Path()] = struct{}{}
	d.ops = append(d.ops, sequencing.RepoOp{Action: sequencing.ActionDelete, Path: change.Path(), Prev: prev})
	d.changes = append(d.changes, change)
	return nil
}

// put creates or updates a record.
func (d *writeDecider) put(m ApplyWrites, w Write, at mst.Place) error {
	switch {
	case w.Action == sequencing.ActionCreate && at.Found:
		return fmt.Errorf("%w: %s", ErrRecordExists, w.Path())
	case w.Action == sequencing.ActionUpdate && !at.Found:
		return fmt.Errorf("%w: %s", ErrRecordNotFound, w.Path())
	}
	if err := d.checkBlobs(w); err != nil {
		return err
	}
	subject := subjectOf(w.Collection, w.Record.Bytes)
	if w.Action == sequencing.ActionCreate && m.Suppress && subject != "" {
		if err := d.suppress(w, subject); err != nil {
			return err
		}
	}
	op := sequencing.RepoOp{Action: w.Action, Path: w.Path(), CID: w.Record.CID}
	var err error
	if w.Action == sequencing.ActionCreate {
		d.collections.create(w.Collection, at)
		err = d.edit.Create(op.Path, op.CID)
	} else {
		op.Prev, err = d.edit.Update(op.Path, op.CID)
	}
	if err != nil {
		return err
	}
	for _, b := range w.Record.Blobs {
		d.blobs = append(d.blobs, sequencing.BlobRef{Op: len(d.ops), Blob: b})
	}
	d.touched[op.Path] = struct{}{}
	d.ops = append(d.ops, op)
	d.records[op.CID] = w.Record.Bytes
	d.changes = append(d.changes, repodb.RecordChange{
		Collection: w.Collection, RKey: w.RKey, CID: op.CID, Created: op.Action == sequencing.ActionCreate,
		Bytes: w.Record.Bytes, Blobs: w.Record.Blobs, Subject: subject,
	})
	d.results = append(d.results, Result{w.Action, w.Collection, w.RKey, op.CID})
	return nil
}

// suppress deletes older records of the collection that point at the same
// subject. A second like of a post is a new record, and there is one like.
func (d *writeDecider) suppress(w Write, subject string) error {
	older, err := d.view.Backlinks(w.Collection, subject)
	if err != nil {
		return err
	}
	for _, rkey := range older {
		path := string(w.Collection) + "/" + string(rkey)
		if _, done := d.touched[path]; done || rkey == w.RKey {
			continue
		}
		if err := d.remove(w.Collection, rkey); err != nil {
			return err
		}
	}
	return nil
}
