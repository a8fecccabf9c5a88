package lexdb

import (
	"bytes"
	"context"
	"fmt"
	"time"

	"github.com/bluesky-social/indigo/atproto/syntax"

	"troupe/storage/sqlite"
)

// Lexicon is a resolved schema and what it is made of.
type Lexicon struct {
	NSID      syntax.NSID
	DID       syntax.DID // whose repository it was proven to be in
	Rev       syntax.TID // of the commit that proved it
	FetchedAt time.Time  // stored in milliseconds
	Documents [][]byte   // JSON without line breaks: its own document, then those it refers to
}

const getLexicon = `SELECT did, rev, fetched_at, documents FROM lexicon WHERE nsid = ?`

// Lexicon reads the cached schema of nsid.
func (db *DB) Lexicon(ctx context.Context, nsid syntax.NSID) (l Lexicon, found bool, err error) {
	err = db.sql.Read(ctx, func(r *sqlite.Reader) error {
		found, err = r.One(getLexicon, func(row *sqlite.Row) error {
			l = Lexicon{
				NSID: nsid, DID: syntax.DID(row.Text(0)), Rev: syntax.TID(row.Text(1)),
				FetchedAt: time.UnixMilli(row.Int64(2)), Documents: bytes.Split(row.Blob(3), newline),
			}
			return nil
		}, nsid.String())
		return err
	})
	if err != nil {
		return Lexicon{}, false, fmt.Errorf("lexdb: lexicon: %w", err)
	}
	return l, found, nil
}

var newline = []byte("\n")

const putLexicon = `
INSERT INTO lexicon (nsid, did, rev, fetched_at, documents) VALUES (?, ?, ?, ?, ?)
ON CONFLICT (nsid) DO UPDATE SET did = excluded.did, rev = excluded.rev, fetched_at = excluded.fetched_at, documents = excluded.documents`

// Put stores a schema in place of an earlier one.
func (db *DB) Put(ctx context.Context, l Lexicon) error {
	return db.exec(ctx, "put", putLexicon, l.NSID.String(), l.DID.String(), l.Rev.String(), l.FetchedAt.UnixMilli(), bytes.Join(l.Documents, newline))
}

const deleteLexicon = `DELETE FROM lexicon WHERE nsid = ?`

// Delete forgets a schema; none is not an error.
func (db *DB) Delete(ctx context.Context, nsid syntax.NSID) error {
	return db.exec(ctx, "delete", deleteLexicon, nsid.String())
}

func (db *DB) exec(ctx context.Context, op, sql string, args ...any) error {
	err := db.sql.Transact(ctx, func(t *sqlite.Tx) error {
		_, err := t.Exec(sql, args...)
		return err
	})
	if err != nil {
		return fmt.Errorf("lexdb: %s: %w", op, err)
	}
	return nil
}

const trimByAge = `DELETE FROM lexicon WHERE fetched_at < ?`

const trimBySize = `
DELETE FROM lexicon WHERE nsid IN (SELECT nsid FROM
  (SELECT nsid, sum(length(documents)) OVER (ORDER BY fetched_at DESC, nsid) AS total FROM lexicon)
  WHERE total > ?)`

// Trim removes schemas that were fetched before a time, then the oldest of those
// whose documents take more than keep bytes together. It returns how many went.
func (db *DB) Trim(ctx context.Context, before time.Time, keep int64) (removed int, err error) {
	err = db.sql.Transact(ctx, func(t *sqlite.Tx) error {
		old, err := t.Exec(trimByAge, before.UnixMilli())
		if err != nil {
			return err
		}
		large, err := t.Exec(trimBySize, keep)
		removed = int(old + large)
		return err
	})
	if err != nil {
		return 0, fmt.Errorf("lexdb: trim: %w", err)
	}
	return removed, nil
}
