package sqlite

import (
	"context"
	"fmt"
	"reflect"

	"github.com/ncruces/go-sqlite3"
)

// Reader reads inside one transaction. It is valid until the function that got
// it returns; later calls answer ErrClosed.
type Reader struct {
	db    *DB
	ctx   context.Context
	write bool
	alone bool // a snapshot's: no transaction function around it to catch the library's panics
}

// Tx also writes.
type Tx struct{ *Reader }

// Each calls row for every row of a query, in order. An error of row ends the
// loop and is returned as it is. The SQL must be a constant: it is prepared
// once per handle and kept. It may be used again inside its own loop.
//
// args: nil, bool, int, int64, string, []byte (nil is NULL), and types with
// these underneath.
func (r *Reader) Each(sql string, row func(*Row) error, args ...any) (err error) {
	db := r.db
	if db == nil {
		return errEnded
	}
	if r.alone {
		defer db.catchOutOfMemory(&err)
	}
	s, err := db.statements.take(db.conn, sql)
	if err != nil {
		return db.fail(r.ctx, "prepare", err)
	}
	defer db.statements.give(s)
	if !s.readonly && !r.write {
		return db.refuse("query", ErrReadOnly, nil)
	}
	if err := bind(s.stmt, args); err != nil {
		return db.fail(r.ctx, "bind", err)
	}
	for s.stmt.Step() {
		if err := row(&s.row); err != nil {
			return err
		}
	}
	return db.fail(r.ctx, "query", s.stmt.Err())
}

// One calls row for the first row of a query, and says whether there was one.
func (r *Reader) One(sql string, row func(*Row) error, args ...any) (found bool, err error) {
	db := r.db
	if db == nil {
		return false, errEnded
	}
	if r.alone {
		defer db.catchOutOfMemory(&err)
	}
	s, err := db.statements.take(db.conn, sql)
	if err != nil {
		return false, db.fail(r.ctx, "prepare", err)
	}
	defer db.statements.give(s)
	if !s.readonly && !r.write {
		return false, db.refuse("query", ErrReadOnly, nil)
	}
	if err := bind(s.stmt, args); err != nil {
		return false, db.fail(r.ctx, "bind", err)
	}
	if !s.stmt.Step() {
		return false, db.fail(r.ctx, "query", s.stmt.Err())
	}
	return true, row(&s.row)
}

// catchOutOfMemory makes an error of the panic by which the library reports
// that SQLite ran out of memory. SQLite itself is sound after it.
func (db *DB) catchOutOfMemory(err *error) {
	if r := recover(); r != nil {
		if !isOutOfMemory(r) {
			panic(r)
		}
		*err = db.refuse("query", ErrMemory, r.(error))
	}
}

// Exec runs a statement to its end and returns how many rows an INSERT, UPDATE
// or DELETE changed (undefined for other statements).
func (t *Tx) Exec(sql string, args ...any) (changed int64, err error) {
	db := t.db
	if db == nil {
		return 0, errEnded
	}
	s, err := db.statements.take(db.conn, sql)
	if err != nil {
		return 0, db.fail(t.ctx, "prepare", err)
	}
	defer db.statements.give(s)
	if err := bind(s.stmt, args); err != nil {
		return 0, db.fail(t.ctx, "bind", err)
	}
	if err := s.stmt.Exec(); err != nil {
		return 0, db.fail(t.ctx, "exec", err)
	}
	return db.conn.Changes(), nil
}

var errEnded = fmt.Errorf("sqlite: the transaction has ended: %w", ErrClosed)

func bind(s *sqlite3.Stmt, args []any) error {
	if n := s.BindCount(); n != len(args) {
		return fmt.Errorf("%d arguments for %d parameters", len(args), n)
	}
	for i, arg := range args {
		var err error
		switch v := arg.(type) {
		case nil: // NULL is what an unbound parameter is
		case string:
			err = s.BindText(i+1, v)
		case []byte:
			if v != nil {
				err = s.BindBlob(i+1, v)
			}
		case int64:
			err = s.BindInt64(i+1, v)
		case int:
			err = s.BindInt64(i+1, int64(v))
		case bool:
			err = s.BindBool(i+1, v)
		default:
			err = bindKind(s, i+1, reflect.ValueOf(arg))
		}
		if err != nil {
			return fmt.Errorf("argument %d: %w", i+1, err)
		}
	}
	return nil
}

// bindKind binds types of other packages by what they are made of.
func bindKind(s *sqlite3.Stmt, param int, v reflect.Value) error {
	switch {
	case v.Kind() == reflect.String:
		return s.BindText(param, v.String())
	case v.CanInt():
		return s.BindInt64(param, v.Int())
	case v.CanUint() && v.Uint() < 1<<63:
		return s.BindInt64(param, int64(v.Uint()))
	case v.Kind() == reflect.Bool:
		return s.BindBool(param, v.Bool())
	case v.CanFloat():
		return s.BindFloat(param, v.Float())
	case v.Kind() == reflect.Slice && v.Type().Elem().Kind() == reflect.Uint8:
		if v.IsNil() {
			return nil
		}
		return s.BindBlob(param, v.Bytes())
	}
	return fmt.Errorf("type %s cannot be stored", v.Type())
}

// Row is the current row of a query. Columns count from 0. It is valid inside
// the function that got it.
type Row struct{ stmt *sqlite3.Stmt }

func (r *Row) Int64(i int) int64   { return r.stmt.ColumnInt64(i) }
func (r *Row) Text(i int) string   { return r.stmt.ColumnText(i) }
func (r *Row) Bool(i int) bool     { return r.stmt.ColumnInt64(i) != 0 }
func (r *Row) Float(i int) float64 { return r.stmt.ColumnFloat(i) }
func (r *Row) IsNull(i int) bool   { return r.stmt.ColumnType(i) == sqlite3.NULL }

// Blob returns a copy; nil for NULL, an empty slice for an empty blob.
func (r *Row) Blob(i int) []byte {
	if raw := r.stmt.ColumnRawBlob(i); len(raw) > 0 {
		return append([]byte(nil), raw...)
	}
	if r.IsNull(i) {
		return nil
	}
	return []byte{}
}

// RawBlob returns memory of SQLite, valid until the next row or the end of the
// function that got the row.
func (r *Row) RawBlob(i int) []byte { return r.stmt.ColumnRawBlob(i) }
