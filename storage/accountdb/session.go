package accountdb

import (
	"time"

	"github.com/bluesky-social/indigo/atproto/syntax"

	"troupe/storage/sqlite"
)

const selectRefreshToken = `SELECT did, expires_at, next_id, app_password FROM refresh_token WHERE id = ?`

// RefreshToken finds a refresh token, expired or not.
func (r *Reader) RefreshToken(id TokenID) (k RefreshToken, found bool, err error) {
	found, err = r.sql.One(selectRefreshToken, func(row *sqlite.Row) error {
		k = RefreshToken{ID: id, DID: syntax.DID(row.Text(0)), ExpiresAt: when(row, 1), Next: TokenID(row.Text(2)), AppPassword: row.Text(3)}
		return nil
	}, id)
	return k, found, err
}

const insertRefreshToken = `INSERT INTO refresh_token (id, did, expires_at, next_id, app_password) VALUES (?, ?, ?, NULL, ?) ON CONFLICT (id) DO NOTHING`

// InsertRefreshToken adds a refresh token; one that is there stays as it is.
func (t *Tx) InsertRefreshToken(k RefreshToken) error {
	_, err := t.sql.Exec(insertRefreshToken, k.ID, k.DID, k.ExpiresAt.UnixMicro(), null(k.AppPassword))
	return err
}

const rotateRefreshToken = `UPDATE refresh_token SET next_id = ?, expires_at = ? WHERE id = ?`

// RotateRefreshToken names the successor of a token and when the token ends.
func (t *Tx) RotateRefreshToken(id, next TokenID, expires time.Time) error {
	_, err := t.sql.Exec(rotateRefreshToken, next, expires.UnixMicro(), id)
	return err
}

// UNION, not UNION ALL: it ends even on a circle.
const deleteRefreshChain = `WITH RECURSIVE chain (id) AS (
	SELECT ?1 UNION SELECT t.id FROM refresh_token t JOIN chain ON t.next_id = chain.id WHERE t.did = ?2
) DELETE FROM refresh_token WHERE did = ?2 AND id IN (SELECT id FROM chain)`

// DeleteRefreshChain removes a token of an account and its predecessors.
func (t *Tx) DeleteRefreshChain(did syntax.DID, id TokenID) error {
	_, err := t.sql.Exec(deleteRefreshChain, id, did)
	return err
}

const deleteExpiredRefreshTokens = `DELETE FROM refresh_token WHERE did = ? AND expires_at <= ?`

// DeleteExpiredRefreshTokens removes an account's tokens that have ended.
func (t *Tx) DeleteExpiredRefreshTokens(did syntax.DID, now time.Time) error {
	_, err := t.sql.Exec(deleteExpiredRefreshTokens, did, now.UnixMicro())
	return err
}

const deleteRefreshTokens = `DELETE FROM refresh_token WHERE did = ?`

// DeleteRefreshTokens removes every refresh token of an account.
func (t *Tx) DeleteRefreshTokens(did syntax.DID) error {
	_, err := t.sql.Exec(deleteRefreshTokens, did)
	return err
}
