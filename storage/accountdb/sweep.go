package accountdb

import (
	"time"

	"troupe/storage/sqlite"
)

// sweepChunk is how many refresh tokens one sweep looks at, and how many rows of
// any other table it removes: the owner's turn is no longer than that.
const sweepChunk = 1000

const selectSweepEnd = `SELECT max(id), count(*) FROM (SELECT id FROM refresh_token WHERE id > ? ORDER BY id LIMIT ?)`
const deleteSweptTokens = `DELETE FROM refresh_token WHERE id > ? AND id <= ? AND expires_at < ?`

// SweepRefreshTokens looks at a chunk of the refresh tokens behind after and
// removes those that ended before a time. next is where to go on, "" at the end.
// The order is that of the table: an index by time would cost every sign-in.
func (t *Tx) SweepRefreshTokens(after TokenID, before time.Time) (removed int64, next TokenID, err error) {
	var last TokenID
	var n int64
	_, err = t.Reader.sql.One(selectSweepEnd, func(row *sqlite.Row) error {
		last, n = TokenID(row.Text(0)), row.Int64(1)
		return nil
	}, after, sweepChunk)
	if err != nil || n == 0 {
		return 0, "", err
	}
	removed, err = t.sql.Exec(deleteSweptTokens, after, last, before.UnixMicro())
	if n == sweepChunk {
		next = last
	}
	return removed, next, err
}

const deleteSweptEmailTokens = `DELETE FROM email_token WHERE (purpose, did) IN
	(SELECT purpose, did FROM email_token WHERE requested_at < ? LIMIT ?)`

// SweepEmailTokens removes tokens that were sent before a time, a chunk of them.
// There are at most six of an account.
func (t *Tx) SweepEmailTokens(before time.Time) (removed int64, err error) {
	return t.sql.Exec(deleteSweptEmailTokens, before.UnixMicro(), sweepChunk)
}

const deleteSweptMail = `DELETE FROM mail WHERE id IN (SELECT id FROM mail WHERE expires_at < ? LIMIT ?)`

// SweepMail removes mail that was of no use any more before a time, a chunk of it.
func (t *Tx) SweepMail(before time.Time) (removed int64, err error) {
	return t.sql.Exec(deleteSweptMail, before.UnixMicro(), sweepChunk)
}
