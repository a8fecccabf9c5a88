package repodb_test

import (
	"fmt"
	"os"
	"path/filepath"
	"syscall"
	"testing"

	"github.com/bluesky-social/indigo/atproto/syntax"

	"troupe/storage/car"
	"troupe/storage/dag"
	"troupe/storage/mst"
	"troupe/storage/repodb"
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

// sleeper is an account of a few records whose file is closed.
type sleeper struct {
	dir  string
	tree *mst.Tree
	rev  int64
}

// change is one commit of one post.
func (s *sleeper) change(b *testing.B) repodb.Change {
	s.rev++
	body := dag.AppendText(dag.AppendText(dag.AppendMap(nil, 1), "text"), fmt.Sprintf("post %d, which is about as long as what people say in a post on any ordinary day", s.rev))
	r := repodb.RecordChange{Collection: "app.bsky.feed.post", RKey: syntax.RecordKey(syntax.NewTID(s.rev, 0)), CID: dag.Sum(body), Created: true, Bytes: body}
	edit := s.tree.Edit()
	if err := edit.Create(r.Path(), r.CID); err != nil {
		b.Fatal(err)
	}
	tree, changed, err := edit.Finish()
	if err != nil {
		b.Fatal(err)
	}
	s.tree = tree
	commit := fmt.Appendf(nil, "%-250d", s.rev)
	return repodb.Change{
		Seq: s.rev, Rev: syntax.NewTID(s.rev, 0), Data: changed.Root, Commit: car.Block{CID: dag.Sum(commit), Data: commit},
		Nodes: changed.New, Gone: changed.Removed, Records: []repodb.RecordChange{r},
	}
}

func (s *sleeper) open(b *testing.B) *repodb.DB {
	db, err := repodb.Open(b.Context(), s.dir, owner, repodb.Options{})
	if err != nil {
		b.Fatal(err)
	}
	return db
}

func (s *sleeper) write(b *testing.B, db *repodb.DB) {
	c := s.change(b)
	if err := db.Transact(b.Context(), func(tx *repodb.Tx) error { return tx.Apply(owner, repodb.Merge([]repodb.Change{c})) }); err != nil {
		b.Fatal(err)
	}
}

func (s *sleeper) read(b *testing.B, db *repodb.DB) {
	err := db.Read(b.Context(), func(r *repodb.Reader) error { _, _, err := r.Root(); return err })
	if err != nil {
		b.Fatal(err)
	}
}

func sleepers(b *testing.B, n, records int) []*sleeper {
	all := make([]*sleeper, n)
	for i := range all {
		all[i] = &sleeper{dir: filepath.Join(b.TempDir(), fmt.Sprint(i)), tree: mst.Empty()}
		if err := os.Mkdir(all[i].dir, 0o700); err != nil {
			b.Fatal(err)
		}
		db := all[i].open(b)
		for range records {
			all[i].write(b, db)
		}
		db.Close()
	}
	return all
}

// BenchmarkReopen brings accounts back that are asleep, one after the other.
func BenchmarkReopen(b *testing.B) {
	for _, c := range []struct {
		name string
		use  func(*testing.B, *sleeper, *repodb.DB)
	}{
		{"nothing", func(*testing.B, *sleeper, *repodb.DB) {}},
		{"read", func(b *testing.B, s *sleeper, db *repodb.DB) { s.read(b, db) }},
		{"write", func(b *testing.B, s *sleeper, db *repodb.DB) { s.read(b, db); s.write(b, db) }},
	} {
		b.Run(c.name, func(b *testing.B) {
			all := sleepers(b, 32, 40)
			i := 0
			b.ResetTimer()
			defer reportCPU(b)()
			for b.Loop() {
				s := all[i%len(all)]
				i++
				db := s.open(b)
				c.use(b, s, db)
				if err := db.Close(); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
