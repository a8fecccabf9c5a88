package accountdb

import (
	"time"

	"github.com/bluesky-social/indigo/atproto/syntax"

	"troupe/storage/sqlite"
)

const selectOperation = `SELECT cid FROM plc_operation WHERE did = ?`

// PLCOperation is the newest PLC operation that is known of a DID, "" if none is.
func (r *Reader) PLCOperation(did syntax.DID) (cid string, err error) {
	_, err = r.sql.One(selectOperation, func(row *sqlite.Row) error {
		cid = row.Text(0)
		return nil
	}, did)
	return cid, err
}

const putOperation = `INSERT INTO plc_operation (did, cid, seen_at) VALUES (?1, ?2, ?3)
ON CONFLICT (did) DO UPDATE SET cid = ?2, seen_at = ?3`

// PutPLCOperation remembers it, of an account that is here.
func (t *Tx) PutPLCOperation(did syntax.DID, cid string, at time.Time) error {
	_, err := t.sql.Exec(putOperation, did, cid, at.UnixMicro())
	return err
}
