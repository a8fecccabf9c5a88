package repodb

import (
	"github.com/bluesky-social/indigo/atproto/syntax"
	"github.com/ipfs/go-cid"

	"troupe/storage/sqlite"
)

const (
	listBlobs      = `SELECT DISTINCT blob_cid FROM record_blob WHERE blob_cid > ? ORDER BY blob_cid LIMIT ?`
	listBlobsSince = `SELECT DISTINCT b.blob_cid FROM record_blob b JOIN record r ON r.collection = b.collection AND r.rkey = b.rkey
WHERE b.blob_cid > ? AND r.rev > ? ORDER BY b.blob_cid LIMIT ?`
)

// ListBlobs returns a page of the blobs that records point at, stored or not,
// in the order of their CIDs as text, above after. With since only records that
// were written after that rev count.
func (r *Reader) ListBlobs(after cid.Cid, since syntax.TID, limit int) ([]cid.Cid, error) {
	if since == "" {
		return r.cids(listBlobs, blobText(after), limit)
	}
	return r.cids(listBlobsSince, blobText(after), revInt(since), limit)
}

// MissingBlob is a blob that a record points at and that was never uploaded
// here, and one such record.
type MissingBlob struct {
	CID  cid.Cid
	Path string // collection/rkey
}

// A blob is missing unless its row promises bytes, or says that they are not
// wanted (states 0, 1 and 4).
const listMissing = `SELECT b.blob_cid, min(b.collection || '/' || b.rkey) FROM record_blob b WHERE b.blob_cid > ?
AND NOT EXISTS (SELECT 1 FROM blob r WHERE r.cid = b.blob_cid AND r.state IN (0, 1, 4)) GROUP BY b.blob_cid ORDER BY b.blob_cid LIMIT ?`

// ListMissingBlobs returns a page of the missing blobs, in the order of their
// CIDs as text, above after. An imported repository has some until its owner
// uploads them.
func (r *Reader) ListMissingBlobs(after cid.Cid, limit int) (page []MissingBlob, err error) {
	err = r.sql.Each(listMissing, func(row *sqlite.Row) error {
		c, err := columnBlob(row, 0)
		page = append(page, MissingBlob{CID: c, Path: row.Text(1)})
		return err
	}, blobText(after), limit)
	return page, err
}

const listDeleting = `SELECT cid FROM blob WHERE state = 3 AND state > 0 LIMIT ?`

// DeletingBlobs returns some of the blobs whose bytes are to be removed.
func (r *Reader) DeletingBlobs(limit int) ([]cid.Cid, error) { return r.cids(listDeleting, limit) }

// BlobBytes is how many bytes the account's blobs take, uploads under way included.
func (t *Tx) BlobBytes() (int64, error) {
	root, _, err := t.Root()
	return root.Counts.BlobBytes + t.delta.BlobBytes, err
}

const listStored = `SELECT cid, size FROM blob WHERE state IN (0, 1) AND takedown_ref IS NULL ORDER BY cid`

// EachStoredBlob calls fn with every blob whose bytes must be there, and how
// many they are; a size of -1 is not known.
func (r *Reader) EachStoredBlob(fn func(c cid.Cid, size int64) error) error {
	return r.sql.Each(listStored, func(row *sqlite.Row) error {
		c, err := columnBlob(row, 0)
		if err != nil {
			return err
		}
		return fn(c, row.Int64(1))
	})
}

// cids runs a query for one column of CIDs of blobs.
func (r *Reader) cids(sql string, args ...any) (all []cid.Cid, err error) {
	err = r.sql.Each(sql, func(row *sqlite.Row) error {
		c, err := columnBlob(row, 0)
		all = append(all, c)
		return err
	}, args...)
	return all, err
}
