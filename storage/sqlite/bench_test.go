package sqlite_test

import (
	"context"
	"fmt"
	"path/filepath"
	"syscall"
	"testing"

	"troupe/storage/sqlite"
)

// reportCPU adds the processor time of an operation, which on a busy machine
// says more than the time on the wall.
func reportCPU(b *testing.B) (done func()) {
	start := cpu()
	return func() { b.ReportMetric(float64(cpu()-start)/1e3/float64(b.N), "cpu-µs/op") }
}

func cpu() (nanos int64) {
	var u syscall.Rusage
	_ = syscall.Getrusage(syscall.RUSAGE_SELF, &u)
	return u.Utime.Nano() + u.Stime.Nano()
}

// A commit of an account: four blocks, a record and the root.
func benchmarkCommit(b *testing.B, o sqlite.Options, full bool) {
	o.PageSize = 8192
	db := open(b, filepath.Join(b.TempDir(), "db"), o)
	ctx, body := context.Background(), make([]byte, 300)
	n := 0
	transact := db.Transact
	if full {
		transact = db.TransactFull
	}
	b.ReportAllocs()
	defer reportCPU(b)()
	for b.Loop() {
		err := transact(ctx, func(tx *sqlite.Tx) error {
			for range 6 {
				n++
				if _, err := tx.Exec(insertItem, n, fmt.Sprintf("app.bsky.feed.post/3l%011d", n), body); err != nil {
					return err
				}
			}
			return nil
		})
		if err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkCommitNormal(b *testing.B) { benchmarkCommit(b, sqlite.Options{}, false) }
func BenchmarkCommitFull(b *testing.B) {
	benchmarkCommit(b, sqlite.Options{Durability: sqlite.Full}, false)
}
func BenchmarkTransactFull(b *testing.B) { benchmarkCommit(b, sqlite.Options{}, true) }
func BenchmarkCommitExclusive(b *testing.B) {
	benchmarkCommit(b, sqlite.Options{Exclusive: true}, false)
}

func BenchmarkPointRead(b *testing.B) {
	db := open(b, filepath.Join(b.TempDir(), "db"), sqlite.Options{PageSize: 8192})
	for i := range 100 {
		put(b, db, i*10, i*10+1, i*10+2, i*10+3)
	}
	ctx := context.Background()
	b.ReportAllocs()
	defer reportCPU(b)()
	i := 0
	for b.Loop() {
		i++
		err := db.Read(ctx, func(r *sqlite.Reader) error {
			_, err := r.One(`SELECT name, body FROM item WHERE id = ?`, func(row *sqlite.Row) error {
				_, _ = row.Text(0), row.RawBlob(1)
				return nil
			}, i%100*10)
			return err
		})
		if err != nil {
			b.Fatal(err)
		}
	}
}

// The same inside one transaction, as a turn with many reads does it.
func BenchmarkPointReadInside(b *testing.B) {
	db := open(b, filepath.Join(b.TempDir(), "db"), sqlite.Options{PageSize: 8192})
	for i := range 100 {
		put(b, db, i*10, i*10+1, i*10+2, i*10+3)
	}
	b.ReportAllocs()
	defer reportCPU(b)()
	i := 0
	_ = db.Read(context.Background(), func(r *sqlite.Reader) error {
		for b.Loop() {
			i++
			if _, err := r.One(`SELECT name, body FROM item WHERE id = ?`, func(row *sqlite.Row) error {
				_, _ = row.Text(0), row.RawBlob(1)
				return nil
			}, i%100*10); err != nil {
				b.Fatal(err)
			}
		}
		return nil
	})
}

func BenchmarkOpenClose(b *testing.B) {
	for _, pages := range []int{1, 14, 400} {
		b.Run(fmt.Sprintf("wal=%dpages", pages), func(b *testing.B) {
			path := filepath.Join(b.TempDir(), "db")
			db := open(b, path, sqlite.Options{PageSize: 8192})
			for i := range pages {
				put(b, db, i)
			}
			db.Close()
			b.ReportAllocs()
			defer reportCPU(b)()
			for b.Loop() {
				db := open(b, path, sqlite.Options{PageSize: 8192})
				db.Close()
			}
		})
	}
}

func BenchmarkCreate(b *testing.B) {
	dir := b.TempDir()
	n := 0
	defer reportCPU(b)()
	for b.Loop() {
		n++
		db := open(b, filepath.Join(dir, fmt.Sprint(n)), sqlite.Options{PageSize: 8192})
		db.Close()
	}
}
