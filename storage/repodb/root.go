package repodb

import (
	"github.com/bluesky-social/indigo/atproto/syntax"

	"troupe/storage/sqlite"
)

const selectRoot = `SELECT did, seq, rev, commit_cid, commit_block, data_cid, staged, nodes, records, referenced, blobs, blob_bytes FROM root WHERE id = 1`

// Root returns the file's head; ok is false for a file to which nothing has
// been applied yet.
func (r *Reader) Root() (root Root, ok bool, err error) {
	ok, err = r.sql.One(selectRoot, func(row *sqlite.Row) (err error) {
		root = Root{DID: syntax.DID(row.Text(0)), Seq: row.Int64(1), Rev: revText(row.Int64(2)), Block: row.Blob(4), Staged: ImportID(row.Int64(6))}
		root.Counts = Counts{Nodes: row.Int64(7), Records: row.Int64(8), Referenced: row.Int64(9), Blobs: row.Int64(10), BlobBytes: row.Int64(11)}
		if root.Commit, err = columnCID(row, 3); err != nil {
			return err
		}
		root.Data, err = columnCID(row, 5)
		return err
	})
	return root, ok, err
}

const replaceRoot = `REPLACE INTO root (id, did, seq, rev, commit_cid, commit_block, data_cid, staged, nodes, records, referenced, blobs, blob_bytes)
VALUES (1, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)`

// setRoot writes the row, with what the transaction has counted so far on top of
// root's counts.
func (t *Tx) setRoot(root Root) error {
	n := root.Counts
	n.add(t.delta)
	t.delta = Counts{}
	_, err := t.sql.Exec(replaceRoot, string(root.DID), root.Seq, revInt(root.Rev), root.Commit.Bytes(), root.Block, root.Data.Bytes(), int64(root.Staged),
		n.Nodes, n.Records, n.Referenced, n.Blobs, n.BlobBytes)
	return err
}

const updateSeq = `UPDATE root SET seq = ? WHERE id = 1 AND seq < ?`

// SetSeq records that the file contains every entry up to seq: entries that
// change no table (identity, account, sync) move it without a commit.
func (t *Tx) SetSeq(seq int64) error {
	_, err := t.sql.Exec(updateSeq, seq, seq)
	return err
}
