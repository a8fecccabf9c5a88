package repodb

import "troupe/storage/sqlite"

// Counts is what the file holds, kept beside the head by everything that adds or
// removes rows: to count them takes as long as reading them.
type Counts struct {
	Nodes      int64
	Records    int64
	Referenced int64 // distinct blobs that records point at, stored or not
	Blobs      int64 // blobs that are stored, or that must not be: see Blob.settled
	BlobBytes  int64 // of all rows of blobs, uploads under way included
}

func (c *Counts) add(d Counts) {
	c.Nodes += d.Nodes
	c.Records += d.Records
	c.Referenced += d.Referenced
	c.Blobs += d.Blobs
	c.BlobBytes += d.BlobBytes
}

const updateCounts = `UPDATE root SET nodes = nodes + ?, records = records + ?, referenced = referenced + ?, blobs = blobs + ?, blob_bytes = blob_bytes + ? WHERE id = 1`

// count brings what the transaction has changed so far into the root row.
func (t *Tx) count() error {
	d := t.delta
	if d == (Counts{}) {
		return nil
	}
	t.delta = Counts{}
	_, err := t.sql.Exec(updateCounts, d.Nodes, d.Records, d.Referenced, d.Blobs, d.BlobBytes)
	return err
}

const (
	countTables     = `SELECT (SELECT count(*) FROM node), (SELECT count(*) FROM record)`
	countReferenced = `SELECT count(DISTINCT blob_cid) FROM record_blob`
	countBlobs      = `SELECT count(*) FILTER (WHERE state IN (0, 1, 4)), coalesce(sum(max(size, 0)), 0) FROM blob`
)

// counted counts the rows.
func (r *Reader) counted() (c Counts, err error) {
	_, err = r.sql.One(countTables, func(row *sqlite.Row) error {
		c.Nodes, c.Records = row.Int64(0), row.Int64(1)
		return nil
	})
	if err != nil {
		return c, err
	}
	if c.Referenced, err = r.referenced(); err != nil {
		return c, err
	}
	_, err = r.sql.One(countBlobs, func(row *sqlite.Row) error {
		c.Blobs, c.BlobBytes = row.Int64(0), row.Int64(1)
		return nil
	})
	return c, err
}

func (r *Reader) referenced() (n int64, err error) {
	_, err = r.sql.One(countReferenced, func(row *sqlite.Row) error { n = row.Int64(0); return nil })
	return n, err
}
