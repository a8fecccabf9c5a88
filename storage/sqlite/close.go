package sqlite

import "github.com/ncruces/go-sqlite3"

// closeWAL is the size in bytes up to which Close leaves the WAL as it is. The
// next Open reads it again, which for this much takes less time than the two
// fsyncs of a checkpoint.
const closeWAL = 128 << 10

// Close ends the connection. Commits need no Close to be kept. A long WAL is
// copied back and emptied, unless another connection uses the file. Closing a
// closed handle does nothing.
func (db *DB) Close() error {
	if db.conn == nil {
		return nil
	}
	if db.unusable == nil {
		db.settleWAL()
	}
	db.abandon()
	return nil
}

// settleWAL chooses what SQLite does with the WAL when the last connection
// closes.
func (db *DB) settleWAL() {
	defer func() { _ = recover() }() // nothing here has to succeed
	keep := db.options.ReadOnly || db.options.NoAutoCheckpoint || db.state.broken != nil
	if wal := db.state.wal; !keep && wal != nil {
		size, err := wal.Size()
		keep = err != nil || size <= closeWAL
	}
	if keep {
		_, _ = db.conn.Config(sqlite3.DBCONFIG_NO_CKPT_ON_CLOSE, true)
	} else {
		_ = db.conn.Exec("PRAGMA journal_size_limit=0")
	}
}

// abandon closes the connection, come what may. After a panic inside the
// library it may refuse to close; its memory is lost then, but not the locks,
// which would keep the next owner out.
func (db *DB) abandon() {
	conn, state := db.conn, db.state
	db.conn = nil
	closeConn(conn, &db.statements)
	for _, f := range []*file{state.wal, state.main} {
		if f != nil { // not closed by SQLite
			f.release()
		}
	}
}

func closeConn(conn *sqlite3.Conn, s *statements) {
	defer func() { _ = recover() }()
	s.close()
	_ = conn.Close() // nil where opening failed
}
