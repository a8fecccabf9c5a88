package sqlite_test

import (
	"bytes"
	"context"
	"errors"
	"flag"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"troupe/storage/sqlite"
	"troupe/storage/sqlite/faultvfs"
)

// A scenario is one thing the server does to a file. Every step of it on the
// disk is made to fail in every way; afterwards the file must be sound and hold
// the old content or the new.
type scenario struct {
	name    string
	prepare func(t *testing.T, path string) // nil: there is no file
	act     func(path string) (*sqlite.DB, error)
	old     string // "" = no rows
	new     string
	// durable: new content that was reported must survive a power cut.
	durable bool
}

const faulty = "fault-table"

func faultOptions() sqlite.Options { return sqlite.Options{VFS: faulty, PageSize: 1024} }

var big = bytes.Repeat([]byte("x"), 3000) // several pages

func insert(ids ...int) func(*sqlite.Tx) error {
	return func(tx *sqlite.Tx) error {
		for _, id := range ids {
			if _, err := tx.Exec(insertItem, id, fmt.Sprint(id), big); err != nil {
				return err
			}
		}
		return nil
	}
}

// newer is the schema of a later version: it changes tables and rows.
func newer() sqlite.Schema {
	s := schema
	s.Migrations = append(append([]string{}, s.Migrations...), `
		ALTER TABLE item ADD COLUMN kind TEXT NOT NULL DEFAULT '';
		UPDATE item SET kind = 'k' || id;
		CREATE INDEX item_kind ON item(kind);`)
	return s
}

func doing(o sqlite.Options, s sqlite.Schema, what func(*sqlite.DB) error) func(string) (*sqlite.DB, error) {
	return func(path string) (*sqlite.DB, error) {
		db, err := sqlite.Open(context.Background(), path, s, o)
		if err != nil {
			return nil, err
		}
		return db, what(db)
	}
}

// prepareThree leaves rows 1 and 2 in the database and row 3 in the WAL.
func prepareThree(t *testing.T, path string, o sqlite.Options) {
	ctx := context.Background()
	db, err := doing(o, schema, func(db *sqlite.DB) error {
		if err := db.Transact(ctx, insert(1, 2)); err != nil {
			return err
		}
		if err := db.Checkpoint(ctx, true); err != nil {
			return err
		}
		return errors.Join(db.Transact(ctx, insert(3)), db.Sync())
	})(path)
	if err != nil {
		t.Fatal(err)
	}
	db.Close()
}

