package accountdb

import (
	"github.com/bluesky-social/indigo/atproto/syntax"

	"troupe/storage/sqlite"
)

const accountColumns = `SELECT did, email, password, confirmed_at, invites_disabled FROM account `

func scanAccount(row *sqlite.Row) Account {
	return Account{
		DID:             syntax.DID(row.Text(0)),
		Email:           Email(row.Text(1)),
		Password:        PasswordHash(row.Text(2)),
		ConfirmedAt:     when(row, 3),
		InvitesDisabled: row.Bool(4),
	}
}

const selectAccount = accountColumns + `WHERE did = ?`

// Account finds the private row of an account.
func (r *Reader) Account(did syntax.DID) (a Account, found bool, err error) {
	found, err = r.sql.One(selectAccount, func(row *sqlite.Row) error {
		a = scanAccount(row)
		return nil
	}, did)
	return a, found, err
}

const selectAccountByEmail = accountColumns + `WHERE email = ?`

// AccountByEmail finds the account of a lower-case address.
func (r *Reader) AccountByEmail(e Email) (a Account, found bool, err error) {
	found, err = r.sql.One(selectAccountByEmail, func(row *sqlite.Row) error {
		a = scanAccount(row)
		return nil
	}, e)
	return a, found, err
}

const insertAccount = `INSERT INTO account (did, email, password, confirmed_at, invites_disabled) VALUES (?, ?, ?, ?, ?)`

// InsertAccount adds the private row of an account whose actor row exists.
func (t *Tx) InsertAccount(a Account) error {
	_, err := t.sql.Exec(insertAccount, a.DID, a.Email, a.Password, micros(a.ConfirmedAt), a.InvitesDisabled)
	return err
}

const replacePassword = `UPDATE account SET password = ? WHERE did = ? AND password = ?`

// ReplacePassword sets the hash if it still is old.
func (t *Tx) ReplacePassword(did syntax.DID, old, new PasswordHash) (replaced bool, err error) {
	n, err := t.sql.Exec(replacePassword, new, did, old)
	return n > 0, err
}
