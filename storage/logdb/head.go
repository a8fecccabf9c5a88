package logdb

import (
	"fmt"

	"github.com/bluesky-social/indigo/atproto/syntax"
	"github.com/ipfs/go-cid"

	"troupe/storage/sqlite"
)

// Head is a row of the head table. Status is sequencing.Status; times are
// microseconds since 1970.
type Head struct {
	ID           int64 // short name of the DID inside this file; never reused
	DID          syntax.DID
	Seq          int64
	Rev          syntax.TID
	Commit, Data cid.Cid
	Status       uint8
	Incarnation  int64
	CreatedAt    int64
	Applied      int64
}

const headColumns = `id, did, seq, rev, commit_cid, data_cid, status, incarnation, created_at, applied_seq`

const selectHead = `SELECT ` + headColumns + ` FROM head WHERE did = ?`

// Head reads the row of one DID.
func (r *Reader) Head(did syntax.DID) (h Head, found bool, err error) {
	found, err = r.sql.One(selectHead, func(row *sqlite.Row) error { return h.scan(row) }, string(did))
	return h, found, err
}

const selectHeads = `SELECT ` + headColumns + ` FROM head WHERE (created_at, did) > (?, ?) ORDER BY created_at, did LIMIT ?`

// Heads pages over every row by (created_at, did).
func (r *Reader) Heads(createdAt int64, did syntax.DID, limit int) ([]Head, error) {
	return r.heads(selectHeads, createdAt, string(did), limit)
}

// No index serves the condition: it would be written twice per append, and the
// question is asked once per start, page after page of one walk.
const selectBehind = `SELECT ` + headColumns + ` FROM head WHERE did > ? AND seq > applied_seq ORDER BY did LIMIT ?`

// Behind pages, by DID, over rows whose file has not caught up.
func (r *Reader) Behind(after syntax.DID, limit int) ([]Head, error) {
	return r.heads(selectBehind, string(after), limit)
}

func (r *Reader) heads(sql string, args ...any) ([]Head, error) {
	var heads []Head
	err := r.sql.Each(sql, func(row *sqlite.Row) error {
		var h Head
		if err := h.scan(row); err != nil {
			return err
		}
		heads = append(heads, h)
		return nil
	}, args...)
	return heads, err
}

const selectLastHead = `SELECT coalesce(max(id), 0) FROM head`

// LastHead is the highest Head.ID in use.
func (r *Reader) LastHead() (id int64, err error) {
	_, err = r.sql.One(selectLastHead, func(row *sqlite.Row) error { id = row.Int64(0); return nil })
	return id, err
}

const selectLastOfHeads = `SELECT coalesce(max(seq), 0) FROM head`

// LastOfHeads is the highest number of any head, its row pruned or not. It
// walks the whole table.
func (r *Reader) LastOfHeads() (last int64, err error) {
	_, err = r.sql.One(selectLastOfHeads, func(row *sqlite.Row) error { last = row.Int64(0); return nil })
	return last, err
}

const insertHead = `INSERT INTO head (` + headColumns + `) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)`

// InsertHead adds the row of a DID that has none.
func (t *Tx) InsertHead(h Head) error {
	_, err := t.sql.Exec(insertHead, h.ID, string(h.DID), h.Seq, string(h.Rev), cidBytes(h.Commit), cidBytes(h.Data),
		int64(h.Status), h.Incarnation, h.CreatedAt, h.Applied)
	return err
}

// created_at is not among the columns: naming an indexed column makes SQLite
// write the index even where the value stays.
const updateHead = `UPDATE head SET seq = ?, rev = ?, commit_cid = ?, data_cid = ?, status = ? WHERE id = ?`

// UpdateHead writes the row of a living DID.
func (t *Tx) UpdateHead(h Head) error {
	return t.one(updateHead, h.Seq, string(h.Rev), cidBytes(h.Commit), cidBytes(h.Data), int64(h.Status), h.ID)
}

const recreateHead = `UPDATE head SET seq = ?, rev = ?, commit_cid = ?, data_cid = ?, status = ?, incarnation = ?, created_at = ? WHERE id = ?`

// RecreateHead writes the row of a DID that begins its next incarnation.
func (t *Tx) RecreateHead(h Head) error {
	return t.one(recreateHead, h.Seq, string(h.Rev), cidBytes(h.Commit), cidBytes(h.Data), int64(h.Status),
		h.Incarnation, h.CreatedAt, h.ID)
}

const markApplied = `UPDATE head SET applied_seq = min(?, seq) WHERE did = ? AND applied_seq < ?`

// MarkApplied moves a mark forward, never beyond the head and never back.
func (t *Tx) MarkApplied(did syntax.DID, seq int64) error {
	_, err := t.sql.Exec(markApplied, seq, string(did), seq)
	return err
}

func (t *Tx) one(sql string, args ...any) error {
	n, err := t.sql.Exec(sql, args...)
	if err == nil && n != 1 {
		err = fmt.Errorf("logdb: %d head rows changed instead of one", n)
	}
	return err
}

func (h *Head) scan(row *sqlite.Row) (err error) {
	h.ID = row.Int64(0)
	h.DID = syntax.DID(row.Text(1))
	h.Seq = row.Int64(2)
	h.Rev = syntax.TID(row.Text(3))
	if h.Commit, err = columnCID(row, 4); err != nil {
		return err
	}
	if h.Data, err = columnCID(row, 5); err != nil {
		return err
	}
	h.Status = uint8(row.Int64(6))
	h.Incarnation = row.Int64(7)
	h.CreatedAt = row.Int64(8)
	h.Applied = row.Int64(9)
	return nil
}

// cidBytes is the stored form of a CID; Undef is NULL.
func cidBytes(c cid.Cid) any {
	if !c.Defined() {
		return nil
	}
	return c.Bytes()
}

func columnCID(row *sqlite.Row, i int) (cid.Cid, error) {
	if row.IsNull(i) {
		return cid.Undef, nil
	}
	_, c, err := cid.CidFromBytes(row.RawBlob(i))
	if err != nil {
		return cid.Undef, fmt.Errorf("%w: stored CID: %w", ErrChecksum, err)
	}
	return c, nil
}
