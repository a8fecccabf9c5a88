package repodb_test

import (
	"bytes"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/bluesky-social/indigo/atproto/syntax"
	"github.com/ipfs/go-cid"
	"github.com/ncruces/go-sqlite3"

	"troupe/storage/car"
	"troupe/storage/dag"
	"troupe/storage/mst"
	"troupe/storage/repodb"
)

// whole is a repository ready to be staged.
type whole struct {
	nodes   []car.Block
	records []repodb.StagedRecord
	root    repodb.Root
}

// build makes a repository of n records; every step-th differs from what fill
// writes, and the first points at a blob.
func build(t *testing.T, n, step int, rev syntax.TID) (w whole) {
	t.Helper()
	edit := mst.Empty().Edit()
	for i := range n {
		value := int64(i)
		if i%step == 0 {
			value = -1 - value
		}
		body := dag.AppendInt(dag.AppendText(dag.AppendMap(nil, 1), "n"), value)
		r := repodb.StagedRecord{Collection: "com.example.item", RKey: syntax.RecordKey(syntax.NewTID(int64(i), 0)), CID: dag.Sum(body), Bytes: body}
		if i == 0 {
			r.Blobs = []cid.Cid{dag.SumRaw([]byte("wanted")), dag.SumRaw([]byte("temporary"))}
		}
		if err := edit.Create(string(r.Collection)+"/"+string(r.RKey), r.CID); err != nil {
			t.Fatal(err)
		}
		w.records = append(w.records, r)
	}
	_, changed, err := edit.Finish()
	if err != nil {
		t.Fatal(err)
	}
	commit := []byte("commit " + rev)
	w.nodes = changed.New
	w.root = repodb.Root{DID: owner, Seq: 2, Rev: rev, Commit: dag.Sum(commit), Block: commit, Data: changed.Root}
	w.root.Counts = repodb.Counts{Nodes: int64(len(w.nodes)), Records: int64(len(w.records))}
	return w
}

func transact(t *testing.T, db *repodb.DB, fn func(*repodb.Tx) error) {
	t.Helper()
	if err := db.Transact(t.Context(), fn); err != nil {
		t.Fatal(err)
	}
}

func stage(t *testing.T, db *repodb.DB, id repodb.ImportID, w whole) {
	t.Helper()
	transact(t, db, func(tx *repodb.Tx) error { return tx.BeginImport(id) })
	transact(t, db, func(tx *repodb.Tx) error {
		return tx.Stage(w.root.Rev, time.UnixMicro(77), w.nodes, w.records)
	})
}

// drop removes what an import left, in steps, and returns how many.
func drop(t *testing.T, db *repodb.DB, rows int) (steps int) {
	t.Helper()
	for done := false; !done; steps++ {
		transact(t, db, func(tx *repodb.Tx) (err error) {
			done, err = tx.DropLeftovers(rows)
			return err
		})
	}
	return steps
}

