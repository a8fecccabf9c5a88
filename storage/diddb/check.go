package diddb

import (
	"context"
	"encoding/json"
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

const integrity = `SELECT integrity_check FROM pragma_integrity_check WHERE integrity_check <> 'ok'`
const allDocuments = `SELECT did, json FROM documents ORDER BY did`
const allHandles = `SELECT handle, did FROM handles ORDER BY handle`

// Check looks for broken invariants and reads every table once. The remedy is always
// the same: delete the file.
func (db *DB) Check(ctx context.Context) (found []Problem, err error) {
	report := func(rule, row string) { found = append(found, Problem{Rule: rule, Row: row}) }
	err = db.sql.Read(ctx, func(r *sqlite.Reader) error {
		err := r.Each(integrity, func(row *sqlite.Row) error {
			report("SQLite's own check", row.Text(0))
			return nil
		})
		if err != nil {
			return err
		}
		err = r.Each(allDocuments, func(row *sqlite.Row) error {
			var doc struct {
				ID string `json:"id"`
			}
			if json.Unmarshal(row.RawBlob(1), &doc) != nil || doc.ID != row.Text(0) {
				report("a document is JSON about the DID of its row", row.Text(0))
			}
			return nil
		})
		if err != nil {
			return err
		}
		return r.Each(allHandles, func(row *sqlite.Row) error {
			h, err := syntax.ParseHandle(row.Text(0))
			if err != nil || h.Normalize() != h {
				report("a handle is normalised", row.Text(0))
			}
			if _, err := syntax.ParseDID(row.Text(1)); err != nil {
				report("a handle points to a DID", row.Text(0))
			}
			return nil
		})
	})
	if err != nil {
		return nil, fmt.Errorf("diddb: check: %w", err)
	}
	return found, nil
}
