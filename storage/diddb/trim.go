package diddb

import (
	"context"
	"fmt"
	"time"

	"troupe/storage/sqlite"
)

// trimChunk bounds the rows that one Trim removes from each table, and so the turn
// that calls it. A call is due long before that many rows have come in.
const trimChunk = 1000

const trimDocumentsByAge = `
DELETE FROM documents WHERE rowid IN
  (SELECT rowid FROM documents WHERE fetched_at < ? ORDER BY fetched_at LIMIT ?)`

const trimDocumentsByNumber = `
DELETE FROM documents WHERE rowid IN
  (SELECT rowid FROM documents ORDER BY fetched_at LIMIT
    max(0, min(?, (SELECT count(*) FROM documents) - ?)))`

const trimHandlesByAge = `
DELETE FROM handles WHERE handle IN
  (SELECT handle FROM handles WHERE fetched_at < ? ORDER BY fetched_at LIMIT ?)`

const trimHandlesByNumber = `
DELETE FROM handles WHERE handle IN
  (SELECT handle FROM handles ORDER BY fetched_at LIMIT
    max(0, min(?, (SELECT count(*) FROM handles) - ?)))`

// Trim removes rows older than before, then the oldest ones above keep rows per
// table, at most 1,000 of each. It returns how many rows went.
func (db *DB) Trim(ctx context.Context, before time.Time, keep int) (removed int, err error) {
	err = db.sql.Transact(ctx, func(t *sqlite.Tx) error {
		for _, step := range []struct {
			sql  string
			args []any
		}{
			{trimDocumentsByAge, []any{before.UnixMilli(), trimChunk}},
			{trimDocumentsByNumber, []any{trimChunk, keep}},
			{trimHandlesByAge, []any{before.UnixMilli(), trimChunk}},
			{trimHandlesByNumber, []any{trimChunk, keep}},
		} {
			n, err := t.Exec(step.sql, step.args...)
			if err != nil {
				return err
			}
			removed += int(n)
		}
		return nil
	})
	if err != nil {
		return 0, fmt.Errorf("diddb: trim: %w", err)
	}
	return removed, nil
}