// An import takes the place of the repository; what it shares with it keeps its
// rev and its takedown, and the file is as large in tables as one that never saw
// an import.
func TestImport(t *testing.T) {
	dir := t.TempDir()
	fill(t, dir, 300).Close()
	db := openFile(t, dir, true) // beside which the schema can be looked at
	blob := func(data string, state repodb.BlobState) {
		transact(t, db, func(tx *repodb.Tx) error {
			return tx.SetBlob(repodb.Blob{Blob: dag.Blob{CID: dag.SumRaw([]byte(data)), MimeType: "a/b"}, State: state})
		})
	}
	blob("temporary", repodb.BlobTemporary)
	before := schemaOf(t, db, "record", "node", "record_blob")
	for round, rev := range []syntax.TID{syntax.NewTID(5, 0), syntax.NewTID(6, 0), syntax.NewTID(7, 0)} {
		w := build(t, 200, 7, rev)
		id := repodb.ImportID(round + 1)
		stage(t, db, id, w)
		if got := check(t, db); got != "" {
			t.Fatalf("staged: %s", got)
		}
		dropped := false
		transact(t, db, func(tx *repodb.Tx) error {
			err := tx.SwapImport(id, w.root)
			dropped = tx.Dropped()
			return err
		})
		if dropped {
			t.Error("a blob was dropped that nobody held")
		}
		if got := check(t, db); got != "" {
			t.Fatalf("swapped: %s", got)
		}
		transact(t, db, func(tx *repodb.Tx) error { return tx.SwapImport(id, w.root) }) // again: nothing
		if err := db.Transact(t.Context(), func(tx *repodb.Tx) error { return tx.BeginImport(99) }); !errors.Is(err, repodb.ErrStaged) {
			t.Errorf("an import over leftovers: %v", err)
		}
		if steps := drop(t, db, 50); steps < 4 {
			t.Errorf("leftovers went in %d steps", steps)
		}
		if after := schemaOf(t, db, "record", "node", "record_blob"); after != before {
			t.Errorf("tables after the import:\n%s\nbefore:\n%s", after, before)
		}
		if got := check(t, db); got != "" {
			t.Fatalf("dropped: %s", got)
		}
		// The first import brought the differences, the others nothing.
		since, set := export(t, db, syntax.NewTID(4, 0))
		changed := (200 + 6) / 7
		records := 0
		for _, r := range w.records {
			if set[r.CID] {
				records++
			}
		}
		if records != changed || len(since) < changed+2 {
			t.Errorf("round %d: %d records since before the first import, of %d blocks, want %d", round, records, len(since), changed)
		}
		if _, set = export(t, db, syntax.NewTID(5, 0)); round > 0 && len(set) != 1 {
			t.Errorf("round %d: %d blocks since the first import, want the commit", round, len(set))
		}
	}
	err := db.Read(t.Context(), func(r *repodb.Reader) error {
		b, found, err := r.Blob(dag.SumRaw([]byte("temporary")))
		if !found || b.State != repodb.BlobPermanent {
			t.Errorf("a blob that the import uses: %+v, %v", b, found)
		}
		missing, err2 := r.ListMissingBlobs(cid.Undef, 10)
		if len(missing) != 1 || missing[0].CID != dag.SumRaw([]byte("wanted")) {
			t.Errorf("missing: %v", missing)
		}
		return errors.Join(err, err2)
	})
	if err != nil {
		t.Fatal(err)
	}
	w := build(t, 10, 1000, syntax.NewTID(8, 0))
	w.records[0].Blobs = nil
	stage(t, db, 9, w)
	transact(t, db, func(tx *repodb.Tx) error {
		err := tx.SwapImport(9, w.root)
		if !tx.Dropped() {
			t.Error("no blob was dropped")
		}
		return err
	})
	if got := check(t, db); got != "" {
		t.Error(got)
	}
}

// A takedown stays on a record that an import has too, and goes with another version.
func TestImportKeepsTakedowns(t *testing.T) {
	dir := t.TempDir()
	db := fill(t, dir, 20)
	db.Close()
	raw(t, dir, "UPDATE record SET takedown_ref = 'why'")
	db = openFile(t, dir, false)
	w := build(t, 20, 5, syntax.NewTID(5, 0))
	stage(t, db, 1, w)
	transact(t, db, func(tx *repodb.Tx) error { return tx.SwapImport(1, w.root) })
	err := db.Read(t.Context(), func(r *repodb.Reader) error {
		for i, s := range w.records {
			rec, found, err := r.Record(s.Collection, s.RKey)
			if err != nil || !found {
				return fmt.Errorf("%v %w", found, err)
			}
			if changed := i%5 == 0; (rec.Takedown == "") != changed || (rec.IndexedAt.UnixMicro() == 77) != changed {
				t.Errorf("record %d: takedown %q, indexed %v", i, rec.Takedown, rec.IndexedAt)
			}
		}
		return nil
	})
	if err != nil {
		t.Error(err)
	}
}

