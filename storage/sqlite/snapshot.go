package sqlite

import (
	"context"
	"errors"
)

var errSnapshotWriter = errors.New("a snapshot needs a read-only handle of its own")

// Snapshot is the file as it was at one moment, on a read-only handle of its
// own. It stays readable while the writer goes on, and after the writer's
// Close. Until it is closed the WAL cannot shrink.
type Snapshot struct {
	db     *DB
	reader *Reader
}

// BeginSnapshot fixes the moment. The handle must be read-only and serves only
// this snapshot until it is closed. ctx bounds the whole life of the snapshot:
// when it ends, reads are interrupted and answer its cause.
func (db *DB) BeginSnapshot(ctx context.Context) (*Snapshot, error) {
	if db.conn != nil && !db.options.ReadOnly {
		return nil, db.refuse("snapshot", ErrReadOnly, errSnapshotWriter)
	}
	r := &Reader{db: db, ctx: ctx, alone: true}
	if err := db.enter(r, "snapshot"); err != nil {
		return nil, err
	}
	s := &Snapshot{db: db, reader: r}
	// BEGIN alone fixes nothing; the first read does.
	if err := db.beginSnapshot(); err != nil {
		err = db.fail(ctx, "snapshot", err)
		s.Close()
		return nil, err
	}
	return s, nil
}

func (db *DB) beginSnapshot() (err error) {
	defer db.catchOutOfMemory(&err)
	if err := db.command(beginDeferred); err != nil {
		return err
	}
	_, err = db.pragmaSQL("SELECT count(*) FROM sqlite_schema")
	return err
}

// Reader reads the snapshot until Close.
func (s *Snapshot) Reader() *Reader { return s.reader }

// Close ends the snapshot; the handle stays open. It may be called twice.
func (s *Snapshot) Close() {
	if s.reader.db == nil {
		return
	}
	s.reader.db = nil
	s.db.open = nil
	if s.db.conn != nil {
		s.db.rollback()
	}
}
