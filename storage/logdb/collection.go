package logdb

import (
	"github.com/bluesky-social/indigo/atproto/syntax"

	"troupe/storage/sqlite"
)

const insertCollection = `INSERT OR IGNORE INTO collection (nsid, account) VALUES (?, ?)`

// AddCollection notes that the account holds records of a collection.
func (t *Tx) AddCollection(account int64, nsid syntax.NSID) error {
	_, err := t.sql.Exec(insertCollection, string(nsid), account)
	return err
}

const deleteCollection = `DELETE FROM collection WHERE nsid = ? AND account = ?`

// RemoveCollection notes that the account holds none any more.
func (t *Tx) RemoveCollection(account int64, nsid syntax.NSID) error {
	_, err := t.sql.Exec(deleteCollection, string(nsid), account)
	return err
}

const deleteCollections = `DELETE FROM collection WHERE account = ?`

// ClearCollections notes that the account holds no records at all.
func (t *Tx) ClearCollections(account int64) error {
	_, err := t.sql.Exec(deleteCollections, account)
	return err
}

// 1 is sequencing.StatusActive. The order of the join is ours: both tables are
// read in the order of their keys.
const selectHolders = `SELECT head.id, head.did FROM collection CROSS JOIN head ON head.id = collection.account
WHERE collection.nsid = ? AND collection.account > ? AND head.status = 1 ORDER BY collection.account LIMIT ?`

// Holder is an account that holds records of a collection.
type Holder struct {
	Account int64 // Head.ID
	DID     syntax.DID
}

// Holders pages over the active accounts that hold records of a collection, by
// their short names.
func (r *Reader) Holders(nsid syntax.NSID, after int64, limit int) (page []Holder, err error) {
	err = r.sql.Each(selectHolders, func(row *sqlite.Row) error {
		page = append(page, Holder{row.Int64(0), syntax.DID(row.Text(1))})
		return nil
	}, string(nsid), after, limit)
	return page, err
}

const selectCollections = `SELECT nsid FROM collection WHERE account = ? ORDER BY nsid`

// Collections are those of one account, in ascending order.
func (r *Reader) Collections(account int64) (all []syntax.NSID, err error) {
	err = r.sql.Each(selectCollections, func(row *sqlite.Row) error {
		all = append(all, syntax.NSID(row.Text(0)))
		return nil
	}, account)
	return all, err
}
