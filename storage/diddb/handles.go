package diddb

import (
	"context"
	"fmt"
	"time"

	"github.com/bluesky-social/indigo/atproto/syntax"

	"troupe/storage/sqlite"
)

// Handle is what a handle resolved to.
type Handle struct {
	Handle    syntax.Handle // normalised by the caller
	DID       syntax.DID
	FetchedAt time.Time // stored in milliseconds
}

const getHandle = `SELECT did, fetched_at FROM handles WHERE handle = ?`

// Handle reads the cached DID of h.
func (db *DB) Handle(ctx context.Context, h syntax.Handle) (out Handle, found bool, err error) {
	out.Handle = h
	err = db.sql.Read(ctx, func(r *sqlite.Reader) error {
		found, err = r.One(getHandle, func(row *sqlite.Row) error {
			out.DID = syntax.DID(row.Text(0))
			out.FetchedAt = time.UnixMilli(row.Int64(1))
			return nil
		}, h.String())
		return err
	})
	if err != nil {
		return Handle{}, false, fmt.Errorf("diddb: handle: %w", err)
	}
	return out, found, nil
}

const putHandle = `
INSERT INTO handles (handle, did, fetched_at) VALUES (?, ?, ?)
ON CONFLICT (handle) DO UPDATE SET did = excluded.did, fetched_at = excluded.fetched_at`

// PutHandle stores a resolution in place of an earlier one.
func (db *DB) PutHandle(ctx context.Context, h Handle) error {
	return db.exec(ctx, "put handle", putHandle, h.Handle.String(), h.DID.String(), h.FetchedAt.UnixMilli())
}

const deleteHandle = `DELETE FROM handles WHERE handle = ?`

// DeleteHandle forgets a resolution; none is not an error.
func (db *DB) DeleteHandle(ctx context.Context, h syntax.Handle) error {
	return db.exec(ctx, "delete handle", deleteHandle, h.String())
}
