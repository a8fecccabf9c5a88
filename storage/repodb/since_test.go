package repodb_test

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/bluesky-social/indigo/atproto/syntax"
	"github.com/ipfs/go-cid"

	"troupe/storage/car"
	"troupe/storage/dag"
	"troupe/storage/mst"
	"troupe/storage/repodb"
)

func export(t *testing.T, db *repodb.DB, since syntax.TID) (order []cid.Cid, set map[cid.Cid]bool) {
	t.Helper()
	var out bytes.Buffer
	err := db.Read(t.Context(), func(r *repodb.Reader) error {
		if since == "" {
			return r.Export(t.Context(), &out)
		}
		return r.ExportSince(t.Context(), &out, since)
	})
	if err != nil {
		t.Fatal(err)
	}
	_, blocks, err := car.ReadAll(out.Bytes())
	if err != nil {
		t.Fatal(err)
	}
	set = map[cid.Cid]bool{}
	for _, b := range blocks {
		order, set[b.CID] = append(order, b.CID), true
	}
	return order, set
}

// The difference to any earlier moment is what the repository holds now and did
// not hold all the time since, in the order of the whole export.
func TestExportSince(t *testing.T) {
	db, err := repodb.Open(t.Context(), t.TempDir(), owner, repodb.Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	random := rand.New(rand.NewPCG(3, 5))
	tree, live := mst.Empty(), map[string]bool{}
	var held []map[cid.Cid]bool // by rev
	for rev := range 60 {
		c := repodb.Change{Seq: int64(rev + 1), Rev: syntax.NewTID(int64(rev+1), 0)}
		edit := tree.Edit()
		for range 1 + random.IntN(6) {
			body := dag.AppendInt(dag.AppendText(dag.AppendMap(nil, 1), "n"), random.Int64())
			r := repodb.RecordChange{
				Collection: syntax.NSID(fmt.Sprintf("com.example.kind%d", random.IntN(3))),
				RKey:       syntax.RecordKey(fmt.Sprintf("k%02d", random.IntN(80))), CID: dag.Sum(body), Bytes: body,
			}
			r.Created = !live[r.Path()]
			switch path := r.Path(); {
			case !live[path]:
				err = edit.Create(path, r.CID)
				live[path] = true
			case random.IntN(2) == 0:
				_, err = edit.Update(path, r.CID)
			default:
				_, err = edit.Delete(path)
				r.CID, r.Bytes = cid.Undef, nil
				delete(live, path)
			}
			if err != nil {
				t.Fatal(err)
			}
			c.Records = append(c.Records, r)
		}
		next, changed, err := edit.Finish()
		if err != nil {
			t.Fatal(err)
		}
		tree = next
		commit := fmt.Append(nil, "commit ", rev)
		c.Nodes, c.Gone, c.Data, c.Commit = changed.New, changed.Removed, changed.Root, car.Block{CID: dag.Sum(commit), Data: commit}
		if err := db.Transact(t.Context(), func(tx *repodb.Tx) error { return tx.Apply(owner, repodb.Merge([]repodb.Change{c})) }); err != nil {
			t.Fatal(err)
		}
		_, set := export(t, db, "")
		held = append(held, set)
	}
	all, _ := export(t, db, "")
	for i := range held {
		var want []cid.Cid
		for _, c := range all {
			if slices.ContainsFunc(held[i:], func(then map[cid.Cid]bool) bool { return !then[c] }) {
				want = append(want, c)
			}
		}
		got, _ := export(t, db, syntax.NewTID(int64(i+1), 0))
		if fmt.Sprint(got) != fmt.Sprint(want) {
			t.Errorf("since rev %d: %d blocks, want %d", i+1, len(got), len(want))
		}
	}
}
