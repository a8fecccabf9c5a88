package accountdb

import (
	"time"

	"github.com/bluesky-social/indigo/atproto/syntax"

	"troupe/storage/sqlite"
)

const selectInvite = `SELECT uses, disabled, for_account, created_by, created_at,
	(SELECT count(*) FROM invite_code_use u WHERE u.code = c.code) + (SELECT count(*) FROM reservation r WHERE r.invite = c.code),
	EXISTS (SELECT 1 FROM actor a WHERE a.did = c.for_account AND a.status IN (3, 4))
FROM invite_code c WHERE code = ?`

// Invite finds an invite code.
func (r *Reader) Invite(code InviteCode) (i Invite, found bool, err error) {
	found, err = r.sql.One(selectInvite, func(row *sqlite.Row) error {
		i = Invite{
			Code: code, Uses: row.Int64(0), Disabled: row.Bool(1), ForAccount: row.Text(2), CreatedBy: row.Text(3),
			CreatedAt: when(row, 4), Used: row.Int64(5), Banned: row.Bool(6),
		}
		return nil
	}, code)
	return i, found, err
}

// Available reports whether the code can be used once more.
func (i Invite) Available() bool { return !i.Disabled && !i.Banned && i.Used < i.Uses }

const insertInvite = `INSERT INTO invite_code (code, uses, disabled, for_account, created_by, created_at) VALUES (?, ?, ?, ?, ?, ?)`

// InsertInvite adds an invite code.
func (t *Tx) InsertInvite(i Invite) error {
	_, err := t.sql.Exec(insertInvite, i.Code, i.Uses, i.Disabled, i.ForAccount, i.CreatedBy, i.CreatedAt.UnixMicro())
	return err
}

const insertInviteUse = `INSERT INTO invite_code_use (code, used_by, used_at) VALUES (?, ?, ?)`

// UseInvite records that an account came with a code.
func (t *Tx) UseInvite(code InviteCode, by syntax.DID, at time.Time) error {
	_, err := t.sql.Exec(insertInviteUse, code, by, at.UnixMicro())
	return err
}

const (
	disableInvite   = `UPDATE invite_code SET disabled = 1 WHERE code = ?`
	disableInvites  = `UPDATE invite_code SET disabled = 1 WHERE for_account = ?`
	invitesDisabled = `UPDATE account SET invites_disabled = ? WHERE did = ?`
)

// DisableInvite makes a code good for nothing.
func (t *Tx) DisableInvite(code InviteCode) error {
	_, err := t.sql.Exec(disableInvite, code)
	return err
}

// DisableInvitesOf makes every code of an account good for nothing.
func (t *Tx) DisableInvitesOf(did syntax.DID) error {
	_, err := t.sql.Exec(disableInvites, did)
	return err
}

// SetInvitesDisabled says whether codes that an account earns are made disabled.
func (t *Tx) SetInvitesDisabled(did syntax.DID, disabled bool) error {
	_, err := t.sql.Exec(invitesDisabled, disabled, did)
	return err
}
