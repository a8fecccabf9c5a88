package accountdb

import (
	"github.com/bluesky-social/indigo/atproto/syntax"

	"troupe/storage/sqlite"
)

const appSessionColumns = `SELECT id, did, client_id, client_auth, device, thumbprint, requested, scope, created_at, refreshed_at, token, expires_at, ends_at, refresh, code FROM app_session `

func scanAppSession(row *sqlite.Row) AppSession {
	return AppSession{
		ID: AppSessionID(row.Int64(0)), DID: syntax.DID(row.Text(1)), Client: ClientID(row.Text(2)), Auth: []byte(row.Text(3)), Device: hashIn(row.Blob(4)),
		Thumbprint: row.Text(5), Requested: row.Text(6), Scope: row.Text(7), CreatedAt: when(row, 8), RefreshedAt: when(row, 9),
		Token: TokenID(row.Text(10)), ExpiresAt: when(row, 11), EndsAt: when(row, 12), Refresh: hashIn(row.Blob(13)), Code: hashIn(row.Blob(14)),
	}
}

func (r *Reader) appSession(sql string, key any) (s AppSession, found bool, err error) {
	found, err = r.sql.One(sql, func(row *sqlite.Row) error {
		s = scanAppSession(row)
		return nil
	}, key)
	return s, found, err
}

const (
	selectAppSession          = appSessionColumns + `WHERE id = ?`
	selectAppSessionByToken   = appSessionColumns + `WHERE token = ?`
	selectAppSessionByRefresh = appSessionColumns + `WHERE refresh = ?`
	selectAppSessionByCode    = appSessionColumns + `WHERE code = ?`
	selectAppSessionByUsed    = appSessionColumns + `WHERE id = (SELECT session FROM used_refresh_token WHERE token = ?)`
)

// AppSession finds a session of an app.
func (r *Reader) AppSession(id AppSessionID) (AppSession, bool, error) {
	return r.appSession(selectAppSession, int64(id))
}

// AppSessionByToken finds the session whose access token this is.
func (r *Reader) AppSessionByToken(id TokenID) (AppSession, bool, error) {
	return r.appSession(selectAppSessionByToken, string(id))
}

// AppSessionByCode finds the session that a code was exchanged for.
func (r *Reader) AppSessionByCode(code Hash) (AppSession, bool, error) {
	return r.appSession(selectAppSessionByCode, code.sql())
}

// AppSessionByRefresh finds the session of a refresh token. used says that the
// token was exchanged before.
func (r *Reader) AppSessionByRefresh(token Hash) (s AppSession, found, used bool, err error) {
	if s, found, err = r.appSession(selectAppSessionByRefresh, token.sql()); err != nil || found {
		return s, found, false, err
	}
	s, found, err = r.appSession(selectAppSessionByUsed, token.sql())
	return s, found, found, err
}

const selectAppSessions = appSessionColumns + `WHERE did = ? ORDER BY refreshed_at DESC, id DESC`

// AppSessions lists the sessions that apps have with an account, the last used
// first.
func (r *Reader) AppSessions(did syntax.DID) (all []AppSession, err error) {
	err = r.sql.Each(selectAppSessions, func(row *sqlite.Row) error {
		all = append(all, scanAppSession(row))
		return nil
	}, did)
	return all, err
}

const insertAppSession = `INSERT INTO app_session (did, client_id, client_auth, device, thumbprint, requested, scope, created_at, refreshed_at, token, expires_at, ends_at, refresh, code)
VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)`

// InsertAppSession begins a session.
func (t *Tx) InsertAppSession(s AppSession) error {
	_, err := t.sql.Exec(insertAppSession, s.DID, string(s.Client), string(s.Auth), s.Device.sql(), s.Thumbprint, s.Requested, s.Scope, s.CreatedAt.UnixMicro(),
		s.RefreshedAt.UnixMicro(), string(s.Token), s.ExpiresAt.UnixMicro(), s.EndsAt.UnixMicro(), s.Refresh.sql(), s.Code.sql())
	return err
}

const (
	insertUsedRefresh = `INSERT INTO used_refresh_token (token, session) SELECT refresh, id FROM app_session WHERE id = ? AND refresh IS NOT NULL`
	updateAppSession  = `UPDATE app_session SET client_auth = ?, scope = ?, refreshed_at = ?, token = ?, expires_at = ?, ends_at = ?, refresh = ? WHERE id = ?`
)

// RotateAppSession gives a session new tokens and remembers the refresh token
// that was exchanged for them.
func (t *Tx) RotateAppSession(s AppSession) error {
	if _, err := t.sql.Exec(insertUsedRefresh, int64(s.ID)); err != nil {
		return err
	}
	_, err := t.sql.Exec(updateAppSession, string(s.Auth), s.Scope, s.RefreshedAt.UnixMicro(), string(s.Token), s.ExpiresAt.UnixMicro(), s.EndsAt.UnixMicro(), s.Refresh.sql(), int64(s.ID))
	return err
}

const deleteAppSession = `DELETE FROM app_session WHERE id = ?`

// DeleteAppSession ends a session.
func (t *Tx) DeleteAppSession(id AppSessionID) error {
	_, err := t.sql.Exec(deleteAppSession, int64(id))
	return err
}

const deleteAppSessions = `DELETE FROM app_session WHERE did = ?`

// DeleteAppSessions ends every session that apps have with an account.
func (t *Tx) DeleteAppSessions(did syntax.DID) error {
	_, err := t.sql.Exec(deleteAppSessions, did)
	return err
}
