package repodb

import (
	"fmt"
	"time"

	"github.com/bluesky-social/indigo/atproto/syntax"
	"github.com/ipfs/go-cid"

	"troupe/storage/dag"
	"troupe/storage/sqlite"
)

// BlobState says what the row of a blob promises about its bytes, which lie in
// a store of their own.
type BlobState int

const (
	BlobPermanent BlobState = iota // a record points at it; the bytes are there
	BlobTemporary                  // uploaded, and no record points at it yet; the bytes are there
	BlobUploading                  // the bytes may be there, or a part of them
	BlobDeleting                   // the bytes are being removed; nothing may count on them
	BlobBanned                     // taken down, and the bytes are removed; the row keeps them from coming back
)

// Blob is the row of one uploaded blob. The row alone says whether the bytes
// are public.
type Blob struct {
	dag.Blob
	State    BlobState
	Uploaded time.Time // last; by this an upload that nobody used is found
	Takedown string    // "" unless taken down
}

// Stored says that a record may point at the blob.
func (b Blob) Stored() bool { return b.State == BlobPermanent || b.State == BlobTemporary }

// settled says that the blob counts as one that the account has: it is stored,
// or it was and has been taken down.
func (b Blob) settled() bool { return b.Stored() || b.State == BlobBanned }

// counts is what the row adds to those of the file.
func (b Blob) counts() (c Counts) {
	if b.settled() {
		c.Blobs = 1
	}
	c.BlobBytes = max(b.Size, 0)
	return c
}

// blobText is a blob's CID as the tables of blobs have it; "" is in front of all.
func blobText(c cid.Cid) string {
	if !c.Defined() {
		return ""
	}
	var buf [64]byte
	return string(dag.AppendCIDText(buf[:0], c))
}

// columnBlob reads the CID of a blob.
func columnBlob(row *sqlite.Row, i int) (cid.Cid, error) {
	c, err := cid.Decode(row.Text(i))
	if err != nil {
		return cid.Undef, fmt.Errorf("repodb: CID of a blob: %w", err)
	}
	return c, nil
}

// uncount takes the row of a blob, if there is one, out of the counts.
func (t *Tx) uncount(c cid.Cid) error {
	old, found, err := t.Blob(c)
	if found {
		n := old.counts()
		t.delta.add(Counts{Blobs: -n.Blobs, BlobBytes: -n.BlobBytes})
	}
	return err
}

const selectBlob = `SELECT mime_type, size, state, created_at, takedown_ref FROM blob WHERE cid = ?`

// Blob returns the row of a blob.
func (r *Reader) Blob(c cid.Cid) (b Blob, found bool, err error) {
	found, err = r.sql.One(selectBlob, func(row *sqlite.Row) error {
		b = Blob{
			Blob: dag.Blob{CID: c, MimeType: row.Text(0), Size: row.Int64(1)}, State: BlobState(row.Int64(2)),
			Uploaded: time.UnixMicro(row.Int64(3)).UTC(), Takedown: row.Text(4),
		}
		return nil
	}, blobText(c))
	return b, found, err
}

const selectReference = `SELECT 1 FROM record_blob WHERE blob_cid = ? LIMIT 1`

// BlobReferenced reports whether a record points at a blob, stored or not.
func (r *Reader) BlobReferenced(c cid.Cid) (bool, error) {
	return r.sql.One(selectReference, func(*sqlite.Row) error { return nil }, blobText(c))
}

const selectHolders = `SELECT collection, rkey FROM record_blob WHERE blob_cid = ?`

// BlobHolders calls fn with the path of every record that points at a blob.
func (r *Reader) BlobHolders(c cid.Cid, fn func(path string)) error {
	return r.sql.Each(selectHolders, func(row *sqlite.Row) error {
		fn(row.Text(0) + "/" + row.Text(1))
		return nil
	}, blobText(c))
}

const replaceBlob = `REPLACE INTO blob (cid, mime_type, size, state, created_at, takedown_ref) VALUES (?, ?, ?, ?, ?, ?)`

