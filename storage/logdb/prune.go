package logdb

import "troupe/storage/sqlite"

// metaAccounts is the row of meta that holds the mark of account.sqlite.
const metaAccounts = "accounts_applied_seq"

const deleteOfAccount = `DELETE FROM log WHERE account = ?`

// Purge deletes every row of one DID; head and collections stay.
func (t *Tx) Purge(account int64) (int64, error) { return t.sql.Exec(deleteOfAccount, account) }

// A row may go iff it is old and every projection that reads it holds it
// durably: the account's own file, and for identity and account entries also
// account.sqlite.
const prune = `DELETE FROM log WHERE seq IN (
	SELECT log.seq FROM log INDEXED BY log_time CROSS JOIN head ON head.id = log.account
	WHERE log.time < ?1 AND log.seq <= head.applied_seq AND (log.kind NOT IN (3, 4) OR log.seq <= ?2)
	ORDER BY log.time LIMIT ?3)`

// Prune deletes up to limit rows older than before that nothing needs.
func (t *Tx) Prune(before int64, limit int) (int64, error) {
	accounts, err := t.AccountsApplied()
	if err != nil {
		return 0, err
	}
	return t.sql.Exec(prune, before, accounts, limit)
}

const selectMeta = `SELECT value FROM meta WHERE key = ?`

// AccountsApplied is the number up to which account.sqlite has applied.
func (r *Reader) AccountsApplied() (int64, error) { return r.meta(metaAccounts) }

func (r *Reader) meta(key string) (v int64, err error) {
	_, err = r.sql.One(selectMeta, func(row *sqlite.Row) error { v = row.Int64(0); return nil }, key)
	return v, err
}

const raiseMeta = `INSERT INTO meta (key, value) VALUES (?, ?) ON CONFLICT (key) DO UPDATE SET value = max(value, excluded.value)`

// MarkAccounts moves the mark of account.sqlite forward, never back.
func (t *Tx) MarkAccounts(seq int64) error {
	_, err := t.sql.Exec(raiseMeta, metaAccounts, seq)
	return err
}
