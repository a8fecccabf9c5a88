package sqlite

import (
	"context"
	"fmt"

	"github.com/ncruces/go-sqlite3"
)

// checkSchema refuses files that are not ours or that a later version wrote,
// and brings an older one up to date. The usual case is two short reads.
func (db *DB) checkSchema(ctx context.Context, version int) error {
	want := len(db.schema.Migrations)
	switch {
	case version > want:
		return db.refuse("open", ErrNewer, fmt.Errorf("it has version %d, this program knows %d", version, want))
	case version == want:
		return nil
	case db.options.ReadOnly && version == 0:
		return db.refuse("open", ErrReadOnly, ErrUnmade)
	case db.options.ReadOnly:
		return db.refuse("open", ErrReadOnly, fmt.Errorf("it has version %d and needs %d; the owner migrates", version, want))
	}
	return db.migrate(ctx)
}

// identify returns the schema version of a file that is ours or empty.
func (db *DB) identify() (version int, err error) {
	id, err := db.pragma("application_id")
	if err != nil {
		return 0, err
	}
	v, err := db.pragma("user_version")
	if err != nil {
		return 0, err
	}
	if id != int64(db.schema.ApplicationID) {
		tables, err := db.pragmaSQL("SELECT count(*) FROM sqlite_schema")
		if err != nil {
			return 0, err
		}
		if id != 0 || v != 0 || tables != 0 {
			return 0, db.refuse("open", ErrForeign, fmt.Errorf("it has application_id %#x, not %#x", id, db.schema.ApplicationID))
		}
	}
	return int(v), nil
}

// migrate applies the missing steps in one transaction: a crash in the middle
// leaves the old version. It is synced, so that no later version of the file
// can be met with an earlier schema.
func (db *DB) migrate(ctx context.Context) error {
	if err := db.conn.Exec("PRAGMA synchronous=FULL"); err != nil {
		return err
	}
	err := db.migrateTx(ctx)
	if err != nil {
		return err // the handle is not returned to anybody
	}
	return db.conn.Exec("PRAGMA synchronous=" + db.options.Durability.String())
}

func (db *DB) migrateTx(ctx context.Context) error {
	if err := db.conn.Exec("BEGIN IMMEDIATE"); err != nil {
		return err
	}
	done := false
	defer func() {
		if !done {
			db.rollback()
		}
	}()
	version, err := db.identify() // again: another process may have been faster
	if err != nil {
		return err
	}
	steps := db.schema.Migrations
	for ; version < len(steps); version++ {
		if err := db.conn.Exec(steps[version]); err != nil {
			return db.fail(ctx, fmt.Sprintf("migrate to version %d", version+1), err)
		}
	}
	err = db.conn.Exec(fmt.Sprintf("PRAGMA application_id=%d;PRAGMA user_version=%d", db.schema.ApplicationID, version))
	if err == nil {
		err = db.conn.Exec("COMMIT")
	}
	done = err == nil
	return err
}

func (db *DB) pragma(name string) (int64, error) { return db.pragmaSQL("PRAGMA " + name) }

// pragmaSQL reads one integer without keeping the statement.
func (db *DB) pragmaSQL(sql string) (int64, error) {
	s, _, err := db.conn.Prepare(sql)
	if err != nil {
		return 0, err
	}
	defer s.Close()
	if !s.Step() {
		if err := s.Err(); err != nil {
			return 0, err
		}
		return 0, sqlite3.ERROR
	}
	return s.ColumnInt64(0), nil
}
