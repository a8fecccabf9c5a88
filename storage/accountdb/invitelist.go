package accountdb

import (
	"time"

	"github.com/bluesky-social/indigo/atproto/syntax"

	"troupe/storage/sqlite"
)

const listedInvite = `SELECT code, uses, disabled, for_account, created_by, created_at,
	(SELECT count(*) FROM invite_code_use u WHERE u.code = c.code) AS used FROM invite_code c `

func scanInvite(row *sqlite.Row) UsedInvite {
	return UsedInvite{Invite: Invite{
		Code: InviteCode(row.Text(0)), Uses: row.Int64(1), Disabled: row.Bool(2), ForAccount: row.Text(3), CreatedBy: row.Text(4),
		CreatedAt: when(row, 5), Used: row.Int64(6),
	}}
}

const selectInvitesOf = listedInvite + `WHERE for_account = ? ORDER BY created_at, code`

// InvitesOf lists the codes of an account, oldest first.
func (r *Reader) InvitesOf(did syntax.DID) ([]UsedInvite, error) {
	return r.invites(selectInvitesOf, did)
}

const selectInviteOf = listedInvite + `WHERE code = (SELECT code FROM invite_code_use WHERE used_by = ? ORDER BY used_at DESC LIMIT 1)`

// InviteUsedBy finds the code that an account came with.
func (r *Reader) InviteUsedBy(did syntax.DID) (i UsedInvite, found bool, err error) {
	all, err := r.invites(selectInviteOf, did)
	if err != nil || len(all) == 0 {
		return i, false, err
	}
	return all[0], true, nil
}

// InvitePlace is a place in a list of codes: behind the code.
type InvitePlace struct {
	CreatedAt time.Time // in a list by age
	Used      int64     // in a list by use
	Code      InviteCode
}

const (
	selectRecentInvites = listedInvite + `WHERE ?1 = '' OR (created_at, code) < (?2, ?1) ORDER BY created_at DESC, code DESC LIMIT ?3`
	// Counts the uses of every code: a list that moderators look at now and then.
	selectUsedInvites = `SELECT * FROM (` + listedInvite + `) WHERE ?1 = '' OR (used, code) < (?2, ?1) ORDER BY used DESC, code DESC LIMIT ?3`
)

// RecentInvites lists codes, newest first, behind a place (zero: from the top).
func (r *Reader) RecentInvites(after InvitePlace, limit int) ([]UsedInvite, error) {
	return r.invites(selectRecentInvites, after.Code, after.CreatedAt.UnixMicro(), limit)
}

// UsedInvites lists codes, the most used first, behind a place (zero: from the top).
func (r *Reader) UsedInvites(after InvitePlace, limit int) ([]UsedInvite, error) {
	return r.invites(selectUsedInvites, after.Code, after.Used, limit)
}

func (r *Reader) invites(sql string, args ...any) (all []UsedInvite, err error) {
	err = r.sql.Each(sql, func(row *sqlite.Row) error {
		all = append(all, scanInvite(row))
		return nil
	}, args...)
	for i := range all {
		if err == nil && all[i].Used > 0 {
			all[i].UsedBy, err = r.usesOf(all[i].Code)
		}
	}
	return all, err
}

const selectInviteUses = `SELECT used_by, used_at FROM invite_code_use WHERE code = ? ORDER BY used_at DESC, used_by`

func (r *Reader) usesOf(code InviteCode) (all []InviteUse, err error) {
	err = r.sql.Each(selectInviteUses, func(row *sqlite.Row) error {
		all = append(all, InviteUse{By: syntax.DID(row.Text(0)), At: when(row, 1)})
		return nil
	}, code)
	return all, err
}
