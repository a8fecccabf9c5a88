package lexdb

import (
	"bytes"
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
const allLexicons = `SELECT nsid, did, rev, documents FROM lexicon ORDER BY nsid`

// Check looks for broken invariants and reads the table once. The remedy is always
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
		return r.Each(allLexicons, func(row *sqlite.Row) error {
			nsid := row.Text(0)
			if _, err := syntax.ParseDID(row.Text(1)); err != nil {
				report("a lexicon is somebody's", nsid)
			}
			if _, err := syntax.ParseTID(row.Text(2)); err != nil {
				report("a lexicon was proven by a commit", nsid)
			}
			own, _, _ := bytes.Cut(row.RawBlob(3), newline)
			var doc struct {
				ID string `json:"id"`
			}
			if json.Unmarshal(own, &doc) != nil || doc.ID != nsid {
				report("the first document is the lexicon of its row", nsid)
			}
			return nil
		})
	})
	if err != nil {
		return nil, fmt.Errorf("lexdb: check: %w", err)
	}
	return found, nil
}
