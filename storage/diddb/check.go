package diddb

import (
	"context"
	"encoding/json"
	"fmt"

	"github.com/bluesky-social/indigo/atproto/syntax"

	"troupe/storage/sqlite"
)

const allDocuments = `SELECT did, json FROM documents ORDER BY did`
const allHandles = `SELECT handle, did FROM handles ORDER BY handle`

// Check returns what is wrong with the file, nil if nothing: every document is JSON
// about the DID of its row, every handle is normalised and names a DID. The remedy is
// always the same: delete the file.
func (db *DB) Check(ctx context.Context) (problems []error, err error) {
	report := func(format string, args ...any) { problems = append(problems, fmt.Errorf(format, args...)) }
	err = db.sql.Read(ctx, func(r *sqlite.Reader) error {
		err := r.Each(allDocuments, func(row *sqlite.Row) error {
			var doc struct {
				ID string `json:"id"`
			}
			did := row.Text(0)
			if err := json.Unmarshal(row.RawBlob(1), &doc); err != nil {
				report("documents: %s: %w", did, err)
			} else if doc.ID != did {
				report("documents: %s: is about %q", did, doc.ID)
			}
			return nil
		})
		if err != nil {
			return err
		}
		return r.Each(allHandles, func(row *sqlite.Row) error {
			h, err := syntax.ParseHandle(row.Text(0))
			if err != nil || h.Normalize() != h {
				report("handles: %q is not a normalised handle", row.Text(0))
			}
			if _, err := syntax.ParseDID(row.Text(1)); err != nil {
				report("handles: %s: %w", row.Text(0), err)
			}
			return nil
		})
	})
	if err != nil {
		return nil, fmt.Errorf("diddb: check: %w", err)
	}
	return problems, nil
}
