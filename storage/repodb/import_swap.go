package repodb

import (
	"troupe/storage/sqlite"
)

// changePlaces lets the import tables and the real ones change names. SQLite
// prepares anew what was prepared for the old ones, on every connection when it
// first sees the change.
var changePlaces = [...]string{
	`ALTER TABLE node RENAME TO import_swap`,
	`ALTER TABLE import_node RENAME TO node`,
	`ALTER TABLE import_swap RENAME TO import_node`,
	`ALTER TABLE record RENAME TO import_swap`,
	`ALTER TABLE import_record RENAME TO record`,
	`ALTER TABLE import_swap RENAME TO import_record`,
	`ALTER TABLE record_blob RENAME TO import_swap`,
	`ALTER TABLE import_record_blob RENAME TO record_blob`,
	`ALTER TABLE import_swap RENAME TO import_record_blob`,
}

// Rows of blobs stay, and follow the new references. A reference without a row is
// a blob that the owner has still to upload.
const (
	holdBlobs = `UPDATE blob SET state = 0 WHERE state = 1 AND state > 0
AND EXISTS (SELECT 1 FROM record_blob WHERE blob_cid = blob.cid)`
	freeBlobs = `UPDATE blob SET state = 3 WHERE state = 0
AND NOT EXISTS (SELECT 1 FROM record_blob WHERE blob_cid = blob.cid)`
)

// SwapImport makes the staged import the repository, under root, which says how
// many nodes and records that are. It is idempotent: a file that has it already,
// or something newer, stays as it is.
func (t *Tx) SwapImport(id ImportID, root Root) error {
	have, _, err := t.Root()
	switch {
	case err != nil:
		return err
	case have.DID != root.DID:
		return ErrWrongAccount
	case have.Rev >= root.Rev:
		return nil
	case have.Staged != id:
		return ErrNotStaged
	}
	for _, sql := range changePlaces {
		if _, err := t.sql.Exec(sql); err != nil {
			return err
		}
	}
	if _, err := t.sql.Exec(holdBlobs); err != nil {
		return err
	}
	freed, err := t.sql.Exec(freeBlobs)
	if err != nil {
		return err
	}
	t.dropped = t.dropped || freed > 0
	t.delta.Blobs -= freed
	root.Staged = Leftover
	imported := root.Counts
	root.Counts = have.Counts
	root.Counts.Nodes, root.Counts.Records = imported.Nodes, imported.Records
	if root.Counts.Referenced, err = t.referenced(); err != nil {
		return err
	}
	return t.setRoot(root)
}

// AbandonImport says that what is staged is not wanted any more.
func (t *Tx) AbandonImport() error {
	root, _, err := t.Root()
	if err != nil || root.Staged == 0 {
		return err
	}
	_, err = t.sql.Exec(updateStaged, int64(Leftover))
	return err
}

// leftovers are the import tables, and how to take the first rows away.
var leftovers = [...]struct{ table, deleteRows, dropTable string }{
	{"import_record", `DELETE FROM import_record WHERE (collection, rkey) IN (SELECT collection, rkey FROM import_record LIMIT ?)`, `DROP TABLE import_record`},
	{"import_record_blob", `DELETE FROM import_record_blob WHERE (blob_cid, collection, rkey) IN (SELECT blob_cid, collection, rkey FROM import_record_blob LIMIT ?)`, `DROP TABLE import_record_blob`},
	{"import_node", `DELETE FROM import_node WHERE cid IN (SELECT cid FROM import_node LIMIT ?)`, `DROP TABLE import_node`},
}

const selectTable = `SELECT 1 FROM sqlite_schema WHERE type = 'table' AND name = ?`

// DropLeftovers takes a step at removing import tables that are not wanted: it
// drops an index, or about so many rows. done says that none are left.
func (t *Tx) DropLeftovers(rows int) (done bool, err error) {
	root, _, err := t.Root()
	if err != nil || root.Staged != Leftover {
		return err == nil, err
	}
	// Indexes first, and whole: row by row each would touch another page of them.
	if dropped, err := t.dropIndex(); dropped || err != nil {
		return false, err
	}
	for _, l := range leftovers {
		there, err := t.Reader.sql.One(selectTable, func(*sqlite.Row) error { return nil }, l.table)
		if err != nil {
			return false, err
		}
		if !there {
			continue
		}
		n, err := t.sql.Exec(l.deleteRows, rows)
		if err != nil {
			return false, err
		}
		if rows -= int(n); rows <= 0 {
			return false, nil
		}
		if _, err := t.sql.Exec(l.dropTable); err != nil {
			return false, err
		}
	}
	_, err = t.sql.Exec(updateStaged, 0)
	return err == nil, err
}

// dropIndex drops the first index that an import table has.
func (t *Tx) dropIndex() (bool, error) {
	for _, set := range indexSets {
		for i, sql := range set.drop {
			name := sql[len("DROP INDEX "):]
			table := "import_record"
			if i == 2 {
				table = "import_record_blob"
			}
			there, err := t.Reader.sql.One(selectTableOfIndex, func(*sqlite.Row) error { return nil }, name, table)
			if err != nil {
				return false, err
			}
			if there {
				_, err := t.sql.Exec(sql)
				return true, err
			}
		}
	}
	return false, nil
}

const countImportTables = `SELECT count(*) FROM sqlite_schema WHERE type = 'table' AND name LIKE 'import_%'`

// importTables checks that there are import tables where the root says so only.
func (c *checker) importTables(root Root) error {
	_, err := c.r.sql.One(countImportTables, func(row *sqlite.Row) error {
		switch n := row.Int64(0); {
		case root.Staged == 0 && n > 0:
			c.add("%d import tables of no import", n)
		case root.Staged > 0 && n != int64(len(leftovers)):
			c.add("%d of %d import tables of import %d", n, len(leftovers), root.Staged)
		case root.Staged < Leftover:
			c.add("import %d is none", root.Staged)
		}
		return nil
	})
	return err
}