// scenarios are the same for a handle that others may join and for one that is
// alone with its file and keeps the index of the WAL in its memory.
func scenarios(alone bool) []scenario {
	o := faultOptions()
	o.Exclusive = alone
	ctx := context.Background()
	three := func(t *testing.T, path string) { prepareThree(t, path, o) }
	large := o
	large.PageSize = 8192
	three8k := func(t *testing.T, path string) { prepareThree(t, path, large) }
	full := o
	full.Durability = sqlite.Full
	small := full
	small.CacheKiB = 16
	nothing := func(*sqlite.DB) error { return nil }
	return []scenario{
		{name: "create", act: doing(o, schema, nothing)},
		{name: "create and commit", new: "1,2", act: doing(o, schema, func(db *sqlite.DB) error {
			return db.Transact(ctx, insert(1, 2))
		})},
		{name: "create and commit full", new: "1,2", durable: true, act: doing(full, schema, func(db *sqlite.DB) error {
			return db.Transact(ctx, insert(1, 2))
		})},
		{name: "commit", prepare: three, old: "1,2,3", new: "1,2,3,4,5", act: doing(o, schema, func(db *sqlite.DB) error {
			return db.Transact(ctx, insert(4, 5))
		})},
		{name: "commit and sync", prepare: three, old: "1,2,3", new: "1,2,3,4,5", durable: true, act: doing(o, schema, func(db *sqlite.DB) error {
			if err := db.Transact(ctx, insert(4, 5)); err != nil {
				return err
			}
			return db.Sync()
		})},
		{name: "commit full", prepare: three, old: "1,2,3", new: "1,2,3,4,5", durable: true, act: doing(full, schema, func(db *sqlite.DB) error {
			return db.Transact(ctx, insert(4, 5))
		})},
		{name: "transact full", prepare: three, old: "1,2,3", new: "1,3,4", durable: true, act: doing(o, schema, func(db *sqlite.DB) error {
			return db.TransactFull(ctx, func(tx *sqlite.Tx) error {
				if _, err := tx.Exec(`DELETE FROM item WHERE id = 2`); err != nil {
					return err
				}
				return insert(4)(tx)
			})
		})},
		{name: "commit more than the cache holds", prepare: three, old: "1,2,3", new: "1,2,3,y4…y13", durable: true, act: doing(small, schema, func(db *sqlite.DB) error {
			return db.Transact(ctx, func(tx *sqlite.Tx) error {
				for _, name := range []string{"x", "y"} { // pages come back that are in the WAL already
					for id := 4; id < 14; id++ {
						if _, err := tx.Exec(`INSERT INTO item(id, name, body) VALUES (?1, ?2 || ?1, ?3)
							ON CONFLICT (id) DO UPDATE SET name = excluded.name`, id, name, big); err != nil {
							return err
						}
					}
				}
				return nil
			})
		})},
		{name: "checkpoint", prepare: three, old: "1,2,3", new: "1,2,3", durable: true, act: doing(o, schema, func(db *sqlite.DB) error {
			return db.Checkpoint(ctx, false)
		})},
		{name: "checkpoint, truncate, commit", prepare: three, old: "1,2,3", new: "1,2,3,4", act: doing(o, schema, func(db *sqlite.DB) error {
			if err := db.Checkpoint(ctx, true); err != nil {
				return err
			}
			return db.Transact(ctx, insert(4))
		})},
		{name: "migrate", prepare: three, old: "1,2,3", new: "1k1,2k2,3k3", durable: true, act: doing(o, newer(), nothing)},
		{name: "close with a long WAL", prepare: three8k, old: "1,2,3", new: "1,2,3,4…43", act: doing(o, schema, func(db *sqlite.DB) error {
			ids := make([]int, 40)
			for i := range ids {
				ids[i] = 4 + i
			}
			err := db.Transact(ctx, insert(ids...))
			return errors.Join(err, db.Close())
		})},
	}
}

// look opens the file as the next process does, checks it, and returns its
// rows.
func look(t *testing.T, name, path string) string {
	t.Helper()
	db, err := sqlite.Open(context.Background(), path, schema, faultOptions())
	if errors.Is(err, sqlite.ErrNewer) {
		db, err = sqlite.Open(context.Background(), path, newer(), faultOptions())
	}
	if err != nil {
		t.Fatalf("%s: the file does not open: %v", name, err)
	}
	defer db.Close()
	return rows(t, db)
}

func rows(t *testing.T, db *sqlite.DB) string {
	t.Helper()
	var got []string
	err := db.Read(context.Background(), func(r *sqlite.Reader) error {
		if err := r.Each(`PRAGMA integrity_check`, func(row *sqlite.Row) error {
			if text := row.Text(0); text != "ok" {
				t.Errorf("integrity: %s", text)
			}
			return nil
		}); err != nil {
			return err
		}
		return r.Each(`SELECT * FROM item ORDER BY id`, func(row *sqlite.Row) error {
			if n := len(row.RawBlob(2)); n != len(big) {
				t.Errorf("row %d has %d bytes", row.Int64(0), n)
			}
			got = append(got, row.Text(1)+row.Text(3)) // a column that is not there reads as ""
			return nil
		})
	})
	if err != nil {
		t.Fatal(err)
	}
	if len(got) > 10 {
		got = []string{got[0], got[1], got[2], got[3] + "…" + got[len(got)-1]}
	}
	return strings.Join(got, ",")
}

