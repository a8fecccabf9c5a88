package sqlite

import (
	"errors"
	"strings"

	"github.com/ncruces/go-sqlite3"
)

// maxStatements bounds the statements kept per handle. The SQL of this program
// is constant, so the bound is met only by text that is built at run time.
const maxStatements = 256

// statement is one prepared statement, used by at most one loop at a time.
type statement struct {
	stmt     *sqlite3.Stmt
	row      Row
	readonly bool
	kept     bool       // belongs to the cache; otherwise closed after use
	busy     bool       // a loop is on it
	next     *statement // a second copy, for the same SQL used inside its own loop
}

// statements keeps what was prepared, by its text.
type statements struct {
	kept map[string]*statement
}

var errManyStatements = errors.New("the SQL holds more than one statement")

// take returns a statement ready to be bound. It must be given back.
func (c *statements) take(conn *sqlite3.Conn, sql string) (*statement, error) {
	first := c.kept[sql]
	last := first
	for s := first; s != nil; s = s.next {
		if !s.busy {
			s.busy = true
			return s, nil
		}
		last = s
	}
	keep := first != nil || len(c.kept) < maxStatements
	var flags sqlite3.PrepareFlag
	if keep {
		flags = sqlite3.PREPARE_PERSISTENT
	}
	stmt, tail, err := conn.PrepareFlags(sql, flags)
	if err != nil {
		return nil, err
	}
	if stmt == nil || strings.TrimSpace(tail) != "" {
		_ = stmt.Close()
		return nil, errManyStatements
	}
	s := &statement{stmt: stmt, readonly: stmt.ReadOnly(), kept: keep, busy: true}
	s.row.stmt = stmt
	switch {
	case !keep:
	case last != nil:
		last.next = s
	default:
		if c.kept == nil {
			c.kept = make(map[string]*statement)
		}
		c.kept[sql] = s
	}
	return s, nil
}

// give makes a statement usable again, whatever its last use came to: reset,
// so that it holds no lock and no snapshot, and without its arguments.
func (c *statements) give(s *statement) {
	if !s.kept {
		_ = s.stmt.Close()
		return
	}
	s.busy = false
	_ = s.stmt.Reset() // returns the error of the last step once more
	_ = s.stmt.ClearBindings()
}

func (c *statements) close() {
	for _, s := range c.kept {
		for ; s != nil; s = s.next {
			_ = s.stmt.Close()
		}
	}
	c.kept = nil
}