// A snapshot shows what it began with, whatever takes its place meanwhile.
func TestASnapshotOutlivesAnImport(t *testing.T) {
	dir := t.TempDir()
	fill(t, dir, 300).Close()
	db := openFile(t, dir, true)
	var all repodb.Snapshots
	want, _ := export(t, db, "")
	s, err := all.Open(t.Context(), dir, owner, repodb.Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	w := build(t, 100, 1, syntax.NewTID(5, 0))
	stage(t, db, 1, w)
	transact(t, db, func(tx *repodb.Tx) error { return tx.SwapImport(1, w.root) })
	drop(t, db, 1000)
	var b bytes.Buffer
	if err := s.WriteCAR(t.Context(), &b, ""); err != nil {
		t.Fatal(err)
	}
	_, blocks, err := car.ReadAll(b.Bytes())
	if err != nil || len(blocks) != len(want) {
		t.Fatalf("%d blocks, want %d: %v", len(blocks), len(want), err)
	}
	for i := range blocks {
		if blocks[i].CID != want[i] {
			t.Fatalf("block %d is another", i)
		}
	}
	if now, _ := export(t, db, ""); now[0] != w.root.Commit {
		t.Error("the owner does not show the import")
	}
}

// Only what was staged under its own number becomes the repository.
func TestSwapWhatIsNotThere(t *testing.T) {
	db := fill(t, t.TempDir(), 20)
	defer db.Close()
	w := build(t, 10, 1, syntax.NewTID(5, 0))
	swap := func(id repodb.ImportID) error {
		return db.Transact(t.Context(), func(tx *repodb.Tx) error { return tx.SwapImport(id, w.root) })
	}
	if err := swap(1); !errors.Is(err, repodb.ErrNotStaged) {
		t.Error(err)
	}
	stage(t, db, 2, w)
	if err := swap(1); !errors.Is(err, repodb.ErrNotStaged) {
		t.Error(err)
	}
	transact(t, db, (*repodb.Tx).AbandonImport)
	if err := swap(2); !errors.Is(err, repodb.ErrNotStaged) {
		t.Error(err)
	}
	drop(t, db, 1000)
	if got := check(t, db); got != "" {
		t.Error(got)
	}
}

// Import tables without an import, and the reverse, are found.
func TestCheckImportTables(t *testing.T) {
	for _, c := range []struct{ damage, want string }{
		{"UPDATE root SET staged = 0", "3 import tables of no import"},
		{"DROP TABLE import_node", "2 of 3 import tables"},
		{"UPDATE root SET staged = -7", "import -7 is none"},
	} {
		dir := t.TempDir()
		db := fill(t, dir, 20)
		stage(t, db, 5, build(t, 10, 1, syntax.NewTID(5, 0)))
		db.Close()
		raw(t, dir, c.damage)
		if got := check(t, openFile(t, dir, false)); !strings.Contains(got, c.want) {
			t.Errorf("%s: found %q, want %q", c.damage, got, c.want)
		}
	}
}

func raw(t *testing.T, dir, sql string) {
	t.Helper()
	c, err := sqlite3.Open("file:" + dir + "/" + repodb.FileName)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	if err := c.Exec(sql); err != nil {
		t.Fatal(err)
	}
}

// schemaOf is the columns of some tables and what their indexes are over.
func schemaOf(t *testing.T, db *repodb.DB, tables ...string) string {
	t.Helper()
	c, err := sqlite3.Open("file:" + db.Path())
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	var out strings.Builder
	for _, table := range tables {
		for _, sql := range []string{
			fmt.Sprintf(`SELECT name, type, "notnull", pk FROM pragma_table_xinfo('%s')`, table),
			fmt.Sprintf(`SELECT x.name, x."desc", i."unique", i.partial FROM pragma_index_list('%s') i, pragma_index_xinfo(i.name) x WHERE x.key ORDER BY i.partial, i."unique", x.name`, table),
			fmt.Sprintf(`SELECT wr, strict, ncol, 0 FROM pragma_table_list WHERE name = '%s'`, table),
		} {
			s, _, err := c.Prepare(sql)
			if err != nil {
				t.Fatal(err)
			}
			for s.Step() {
				fmt.Fprintln(&out, table, s.ColumnText(0), s.ColumnText(1), s.ColumnText(2), s.ColumnText(3))
			}
			if err := s.Close(); err != nil {
				t.Fatal(err)
			}
		}
	}
	return out.String()
}
