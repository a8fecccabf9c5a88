package repodb

import (
	"github.com/bluesky-social/indigo/atproto/syntax"
	"github.com/ipfs/go-cid"

	"troupe/storage/dag"
	"troupe/storage/sqlite"
)

// Blob is the row of one uploaded blob. Its bytes lie at their content address
// from the moment the row exists; the row alone says whether they are public.
type Blob struct {
	dag.Blob
	Temporary bool   // uploaded, and no record points at it yet
	Takedown  string // "" unless taken down
}

const selectBlob = `SELECT mime_type, size, temporary, takedown_ref FROM blob WHERE cid = ?`

// Blob returns the row of a blob.
func (r *Reader) Blob(c cid.Cid) (b Blob, found bool, err error) {
	found, err = r.sql.One(selectBlob, func(row *sqlite.Row) error {
		b = Blob{Blob: dag.Blob{CID: c, MimeType: row.Text(0), Size: row.Int64(1)}, Temporary: row.Bool(2), Takedown: row.Text(3)}
		return nil
	}, c.Bytes())
	return b, found, err
}

const (
	insertRecordBlob = `INSERT OR IGNORE INTO record_blob (blob_cid, collection, rkey) VALUES (?, ?, ?)`
	keepBlob         = `INSERT INTO blob (cid, mime_type, size, temporary, created_at) VALUES (?, ?, ?, 0, ?)
ON CONFLICT (cid) DO UPDATE SET temporary = 0`
)

// reference makes a blob permanent because a record points at it. A row that a
// restore of the file took away is made again from the record.
func (t *Tx) reference(r RecordChange, b dag.Blob) error {
	if _, err := t.sql.Exec(insertRecordBlob, b.CID.Bytes(), string(r.Collection), string(r.RKey)); err != nil {
		return err
	}
	_, err := t.sql.Exec(keepBlob, b.CID.Bytes(), b.MimeType, b.Size, r.time.UnixMicro())
	return err
}

const (
	selectRecordBlobs  = `SELECT blob_cid FROM record_blob WHERE collection = ? AND rkey = ?`
	deleteRecordBlobs  = `DELETE FROM record_blob WHERE collection = ? AND rkey = ?`
	deleteUnreferenced = `DELETE FROM blob WHERE cid = ? AND temporary = 0 AND takedown_ref IS NULL
AND NOT EXISTS (SELECT 1 FROM record_blob WHERE blob_cid = blob.cid)`
)

// dereference removes a record's hold on its blobs, and the row of a blob that
// no record holds any longer.
func (t *Tx) dereference(collection syntax.NSID, rkey syntax.RecordKey) error {
	var held [][]byte
	err := t.Reader.sql.Each(selectRecordBlobs, func(row *sqlite.Row) error {
		held = append(held, row.Blob(0))
		return nil
	}, string(collection), string(rkey))
	if err != nil || len(held) == 0 {
		return err
	}
	if _, err := t.sql.Exec(deleteRecordBlobs, string(collection), string(rkey)); err != nil {
		return err
	}
	for _, c := range held {
		if _, err := t.sql.Exec(deleteUnreferenced, c); err != nil {
			return err
		}
	}
	return nil
}
