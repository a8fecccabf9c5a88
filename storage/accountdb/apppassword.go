package accountdb

import (
	"github.com/bluesky-social/indigo/atproto/syntax"

	"troupe/storage/sqlite"
)

const selectAppPasswords = `SELECT name, password, privileged, created_at FROM app_password WHERE did = ? ORDER BY created_at, name`

// AppPasswords lists an account's app passwords, oldest first.
func (r *Reader) AppPasswords(did syntax.DID) (all []AppPassword, err error) {
	err = r.sql.Each(selectAppPasswords, func(row *sqlite.Row) error {
		all = append(all, AppPassword{DID: did, Name: row.Text(0), Password: PasswordHash(row.Text(1)), Privileged: row.Bool(2), CreatedAt: when(row, 3)})
		return nil
	}, did)
	return all, err
}

const selectAppPassword = `SELECT password, privileged, created_at FROM app_password WHERE did = ? AND name = ?`

// AppPassword finds an app password by its name.
func (r *Reader) AppPassword(did syntax.DID, name string) (p AppPassword, found bool, err error) {
	found, err = r.sql.One(selectAppPassword, func(row *sqlite.Row) error {
		p = AppPassword{DID: did, Name: name, Password: PasswordHash(row.Text(0)), Privileged: row.Bool(1), CreatedAt: when(row, 2)}
		return nil
	}, did, name)
	return p, found, err
}

const insertAppPassword = `INSERT INTO app_password (did, name, password, privileged, created_at) VALUES (?, ?, ?, ?, ?)`

// InsertAppPassword adds an app password.
func (t *Tx) InsertAppPassword(p AppPassword) error {
	_, err := t.sql.Exec(insertAppPassword, p.DID, p.Name, p.Password, p.Privileged, p.CreatedAt.UnixMicro())
	return err
}

const deleteAppPassword = `DELETE FROM app_password WHERE did = ? AND name = ?`

// DeleteAppPassword removes an app password and the sessions it opened.
func (t *Tx) DeleteAppPassword(did syntax.DID, name string) error {
	_, err := t.sql.Exec(deleteAppPassword, did, name)
	return err
}
