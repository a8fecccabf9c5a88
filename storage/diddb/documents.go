package diddb

import (
	"context"
	"fmt"
	"time"

	"github.com/bluesky-social/indigo/atproto/syntax"

	"troupe/storage/sqlite"
)

// Document is a DID document as it was received.
type Document struct {
	DID       syntax.DID
	JSON      []byte
	FetchedAt time.Time // stored in milliseconds
}

const getDocument = `SELECT json, fetched_at FROM documents WHERE did = ?`

// Document reads the cached document of did.
func (db *DB) Document(ctx context.Context, did syntax.DID) (doc Document, found bool, err error) {
	doc.DID = did
	err = db.sql.Read(ctx, func(r *sqlite.Reader) error {
		found, err = r.One(getDocument, func(row *sqlite.Row) error {
			doc.JSON = row.Blob(0)
			doc.FetchedAt = time.UnixMilli(row.Int64(1))
			return nil
		}, did.String())
		return err
	})
	if err != nil {
		return Document{}, false, fmt.Errorf("diddb: document: %w", err)
	}
	return doc, found, nil
}

const putDocument = `
INSERT INTO documents (did, json, fetched_at) VALUES (?, ?, ?)
ON CONFLICT (did) DO UPDATE SET json = excluded.json, fetched_at = excluded.fetched_at`

// PutDocument stores a document in place of an earlier one.
func (db *DB) PutDocument(ctx context.Context, doc Document) error {
	return db.exec(ctx, "put document", putDocument, doc.DID.String(), doc.JSON, doc.FetchedAt.UnixMilli())
}

const deleteDocument = `DELETE FROM documents WHERE did = ?`

// DeleteDocument forgets a document; none is not an error.
func (db *DB) DeleteDocument(ctx context.Context, did syntax.DID) error {
	return db.exec(ctx, "delete document", deleteDocument, did.String())
}

func (db *DB) exec(ctx context.Context, op, sql string, args ...any) error {
	err := db.sql.Transact(ctx, func(t *sqlite.Tx) error {
		_, err := t.Exec(sql, args...)
		return err
	})
	if err != nil {
		return fmt.Errorf("diddb: %s: %w", op, err)
	}
	return nil
}
