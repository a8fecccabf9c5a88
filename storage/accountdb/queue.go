package accountdb

import (
	"time"

	"github.com/bluesky-social/indigo/atproto/syntax"

	"troupe/storage/sqlite"
)

const updateAwaits = `UPDATE actor SET awaits = ?, delete_after = ? WHERE did = ?`

// SetAwaits records what a sign-up waits for, and when it is given up (zero: never).
func (t *Tx) SetAwaits(did syntax.DID, a Awaits, deleteAfter time.Time) error {
	_, err := t.sql.Exec(updateAwaits, a, micros(deleteAfter), did)
	return err
}

const selectReleased = `SELECT did FROM actor WHERE awaits = 4 AND status = 2 ORDER BY created_at LIMIT ?`

// Released lists accounts that wait for nothing but to be activated, the oldest first.
func (r *Reader) Released(limit int) (all []syntax.DID, err error) {
	err = r.sql.Each(selectReleased, func(row *sqlite.Row) error {
		all = append(all, syntax.DID(row.Text(0)))
		return nil
	}, limit)
	return all, err
}

const countQueue = `SELECT count(*) FROM actor WHERE awaits & 2 AND created_at < (SELECT created_at FROM actor WHERE did = ?)`

// QueuedBefore is how many accounts that wait for approval came before another.
func (r *Reader) QueuedBefore(did syntax.DID) (n int64, err error) {
	_, err = r.sql.One(countQueue, func(row *sqlite.Row) error {
		n = row.Int64(0)
		return nil
	}, did)
	return n, err
}