// memoryDir is a folder in memory where the machine has one: the faults are
// ours, so the speed of the disk is of no use.
func memoryDir(t testing.TB) string {
	dir, err := os.MkdirTemp("/dev/shm", "sqlite-test-")
	if err != nil {
		return t.TempDir()
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	return dir
}

// stage gives a scenario a fresh copy of its file.
type stage struct {
	fs   *faultvfs.FS
	dir  string
	made map[string][]byte
	n    int
}

func newStage(t *testing.T, sc scenario) *stage {
	s := &stage{fs: faultvfs.New(faulty), dir: memoryDir(t), made: map[string][]byte{}}
	if sc.prepare != nil {
		path := filepath.Join(s.dir, "prepared")
		sc.prepare(t, path)
		for _, suffix := range []string{"", "-wal"} {
			content, err := os.ReadFile(path + suffix)
			if err != nil {
				t.Fatal(err)
			}
			s.made[suffix] = content
		}
	}
	return s
}

func (s *stage) fresh(t *testing.T) string {
	s.n++
	path := filepath.Join(s.dir, fmt.Sprint(s.n))
	for suffix, content := range s.made {
		if err := os.WriteFile(path+suffix, content, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return path
}

// act runs the scenario; a crash inside comes back as an error.
func (s *stage) act(sc scenario, path string) (db *sqlite.DB, err error) {
	defer func() {
		if r := recover(); r != nil {
			if e, ok := r.(error); !ok || !errors.Is(e, faultvfs.Crashed) {
				panic(r)
			}
			err = faultvfs.Crashed
		}
	}()
	return sc.act(path)
}

func (s *stage) end(db *sqlite.DB) {
	s.fs.Kill()
	if db != nil {
		db.Close()
	}
}

// steps counts what the scenario does to the disk.
func (s *stage) steps(t *testing.T, sc scenario) int {
	path := s.fresh(t)
	s.fs.Count(0)
	db, err := s.act(sc, path)
	if err != nil {
		t.Fatalf("without a fault: %v", err)
	}
	n := s.fs.Counted()
	s.end(db)
	s.fs.Clear()
	if got := look(t, "without a fault", path); got != sc.new {
		t.Fatalf("without a fault: %s, want %s", got, sc.new)
	}
	return n
}

var faults = []struct {
	name  string
	fault faultvfs.Fault
}{
	{"EIO", faultvfs.Fault{Action: faultvfs.EIO}},
	{"done but EIO", faultvfs.Fault{Action: faultvfs.EIO, Done: true}},
	{"EIO from here on", faultvfs.Fault{Action: faultvfs.EIO, Sticky: true}},
	{"disk full", faultvfs.Fault{Action: faultvfs.ENOSPC}},
	{"disk full from here on", faultvfs.Fault{Action: faultvfs.ENOSPC, Sticky: true}},
	{"quota", faultvfs.Fault{Action: faultvfs.EDQUOT, Sticky: true}},
	{"short write", faultvfs.Fault{Action: faultvfs.Short}},
	{"crash before", faultvfs.Fault{Action: faultvfs.Crash}},
	{"crash after", faultvfs.Fault{Action: faultvfs.Crash, Done: true}},
}

func bothWays() []scenario {
	alone := scenarios(true)
	for i := range alone {
		alone[i].name = "alone, " + alone[i].name
	}
	return append(scenarios(false), alone...)
}

func TestEveryStepMayFail(t *testing.T) {
	for _, sc := range bothWays() {
		t.Run(sc.name, func(t *testing.T) {
			s := newStage(t, sc)
			steps := s.steps(t, sc)
			t.Logf("%d steps × %d faults", steps, len(faults))
			if steps < 2 {
				t.Fatal("the scenario does nothing")
			}
			for i, f := range faults {
				for n := 1; n <= steps; n++ {
					if skip(i, n) {
						continue
					}
					f.fault.At = n
					s.check(t, sc, fmt.Sprintf("%s at step %d", f.name, n), f.fault)
				}
			}
		})
	}
}

var everything = flag.Bool("everything", false, "try every fault at every step, not each step with a part of them")

// skip leaves out four of five combinations, differently for every step.
func skip(way, step int) bool { return !*everything && (way+step)%5 != 0 }

func (s *stage) check(t *testing.T, sc scenario, name string, fault faultvfs.Fault) {
	t.Helper()
	path := s.fresh(t)
	s.fs.Set(fault)
	db, err := s.act(sc, path)
	step := s.fs.Fired()
	if step == 0 {
		t.Errorf("%s: never happened", name)
	}
	crash := fault.Action == faultvfs.Crash
	if err != nil && !crash {
		s.classified(t, name, fault, step, err)
	}
	// The handle that met the fault goes on, or says that it cannot.
	again := ""
	if db != nil && err != nil && !crash {
		s.fs.Clear()
		again = s.goOn(t, name, db, err)
	}
	s.end(db)
	s.fs.Clear()
	if sc.prepare == nil {
		if _, serr := os.Stat(path); os.IsNotExist(serr) {
			if err == nil {
				t.Errorf("%s: reported done, and there is no file", name)
			}
			return
		}
	}
	got := strings.TrimSuffix(strings.TrimSuffix(look(t, name, path), again), ",")
	switch {
	case errors.Is(err, sqlite.ErrFull) && !errors.Is(err, sqlite.ErrSync) && got != sc.old:
		t.Errorf("%s: %v, and yet there is %q", name, err, got)
	case got == sc.new, got == sc.old && err != nil:
	default:
		t.Errorf("%s: afterwards %q, err %v; want %q or %q", name, got, err, sc.new, sc.old)
	}
}

// classified: a full disk is never taken for a broken one, nor the other way
// round, and the errno is kept.
func (s *stage) classified(t *testing.T, name string, fault faultvfs.Fault, step faultvfs.Op, err error) {
	t.Helper()
	errno, ok := sqlite.Errno(err)
	if !ok && step != faultvfs.Delete { // SQLite deletes without saying for which connection
		t.Errorf("%s: no errno in %v", name, err)
	}
	switch fault.Action {
	case faultvfs.ENOSPC, faultvfs.EDQUOT:
		if !errors.Is(err, sqlite.ErrFull) || errors.Is(err, sqlite.ErrIO) {
			t.Errorf("%s: %v is not ErrFull", name, err)
		}
	default:
		if !errors.Is(err, sqlite.ErrIO) || errors.Is(err, sqlite.ErrFull) {
			t.Errorf("%s: %v (errno %v) is not ErrIO", name, err, errno)
		}
	}
}

// goOn commits once more on the handle that met a fault, and returns what that
// added to the content.
func (s *stage) goOn(t *testing.T, name string, db *sqlite.DB, before error) (added string) {
	t.Helper()
	err := db.Transact(context.Background(), insert(99))
	if errors.Is(before, sqlite.ErrSync) && !errors.Is(err, sqlite.ErrSync) && !errors.Is(err, sqlite.ErrClosed) {
		t.Errorf("%s: writes after a failed fsync: %v", name, err)
	}
	switch {
	case err == nil:
		return "99"
	case errors.Is(err, sqlite.ErrSync), errors.Is(err, sqlite.ErrClosed):
	default:
		t.Errorf("%s: the next transaction: %v", name, err)
	}
	return ""
}

// powerCuts are ways in which unsynced changes may or may not arrive.
var powerCuts = []struct {
	name  string
	keep  func(n int) faultvfs.Keep
	names bool
}{
	{"nothing unsynced arrives", func(int) faultvfs.Keep { return faultvfs.KeepNothing }, false},
	{"contents but no names", func(int) faultvfs.Keep { return faultvfs.KeepAll }, false},
	{"names but no contents", func(int) faultvfs.Keep { return faultvfs.KeepNothing }, true},
	{"every second change", func(n int) faultvfs.Keep {
		return func(_ string, i, size int) int { return size * ((i + n) % 2) }
	}, true},
	{"torn anywhere", func(n int) faultvfs.Keep {
		rnd := rand.New(rand.NewPCG(uint64(n), 1))
		return func(_ string, _, size int) int { return rnd.IntN(size + 1) }
	}, true},
	{"the database before the WAL", func(int) faultvfs.Keep {
		return func(path string, _, size int) int {
			if strings.HasSuffix(path, "-wal") {
				return 0
			}
			return size
		}
	}, true},
}

func TestEveryStepMayBeTheLastBeforeAPowerCut(t *testing.T) {
	for _, sc := range bothWays() {
		t.Run(sc.name, func(t *testing.T) {
			s := newStage(t, sc)
			steps := s.steps(t, sc)
			for i, cut := range powerCuts {
				for n := 1; n <= steps+1; n++ { // after the last step: all done, then the cut
					if skip(i, n) && n <= steps {
						continue
					}
					name := fmt.Sprintf("%s, cut at step %d", cut.name, n)
					path := s.fresh(t)
					s.fs.Set(faultvfs.Fault{At: n, Action: faultvfs.Crash})
					db, err := s.act(sc, path)
					s.end(db)
					if cerr := s.fs.PowerCut(cut.keep(n), cut.names); cerr != nil {
						t.Fatal(cerr)
					}
					s.fs.Clear()
					got := look(t, name, path)
					if got != sc.new && (got != sc.old || err == nil && sc.durable) {
						t.Errorf("%s: afterwards %q, err %v; want %q or %q", name, got, err, sc.new, sc.old)
					}
				}
			}
		})
	}
}
