package repodb

import (
	"errors"
	"time"

	"github.com/bluesky-social/indigo/atproto/syntax"
	"github.com/ipfs/go-cid"

	"troupe/storage/car"
	"troupe/storage/sqlite"
)

// An import gathers a whole repository in tables beside the real ones and then
// changes places with them, by name and in one transaction: so the repository is
// the old one or the new one at any moment, and a snapshot goes on showing what
// it began with. The tables are made when an import begins; what is left in them
// afterwards, the repository that was replaced, goes in small steps.

// ImportID names one import of one account. What is positive is an import.
type ImportID int64

// Leftover stands for import tables that hold nothing that is wanted.
const Leftover ImportID = -1

var (
	// ErrStaged: there are import tables already, which are to be dropped first; or
	// there is no repository yet.
	ErrStaged = errors.New("repodb: import tables are in the way")
	// ErrNotStaged: the import tables do not hold that import.
	ErrNotStaged = errors.New("repodb: the import is not in the file")
)

// StagedRecord is one record of an import.
type StagedRecord struct {
	Collection syntax.NSID
	RKey       syntax.RecordKey
	CID        cid.Cid
	Bytes      []byte
	Blobs      []cid.Cid
	Subject    string // as in RecordChange
}

// The columns are those of the real tables, in their order.
const (
	createImportNode   = `CREATE TABLE import_node (cid BLOB PRIMARY KEY, rev INTEGER NOT NULL, block BLOB NOT NULL) STRICT, WITHOUT ROWID`
	createImportRecord = `CREATE TABLE import_record (collection TEXT, rkey TEXT, cid BLOB NOT NULL, rev INTEGER NOT NULL, indexed_at INTEGER NOT NULL, takedown_ref TEXT, subject TEXT, block BLOB NOT NULL, PRIMARY KEY (collection, rkey)) STRICT, WITHOUT ROWID`
	createImportBlob   = `CREATE TABLE import_record_blob (blob_cid TEXT, collection TEXT, rkey TEXT, PRIMARY KEY (blob_cid, collection, rkey)) STRICT, WITHOUT ROWID`
)

// indexSet is the secondary indexes of import tables. An index keeps its name when
// its table changes places, so there are two sets: one is in use by the real
// tables, and the other is free.
type indexSet struct {
	first  string // the name by which a set is recognised
	create [3]string
	drop   [3]string
}

var indexSets = [2]indexSet{
	{"record_cid", [3]string{
		`CREATE INDEX record_cid ON import_record (cid)`,
		`CREATE INDEX record_subject ON import_record (collection, subject) WHERE subject IS NOT NULL`,
		`CREATE INDEX record_blob_record ON import_record_blob (collection, rkey)`,
	}, [3]string{`DROP INDEX record_cid`, `DROP INDEX record_subject`, `DROP INDEX record_blob_record`}},
	{"record_cid_2", [3]string{
		`CREATE INDEX record_cid_2 ON import_record (cid)`,
		`CREATE INDEX record_subject_2 ON import_record (collection, subject) WHERE subject IS NOT NULL`,
		`CREATE INDEX record_blob_record_2 ON import_record_blob (collection, rkey)`,
	}, [3]string{`DROP INDEX record_cid_2`, `DROP INDEX record_subject_2`, `DROP INDEX record_blob_record_2`}},
}

const (
	selectTableOfIndex = `SELECT 1 FROM sqlite_schema WHERE type = 'index' AND name = ? AND tbl_name = ?`
	updateStaged       = `UPDATE root SET staged = ? WHERE id = 1`
)

// BeginImport makes empty import tables.
func (t *Tx) BeginImport(id ImportID) error {
	root, ok, err := t.Root()
	if err != nil {
		return err
	}
	if !ok || root.Staged != 0 {
		return ErrStaged
	}
	free := &indexSets[0]
	taken, err := t.Reader.sql.One(selectTableOfIndex, func(*sqlite.Row) error { return nil }, free.first, "record")
	if err != nil {
		return err
	}
	if taken {
		free = &indexSets[1]
	}
	for _, sql := range append([]string{createImportNode, createImportRecord, createImportBlob}, free.create[:]...) {
		if _, err := t.sql.Exec(sql); err != nil {
			return err
		}
	}
	_, err = t.sql.Exec(updateStaged, int64(id))
	return err
}

// What the repository holds already keeps the rev that brought it in: to those
// who ask for what came after a rev, it is not new.
const (
	stageNode   = `REPLACE INTO import_node (cid, rev, block) VALUES (?1, coalesce((SELECT rev FROM node WHERE cid = ?1), ?2), ?3)`
	stageRecord = `REPLACE INTO import_record (collection, rkey, cid, rev, indexed_at, takedown_ref, subject, block)
SELECT ?1, ?2, ?3, coalesce(old.rev, ?4), coalesce(old.indexed_at, ?5), old.takedown_ref, ?6, ?7
FROM (SELECT 1) LEFT JOIN record old ON old.collection = ?1 AND old.rkey = ?2 AND old.cid = ?3`
	stageBlob = `INSERT OR IGNORE INTO import_record_blob (blob_cid, collection, rkey) VALUES (?, ?, ?)`
)

// Stage adds nodes and records to the import tables. rev is that of the commit
// under which they will be the repository.
func (t *Tx) Stage(rev syntax.TID, at time.Time, nodes []car.Block, records []StagedRecord) error {
	for _, n := range nodes {
		if _, err := t.sql.Exec(stageNode, n.CID.Bytes(), revInt(rev), n.Data); err != nil {
			return err
		}
	}
	for i := range records {
		r := &records[i]
		var subject any // NULL
		if r.Subject != "" {
			subject = r.Subject
		}
		collection, rkey := string(r.Collection), string(r.RKey)
		if _, err := t.sql.Exec(stageRecord, collection, rkey, r.CID.Bytes(), revInt(rev), at.UnixMicro(), subject, r.Bytes); err != nil {
			return err
		}
		for _, b := range r.Blobs {
			if _, err := t.sql.Exec(stageBlob, blobText(b), collection, rkey); err != nil {
				return err
			}
		}
	}
	return nil
}
