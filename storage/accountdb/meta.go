package accountdb

import "troupe/storage/sqlite"

const selectApplied = `SELECT applied_seq FROM meta WHERE id = 1`

// Applied is the newest identity or account entry of the log that is in here.
func (r *Reader) Applied() (seq int64, err error) {
	_, err = r.sql.One(selectApplied, func(row *sqlite.Row) error {
		seq = row.Int64(0)
		return nil
	})
	return seq, err
}

const updateApplied = `UPDATE meta SET applied_seq = ?1 WHERE id = 1 AND applied_seq < ?1`

// SetApplied moves the mark; it never goes back.
func (t *Tx) SetApplied(seq int64) error {
	_, err := t.sql.Exec(updateApplied, seq)
	return err
}
