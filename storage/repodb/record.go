package repodb

import (
	"time"

	"github.com/bluesky-social/indigo/atproto/syntax"
	"github.com/ipfs/go-cid"

	"troupe/storage/sqlite"
)

// Record is one stored record.
type Record struct {
	Collection syntax.NSID
	RKey       syntax.RecordKey
	CID        cid.Cid
	Bytes      []byte // DAG-CBOR

	// Of one that was read by itself or because it is recent, not of pages.
	Rev       syntax.TID // of the commit that wrote this version
	IndexedAt time.Time
	Takedown  string // "" unless taken down
}

// A new version of a record is taken down as the one before was: that is about
// what stands under the name, and no edit gets it out of it.
const (
	replaceRecord = `REPLACE INTO record (collection, rkey, cid, rev, indexed_at, subject, block) VALUES (?, ?, ?, ?, ?, ?, ?)`
	updateRecord  = `INSERT INTO record (collection, rkey, cid, rev, indexed_at, subject, block) VALUES (?, ?, ?, ?, ?, ?, ?)
ON CONFLICT (collection, rkey) DO UPDATE SET cid = excluded.cid, rev = excluded.rev, indexed_at = excluded.indexed_at,
subject = excluded.subject, block = excluded.block`
)

func (t *Tx) putRecord(r RecordChange) error {
	var subject any // NULL
	if r.Subject != "" {
		subject = r.Subject
	}
	sql := updateRecord
	if r.fresh {
		sql = replaceRecord
	}
	_, err := t.sql.Exec(sql, string(r.Collection), string(r.RKey), r.CID.Bytes(), revInt(r.rev), r.time.UnixMicro(), subject, r.Bytes)
	return err
}

const deleteRecord = `DELETE FROM record WHERE collection = ? AND rkey = ?`

func (t *Tx) deleteRecord(collection syntax.NSID, rkey syntax.RecordKey) error {
	_, err := t.sql.Exec(deleteRecord, string(collection), string(rkey))
	return err
}

const selectRecord = `SELECT cid, block, indexed_at, takedown_ref, rev FROM record WHERE collection = ? AND rkey = ?`

// Record returns one record.
func (r *Reader) Record(collection syntax.NSID, rkey syntax.RecordKey) (rec Record, found bool, err error) {
	found, err = r.sql.One(selectRecord, func(row *sqlite.Row) (err error) {
		rec = Record{
			Collection: collection, RKey: rkey, Bytes: row.Blob(1),
			Rev: revText(row.Int64(4)), IndexedAt: time.UnixMicro(row.Int64(2)).UTC(), Takedown: row.Text(3),
		}
		rec.CID, err = columnCID(row, 0)
		return err
	}, string(collection), string(rkey))
	return rec, found, err
}

const (
	listDown = `SELECT rkey, cid, block FROM record WHERE collection = ? AND rkey < ? AND takedown_ref IS NULL ORDER BY rkey DESC LIMIT ?`
	listUp   = `SELECT rkey, cid, block FROM record WHERE collection = ? AND rkey > ? AND takedown_ref IS NULL ORDER BY rkey ASC LIMIT ?`
	listTop  = `SELECT rkey, cid, block FROM record WHERE collection = ? AND takedown_ref IS NULL ORDER BY rkey DESC LIMIT ?`
)

// List returns a page of a collection: record keys in descending order below
// after, or, with ascending, in ascending order above it. after "" starts at
// the respective end. Taken-down records are left out.
func (r *Reader) List(collection syntax.NSID, after syntax.RecordKey, limit int, ascending bool) (page []Record, err error) {
	row := func(row *sqlite.Row) error {
		c, err := columnCID(row, 1)
		if err != nil {
			return err
		}
		page = append(page, Record{Collection: collection, RKey: syntax.RecordKey(row.Text(0)), CID: c, Bytes: row.Blob(2)})
		return nil
	}
	switch {
	case ascending:
		err = r.sql.Each(listUp, row, string(collection), string(after), limit)
	case after == "":
		err = r.sql.Each(listTop, row, string(collection), limit)
	default:
		err = r.sql.Each(listDown, row, string(collection), string(after), limit)
	}
	return page, err
}

const nextCollection = `SELECT collection FROM record WHERE collection > ? ORDER BY collection LIMIT 1`

// Collections returns the collections that hold records, in ascending order.
// It hops from one to the next and does not scan them.
func (r *Reader) Collections() (all []syntax.NSID, err error) {
	at, more := "", true
	for more && err == nil {
		more, err = r.sql.One(nextCollection, func(row *sqlite.Row) error {
			at = row.Text(0)
			all = append(all, syntax.NSID(at))
			return nil
		}, at)
	}
	return all, err
}

const selectByCID = `SELECT block FROM record WHERE cid = ? LIMIT 1`

// RecordBlock returns the bytes of a record by its CID.
func (r *Reader) RecordBlock(c cid.Cid) (block []byte, found bool, err error) {
	found, err = r.sql.One(selectByCID, func(row *sqlite.Row) error {
		block = row.Blob(0)
		return nil
	}, c.Bytes())
	return block, found, err
}

const selectBacklinks = `SELECT rkey FROM record WHERE collection = ? AND subject = ?`

// Backlinks returns the keys of the records of a collection that point at subject.
func (r *Reader) Backlinks(collection syntax.NSID, subject string) (keys []syntax.RecordKey, err error) {
	err = r.sql.Each(selectBacklinks, func(row *sqlite.Row) error {
		keys = append(keys, syntax.RecordKey(row.Text(0)))
		return nil
	}, string(collection), subject)
	return keys, err
}

const (
	takedownRecord = `UPDATE record SET takedown_ref = ? WHERE collection = ? AND rkey = ?`
	takedownStaged = `UPDATE import_record SET takedown_ref = ? WHERE collection = ? AND rkey = ?`
)

// TakedownRecord hides a record from those who ask for it by name, or with ref ""
// shows it again; false if there is none. It stays in the repository. An import
// that is being gathered is told too: it has read the old state.
func (t *Tx) TakedownRecord(collection syntax.NSID, rkey syntax.RecordKey, ref string) (found bool, err error) {
	var value any // NULL
	if ref != "" {
		value = ref
	}
	n, err := t.sql.Exec(takedownRecord, value, string(collection), string(rkey))
	if err != nil {
		return false, err
	}
	if root, _, err := t.Root(); err != nil || root.Staged <= 0 {
		return n > 0, err
	}
	_, err = t.sql.Exec(takedownStaged, value, string(collection), string(rkey))
	return n > 0, err
}
