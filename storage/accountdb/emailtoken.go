package accountdb

import (
	"github.com/bluesky-social/indigo/atproto/syntax"

	"troupe/storage/sqlite"
)

const emailTokenColumns = `SELECT purpose, did, token, requested_at, tries FROM email_token `

func scanEmailToken(row *sqlite.Row) EmailToken {
	return EmailToken{Purpose: Purpose(row.Text(0)), DID: syntax.DID(row.Text(1)), Hash: row.Blob(2), RequestedAt: when(row, 3), Tries: row.Int64(4)}
}

const selectEmailToken = emailTokenColumns + `WHERE purpose = ? AND did = ?`

// EmailToken finds the code of an account for a purpose, expired or not.
func (r *Reader) EmailToken(p Purpose, did syntax.DID) (k EmailToken, found bool, err error) {
	found, err = r.sql.One(selectEmailToken, func(row *sqlite.Row) error {
		k = scanEmailToken(row)
		return nil
	}, p, did)
	return k, found, err
}

const selectEmailTokenByHash = emailTokenColumns + `WHERE purpose = ? AND token = ?`

// EmailTokenByHash finds the code of a purpose by its hash alone.
func (r *Reader) EmailTokenByHash(p Purpose, hash []byte) (k EmailToken, found bool, err error) {
	found, err = r.sql.One(selectEmailTokenByHash, func(row *sqlite.Row) error {
		k = scanEmailToken(row)
		return nil
	}, p, hash)
	return k, found, err
}

const replaceEmailToken = `INSERT INTO email_token (purpose, did, token, requested_at, tries) VALUES (?1, ?2, ?3, ?4, ?5)
ON CONFLICT (purpose, did) DO UPDATE SET token = ?3, requested_at = ?4, tries = ?5`

// PutEmailToken stores a code in the place of the one before.
func (t *Tx) PutEmailToken(k EmailToken) error {
	_, err := t.sql.Exec(replaceEmailToken, k.Purpose, k.DID, k.Hash, k.RequestedAt.UnixMicro(), k.Tries)
	return err
}

const deleteEmailToken = `DELETE FROM email_token WHERE purpose = ? AND did = ?`

// DeleteEmailToken removes the code of an account for a purpose.
func (t *Tx) DeleteEmailToken(p Purpose, did syntax.DID) error {
	_, err := t.sql.Exec(deleteEmailToken, p, did)
	return err
}

const deleteEmailTokens = `DELETE FROM email_token WHERE did = ?`

// DeleteEmailTokens removes every code of an account.
func (t *Tx) DeleteEmailTokens(did syntax.DID) error {
	_, err := t.sql.Exec(deleteEmailTokens, did)
	return err
}
