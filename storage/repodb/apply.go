package repodb

import (
	"github.com/bluesky-social/indigo/atproto/syntax"
	"github.com/ipfs/go-cid"

	"troupe/storage/sqlite"
)

// Apply stores a batch. It is total and idempotent: a batch that the file
// already contains leaves it as it is.
func (t *Tx) Apply(did syntax.DID, b Batch) error {
	have, ok, err := t.Root()
	if err != nil {
		return err
	}
	if ok && have.DID != did {
		return ErrWrongAccount
	}
	if ok && have.Rev >= b.Root.Rev {
		return nil
	}
	for c := range b.gone {
		if err := t.deleteNode(c); err != nil {
			return err
		}
	}
	for c, n := range b.nodes {
		if err := t.putNode(c, n); err != nil {
			return err
		}
	}
	for _, r := range b.records {
		if err := t.applyRecord(r); err != nil {
			return err
		}
	}
	t.delta.add(b.delta)
	root := b.Root
	root.DID, root.Staged, root.Counts = did, have.Staged, have.Counts
	return t.setRoot(root)
}

func (t *Tx) applyRecord(r RecordChange) error {
	if err := t.dereference(r.Collection, r.RKey); err != nil {
		return err
	}
	if !r.CID.Defined() {
		return t.deleteRecord(r.Collection, r.RKey)
	}
	if err := t.putRecord(r); err != nil {
		return err
	}
	for _, b := range r.Blobs {
		if err := t.reference(r, b); err != nil {
			return err
		}
	}
	return nil
}

const (
	deleteNodeSQL = `DELETE FROM node WHERE cid = ?`
	replaceNode   = `REPLACE INTO node (cid, rev, block) VALUES (?, ?, ?)`
	selectNode    = `SELECT block FROM node WHERE cid = ?`
)

func (t *Tx) deleteNode(c cid.Cid) error {
	_, err := t.sql.Exec(deleteNodeSQL, c.Bytes())
	return err
}

func (t *Tx) putNode(c cid.Cid, n node) error {
	_, err := t.sql.Exec(replaceNode, c.Bytes(), revInt(n.rev), n.block)
	return err
}

// Node returns the bytes of a tree node; found is false if the current tree
// has no such node.
func (r *Reader) Node(c cid.Cid) (block []byte, found bool, err error) {
	found, err = r.sql.One(selectNode, func(row *sqlite.Row) error {
		block = row.Blob(0)
		return nil
	}, c.Bytes())
	return block, found, err
}
