package accountdb

import (
	"fmt"

	"github.com/bluesky-social/indigo/atproto/syntax"

	"troupe/storage/sqlite"
)

// Problem is a broken invariant.
type Problem struct {
	Rule string // which
	Row  string // where
}

func (p Problem) String() string { return p.Rule + ": " + p.Row }

// OwnCheck is the rule that the file is a sound database at all: where it is
// broken, the others mean nothing.
const OwnCheck = "SQLite's own check"

// rules are queries that return one column and no row in a sound file.
var rules = []struct{ rule, sql string }{
	{OwnCheck, `SELECT integrity_check FROM pragma_integrity_check WHERE integrity_check <> 'ok'`},
	{"foreign key", `SELECT "table" || ' ' || coalesce(rowid, '?') FROM pragma_foreign_key_check`},
	{"exactly one meta row", `SELECT count(*) FROM meta HAVING count(*) <> 1`},
	{"a locked account has no password", `SELECT a.did FROM actor a JOIN account c ON c.did = a.did WHERE a.locked`},
	{"a deactivated account says since when", `SELECT did FROM actor WHERE status = 2 AND deactivated_at IS NULL`},
	{"an active account is not deactivated, not to be deleted, not taken down",
		`SELECT did FROM actor WHERE status = 1 AND (deactivated_at IS NOT NULL OR delete_after IS NOT NULL OR takedown_ref IS NOT NULL)`},
	{"an active account waits for nothing", `SELECT did FROM actor WHERE status = 1 AND awaits <> 0`},
	{"only a taken-down account has a takedown reference", `SELECT did FROM actor WHERE (status = 3) <> (takedown_ref IS NOT NULL)`},
	{"a reserved handle belongs to nobody else", `SELECT r.handle FROM reservation r JOIN actor a ON a.handle = r.handle WHERE a.did IS NOT r.did`},
	{"a reserved address belongs to nobody", `SELECT r.saga FROM reservation r JOIN account a ON a.email = r.email`},
	{"a reserved DID has no account", `SELECT r.did FROM reservation r JOIN account a ON a.did = r.did`},
	{"an invite is not used more often than allowed", `SELECT code FROM invite_code c WHERE
		(SELECT count(*) FROM invite_code_use u WHERE u.code = c.code) + (SELECT count(*) FROM reservation r WHERE r.invite = c.code) > c.uses`},
	{"a rotated token's successor is of the same account", `SELECT t.did FROM refresh_token t JOIN refresh_token n ON n.id = t.next_id WHERE n.did <> t.did`},
	{"a code by mail at sign-in needs a confirmed address", `SELECT did FROM account WHERE email_factor AND confirmed_at IS NULL`},
	{"a code that was mailed is stored as a hash", `SELECT did FROM email_token WHERE length(token) <> 32`},
	{"mail that has left has nothing left to do, and no data", `SELECT id FROM mail WHERE sent_at IS NOT NULL AND (send_after IS NOT NULL OR length(data) > 0)`},
	{"recovery codes are of an authenticator app in force", `SELECT r.did FROM recovery_code r JOIN totp t ON t.did = r.did WHERE t.confirmed_at IS NULL`},
	{"a recovery code is stored as a hash", `SELECT did FROM recovery_code WHERE length(code) <> 32`},
	{"secrets of OAuth are stored as hashes", `SELECT 'device' FROM device WHERE length(id) <> 32 OR length(secret) <> 32
		UNION ALL SELECT 'request of ' || client_id FROM authorization_request WHERE length(id) <> 32 OR length(code) <> 32
		UNION ALL SELECT 'session of ' || did FROM app_session WHERE length(refresh) <> 32 OR length(code) <> 32
		UNION ALL SELECT 'session ' || session FROM used_refresh_token WHERE length(token) <> 32`},
	{"a refresh token in force was not exchanged", `SELECT s.did FROM app_session s JOIN used_refresh_token u ON u.token = s.refresh`},
	{"a token is not its own successor", `SELECT did FROM refresh_token WHERE next_id = id`},
}

// Check looks for broken invariants. It reads every table once.
func (r *Reader) Check() ([]Problem, error) {
	var found []Problem
	for _, c := range rules {
		err := r.sql.Each(c.sql, func(row *sqlite.Row) error {
			found = append(found, Problem{c.rule, row.Text(0)})
			return nil
		})
		if err != nil {
			return found, fmt.Errorf("accountdb: check %q: %w", c.rule, err)
		}
	}
	return found, nil
}

const (
	selectTables   = `SELECT m.name, c.name FROM sqlite_schema m JOIN pragma_table_info(m.name) c WHERE m.type = 'table' ORDER BY m.name, c.cid`
	selectMentions = `SELECT count(*) FROM %q WHERE %q = ?`
)

// Mentions names the columns, of any table, that hold a DID. It scans them: for
// tests and for whoever wants to see that an account is gone.
func (r *Reader) Mentions(did syntax.DID) (columns []string, err error) {
	type column struct{ table, name string }
	var all []column
	err = r.sql.Each(selectTables, func(row *sqlite.Row) error {
		all = append(all, column{row.Text(0), row.Text(1)})
		return nil
	})
	for _, c := range all {
		if err != nil {
			break
		}
		_, err = r.sql.One(fmt.Sprintf(selectMentions, c.table, c.name), func(row *sqlite.Row) error {
			if row.Int64(0) > 0 {
				columns = append(columns, c.table+"."+c.name)
			}
			return nil
		}, did)
	}
	return columns, err
}
