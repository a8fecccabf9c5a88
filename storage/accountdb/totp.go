package accountdb

import (
	"github.com/bluesky-social/indigo/atproto/syntax"

	"troupe/storage/sqlite"
)

const selectTOTP = `SELECT secret, created_at, confirmed_at, last_step, failures, locked_until FROM totp WHERE did = ?`

// TOTP finds the authenticator app of an account, in force or not.
func (r *Reader) TOTP(did syntax.DID) (f TOTP, found bool, err error) {
	found, err = r.sql.One(selectTOTP, func(row *sqlite.Row) error {
		f = TOTP{DID: did, Secret: row.Blob(0), CreatedAt: when(row, 1), ConfirmedAt: when(row, 2), LastStep: row.Int64(3), Failures: row.Int64(4), LockedUntil: when(row, 5)}
		return nil
	}, did)
	return f, found, err
}

const putTOTP = `INSERT INTO totp (did, secret, created_at, confirmed_at, last_step, failures, locked_until) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)
ON CONFLICT (did) DO UPDATE SET secret = ?2, created_at = ?3, confirmed_at = ?4, last_step = ?5, failures = ?6, locked_until = ?7`

// PutTOTP stores an authenticator app in the place of the one before.
func (t *Tx) PutTOTP(f TOTP) error {
	_, err := t.sql.Exec(putTOTP, f.DID, f.Secret, f.CreatedAt.UnixMicro(), micros(f.ConfirmedAt), f.LastStep, f.Failures, micros(f.LockedUntil))
	return err
}

const deleteTOTP = `DELETE FROM totp WHERE did = ?`

// DeleteTOTP removes an authenticator app and its recovery codes.
func (t *Tx) DeleteTOTP(did syntax.DID) error {
	_, err := t.sql.Exec(deleteTOTP, did)
	return err
}

const countRecoveryCodes = `SELECT count(*) FROM recovery_code WHERE did = ?`

// RecoveryCodes is how many codes an account has left.
func (r *Reader) RecoveryCodes(did syntax.DID) (n int64, err error) {
	_, err = r.sql.One(countRecoveryCodes, func(row *sqlite.Row) error {
		n = row.Int64(0)
		return nil
	}, did)
	return n, err
}

const insertRecoveryCode = `INSERT INTO recovery_code (did, code) VALUES (?, ?)`

// InsertRecoveryCode adds the hash of a code.
func (t *Tx) InsertRecoveryCode(did syntax.DID, hash []byte) error {
	_, err := t.sql.Exec(insertRecoveryCode, did, hash)
	return err
}

const deleteRecoveryCode = `DELETE FROM recovery_code WHERE did = ? AND code = ?`

// UseRecoveryCode removes a code by its hash; false: there is none.
func (t *Tx) UseRecoveryCode(did syntax.DID, hash []byte) (used bool, err error) {
	n, err := t.sql.Exec(deleteRecoveryCode, did, hash)
	return n > 0, err
}

const deleteRecoveryCodes = `DELETE FROM recovery_code WHERE did = ?`

// DeleteRecoveryCodes removes every code of an account.
func (t *Tx) DeleteRecoveryCodes(did syntax.DID) error {
	_, err := t.sql.Exec(deleteRecoveryCodes, did)
	return err
}