// SetBlob writes the row of a blob.
func (t *Tx) SetBlob(b Blob) error {
	var takedown any // NULL
	if b.Takedown != "" {
		takedown = b.Takedown
	}
	if err := t.uncount(b.CID); err != nil {
		return err
	}
	t.delta.add(b.counts())
	_, err := t.sql.Exec(replaceBlob, blobText(b.CID), b.MimeType, b.Size, int64(b.State), b.Uploaded.UnixMicro(), takedown)
	return err
}

const deleteBlob = `DELETE FROM blob WHERE cid = ?`

// DeleteBlob removes the row of a blob.
func (t *Tx) DeleteBlob(c cid.Cid) error {
	if err := t.uncount(c); err != nil {
		return err
	}
	_, err := t.sql.Exec(deleteBlob, blobText(c))
	return err
}

const sweepBlobs = `UPDATE blob SET state = 3 WHERE state = ?1 AND state > 0 AND created_at < ?2`

// SweepBlobs begins to delete what was uploaded before a time and is used by no
// record.
func (t *Tx) SweepBlobs(before time.Time) (n int64, err error) {
	stored, err := t.sql.Exec(sweepBlobs, int64(BlobTemporary), before.UnixMicro())
	if err != nil {
		return 0, err
	}
	t.delta.Blobs -= stored
	n, err = t.sql.Exec(sweepBlobs, int64(BlobUploading), before.UnixMicro())
	return stored + n, err
}

const (
	insertRecordBlob = `INSERT OR IGNORE INTO record_blob (blob_cid, collection, rkey) VALUES (?, ?, ?)`
	keepBlob         = `INSERT INTO blob (cid, mime_type, size, state, created_at) VALUES (?, ?, ?, 0, ?)
ON CONFLICT (cid) DO UPDATE SET state = 0`
)

// reference makes a blob permanent because a record points at it. A row that a
// restore of the file took away is made again from the record.
func (t *Tx) reference(r RecordChange, b dag.Blob) error {
	held, err := t.BlobReferenced(b.CID)
	if err != nil {
		return err
	}
	if !held {
		t.delta.Referenced++
	}
	if _, err := t.sql.Exec(insertRecordBlob, blobText(b.CID), string(r.Collection), string(r.RKey)); err != nil {
		return err
	}
	row, found, err := t.Blob(b.CID)
	switch {
	case err != nil:
		return err
	case !found:
		t.delta.add(Blob{Blob: b}.counts())
	case !row.settled():
		t.delta.Blobs++
	}
	_, err = t.sql.Exec(keepBlob, blobText(b.CID), b.MimeType, b.Size, r.time.UnixMicro())
	return err
}

const (
	selectRecordBlobs = `SELECT blob_cid FROM record_blob WHERE collection = ? AND rkey = ?`
	deleteRecordBlobs = `DELETE FROM record_blob WHERE collection = ? AND rkey = ?`
	dropUnreferenced  = `UPDATE blob SET state = 3 WHERE cid = ? AND state = 0`
)

// dereference removes a record's hold on its blobs, and begins to delete a blob
// that no record holds any longer. The row stays until the bytes are gone.
func (t *Tx) dereference(collection syntax.NSID, rkey syntax.RecordKey) error {
	var held []string
	err := t.Reader.sql.Each(selectRecordBlobs, func(row *sqlite.Row) error {
		held = append(held, row.Text(0))
		return nil
	}, string(collection), string(rkey))
	if err != nil || len(held) == 0 {
		return err
	}
	if _, err := t.sql.Exec(deleteRecordBlobs, string(collection), string(rkey)); err != nil {
		return err
	}
	for _, c := range held {
		still, err := t.Reader.sql.One(selectReference, func(*sqlite.Row) error { return nil }, c)
		if err != nil {
			return err
		}
		if still {
			continue
		}
		t.delta.Referenced--
		n, err := t.sql.Exec(dropUnreferenced, c)
		if err != nil {
			return err
		}
		t.delta.Blobs -= n
		t.dropped = t.dropped || n > 0
	}
	return nil
}

// Dropped reports whether this transaction may have taken a blob's last record
// away: its bytes are to be deleted behind the commit.
func (t *Tx) Dropped() bool { return t.dropped }
