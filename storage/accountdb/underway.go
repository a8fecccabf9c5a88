package accountdb

import (
	"github.com/bluesky-social/indigo/atproto/syntax"

	"troupe/storage/sqlite"
)

const selectUnderWay = `SELECT did FROM saga WHERE did IS NOT NULL UNION SELECT did FROM reservation WHERE did IS NOT NULL`

// UnderWay calls fn for every DID of which a story is being told: its parts in
// different files need not agree until the story ends.
func (r *Reader) UnderWay(fn func(syntax.DID)) error {
	return r.sql.Each(selectUnderWay, func(row *sqlite.Row) error {
		fn(syntax.DID(row.Text(0)))
		return nil
	})
}
