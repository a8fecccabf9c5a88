package repodb_test

import (
	"fmt"
	"maps"
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

// history writes commits one after the other and remembers the rev of every record.
type history struct {
	t    *testing.T
	db   *repodb.DB
	tree *mst.Tree
	seq  int64
	revs map[string]syntax.TID // of the records that are there, by path
}

func newHistory(t *testing.T) *history {
	t.Helper()
	db, err := repodb.Open(t.Context(), t.TempDir(), owner, repodb.Options{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { db.Close() })
	return &history{t: t, db: db, tree: mst.Empty(), revs: map[string]syntax.TID{}}
}

// commit writes each path anew, or with "-" before it deletes it.
func (h *history) commit(paths ...string) syntax.TID {
	h.t.Helper()
	h.seq++
	rev := syntax.NewTID(h.seq, 0)
	c := repodb.Change{Seq: h.seq, Rev: rev, Time: rev.Time()}
	edit := h.tree.Edit()
	for _, path := range paths {
		gone := path[0] == '-'
		if gone {
			path = path[1:]
		}
		uri := syntax.ATURI("at://" + owner.String() + "/" + path)
		body := dag.AppendInt(dag.AppendText(dag.AppendMap(nil, 1), "n"), h.seq)
		r := repodb.RecordChange{Collection: uri.Collection(), RKey: uri.RecordKey(), CID: dag.Sum(body), Bytes: body}
		var err error
		switch _, there := h.revs[path]; {
		case gone:
			_, err = edit.Delete(path)
			r.CID, r.Bytes = cid.Undef, nil
			delete(h.revs, path)
		case there:
			_, err = edit.Update(path, r.CID)
			h.revs[path] = rev
		default:
			err = edit.Create(path, r.CID)
			r.Created = true
			h.revs[path] = rev
		}
		if err != nil {
			h.t.Fatal(err)
		}
		c.Records = append(c.Records, r)
	}
	next, changed, err := edit.Finish()
	if err != nil {
		h.t.Fatal(err)
	}
	h.tree = next
	commit := fmt.Append(nil, "commit ", h.seq)
	c.Nodes, c.Gone, c.Data, c.Commit = changed.New, changed.Removed, changed.Root, car.Block{CID: dag.Sum(commit), Data: commit}
	if err := h.db.Transact(h.t.Context(), func(tx *repodb.Tx) error { return tx.Apply(owner, repodb.Merge([]repodb.Change{c})) }); err != nil {
		h.t.Fatal(err)
	}
	return rev
}

func (h *history) recent(collection syntax.NSID, since syntax.TID, limit int) (paths []string, older bool) {
	h.t.Helper()
	err := h.db.Read(h.t.Context(), func(r *repodb.Reader) error {
		found, err := r.Recent(collection, since, limit)
		if err != nil {
			return err
		}
		for _, rec := range found {
			path := string(rec.Collection) + "/" + string(rec.RKey)
			if h.revs[path] != rec.Rev || !rec.IndexedAt.Equal(rec.Rev.Time()) || len(rec.Bytes) == 0 {
				h.t.Errorf("%s is told with rev %s of %v", path, rec.Rev, rec.IndexedAt)
			}
			paths = append(paths, path)
		}
		older, err = r.AnyUntil(since)
		return err
	})
	if err != nil {
		h.t.Fatal(err)
	}
	return paths, older
}

// What is recent is what the revs say, whatever the order of the keys.
func TestRecent(t *testing.T) {
	h := newHistory(t)
	random := rand.New(rand.NewPCG(1, 2))
	collections := []string{"com.example.a", "com.example.post", "com.example.post2", "com.example.postal.x", "com.example.z"}
	for range 120 {
		var paths []string
		for range 1 + random.IntN(4) {
			path := fmt.Sprintf("%s/k%02d", collections[random.IntN(len(collections))], random.IntN(60))
			if _, there := h.revs[path]; there && random.IntN(4) == 0 {
				path = "-" + path
			}
			if !slices.ContainsFunc(paths, func(p string) bool { return p == path || p == path[1:] || p[1:] == path }) {
				paths = append(paths, path)
			}
		}
		h.commit(paths...)
	}
	for i := int64(0); i <= h.seq; i++ {
		since := syntax.NewTID(i, 0)
		var want []string
		older := false
		for _, path := range slices.Sorted(maps.Keys(h.revs)) {
			older = older || h.revs[path] <= since
			if uri := syntax.ATURI("at://" + owner.String() + "/" + path); uri.Collection() == "com.example.post" && h.revs[path] > since {
				want = append(want, path)
			}
		}
		slices.SortStableFunc(want, func(a, b string) int { return int(h.revs[a].Integer()) - int(h.revs[b].Integer()) })
		for _, limit := range []int{1, 10, 1000} {
			got, any := h.recent("com.example.post", since, limit)
			if want := want[max(0, len(want)-limit):]; fmt.Sprint(got) != fmt.Sprint(want) || any != older {
				t.Fatalf("since %d: %v and older %v, want %v and %v", i, got, any, want, older)
			}
		}
	}
}

// A search that meets very much gives up with what it has: the newest keys.
func TestRecentIsBounded(t *testing.T) {
	h := newHistory(t)
	before := h.commit("com.example.post/a")
	var paths []string
	for i := range 5000 {
		paths = append(paths, fmt.Sprintf("com.example.post/k%04d", i))
	}
	h.commit(paths...)
	got, _ := h.recent("com.example.post", before, 10)
	if len(got) != 10 || got[9] != "com.example.post/k4999" || got[0] != "com.example.post/k4990" {
		t.Errorf("%v", got)
	}
	if _, older := h.recent("com.example.post", "2222222222222", 10); older {
		t.Error("something is older than everything")
	}
}

func TestRecentOfNothing(t *testing.T) {
	h := newHistory(t)
	if got, older := h.recent("com.example.post", "2222222222222", 10); got != nil || older {
		t.Errorf("an empty file: %v %v", got, older)
	}
	rev := h.commit("com.example.a/k")
	for _, since := range []syntax.TID{"2222222222222", rev, syntax.NewTID(99, 0)} {
		if got, older := h.recent("com.example.post", since, 10); got != nil || older != (since >= rev) {
			t.Errorf("since %s: %v %v", since, got, older)
		}
	}
}
