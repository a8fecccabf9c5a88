package accountdb

import (
	"time"

	"github.com/bluesky-social/indigo/atproto/syntax"

	"troupe/storage/sqlite"
)

const accountColumns = `SELECT did, email, password, confirmed_at, invites_disabled, email_factor FROM account `

func scanAccount(row *sqlite.Row) Account {
	return Account{
		DID:             syntax.DID(row.Text(0)),
		Email:           Email(row.Text(1)),
		Password:        PasswordHash(row.Text(2)),
		ConfirmedAt:     when(row, 3),
		InvitesDisabled: row.Bool(4),
		EmailFactor:     row.Bool(5),
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

// instr, not LIKE: what is looked for may hold the letters that LIKE takes for
// wildcards. The scan is in the order of the answer and ends when that is full.
const searchAccounts = `SELECT did FROM account WHERE did > ? AND instr(email, ?) > 0 ORDER BY did LIMIT ?`

// SearchAccounts lists accounts whose address contains a lower-case text.
func (r *Reader) SearchAccounts(part Email, after syntax.DID, limit int) (all []syntax.DID, err error) {
	err = r.sql.Each(searchAccounts, func(row *sqlite.Row) error {
		all = append(all, syntax.DID(row.Text(0)))
		return nil
	}, after, part, limit)
	return all, err
}

const insertAccount = `INSERT INTO account (did, email, password, confirmed_at, invites_disabled, email_factor) VALUES (?, ?, ?, ?, ?, ?)`

// InsertAccount adds the private row of an account whose actor row exists.
func (t *Tx) InsertAccount(a Account) error {
	_, err := t.sql.Exec(insertAccount, a.DID, a.Email, a.Password, micros(a.ConfirmedAt), a.InvitesDisabled, a.EmailFactor)
	return err
}

const replacePassword = `UPDATE account SET password = ? WHERE did = ? AND password = ?`

// ReplacePassword sets the hash if it still is old.
func (t *Tx) ReplacePassword(did syntax.DID, old, new PasswordHash) (replaced bool, err error) {
	n, err := t.sql.Exec(replacePassword, new, did, old)
	return n > 0, err
}

const updatePassword = `UPDATE account SET password = ? WHERE did = ?`

// SetPassword sets the hash, whatever it was.
func (t *Tx) SetPassword(did syntax.DID, hash PasswordHash) error {
	_, err := t.sql.Exec(updatePassword, hash, did)
	return err
}

const updateEmail = `UPDATE account SET email = ?, confirmed_at = NULL, email_factor = 0 WHERE did = ?`

// SetEmail replaces the address. The new one is not confirmed, so no code that
// is mailed to it decides about a sign-in.
func (t *Tx) SetEmail(did syntax.DID, e Email) error {
	_, err := t.sql.Exec(updateEmail, e, did)
	return err
}

const updateConfirmed = `UPDATE account SET confirmed_at = ? WHERE did = ?`

// ConfirmEmail records since when the address is known to be its owner's.
func (t *Tx) ConfirmEmail(did syntax.DID, at time.Time) error {
	_, err := t.sql.Exec(updateConfirmed, micros(at), did)
	return err
}

const updateEmailFactor = `UPDATE account SET email_factor = ? WHERE did = ?`

// SetEmailFactor says whether signing in takes a code that is mailed.
func (t *Tx) SetEmailFactor(did syntax.DID, on bool) error {
	_, err := t.sql.Exec(updateEmailFactor, on, did)
	return err
}
