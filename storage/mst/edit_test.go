package mst_test

import (
	"errors"
	"maps"
	"slices"
	"testing"

	"github.com/ipfs/go-cid"

	"troupe/storage/car"
	"troupe/storage/dag"
	"troupe/storage/mst"
)

func TestEditRefusals(t *testing.T) {
	tree, _ := build(t, pool()...)
	here, absent, v := pool()[0], "com.example.a/absent", record(-1)
	raw := dag.SumRaw([]byte("blob"))
	e := tree.Edit()
	for _, tt := range []struct {
		name string
		err  error
		want error
	}{
		{"create a key that exists", e.Create(here, v), mst.ErrKeyExists},
		{"create no path", e.Create("here", v), mst.ErrKey},
		{"create with a blob", e.Create(absent, raw), mst.ErrInvalid},
		{"create with nothing", e.Create(absent, cid.Undef), mst.ErrInvalid},
		{"update an absent key", third(e.Update(absent, v)), mst.ErrKeyAbsent},
		{"update no path", third(e.Update("absent", v)), mst.ErrKeyAbsent},
		{"update to a blob", third(e.Update(here, raw)), mst.ErrInvalid},
		{"delete an absent key", third(e.Delete(absent)), mst.ErrKeyAbsent},
		{"delete no path", third(e.Delete("")), mst.ErrKeyAbsent},
	} {
		if !errors.Is(tt.err, tt.want) {
			t.Errorf("%s: %v, want %v", tt.name, tt.err, tt.want)
		}
	}
	// None of that did anything or ended the edit.
	must(t, e.Create(absent, v))
	if _, err := e.Delete(absent); err != nil {
		t.Fatal(err)
	}
	same, changes, err := e.Finish()
	must(t, err)
	if same != tree || changes.Root != tree.Root() || len(changes.New) > 0 || len(changes.Removed) > 0 {
		t.Errorf("nothing changed, and yet: %+v", changes)
	}
	for name, err := range map[string]error{
		"create": e.Create(absent, v),
		"update": third(e.Update(here, v)),
		"delete": third(e.Delete(here)),
		"get":    second(e.Get(here)),
	} {
		if err == nil {
			t.Errorf("%s after Finish", name)
		}
	}
	if _, _, err := e.Finish(); err == nil {
		t.Error("Finish after Finish")
	}
}

func third(_ cid.Cid, err error) error { return err }

// TestUndoneInTheSameEdit: a batch that takes everything apart and puts it
// together again has made the very nodes it took out.
func TestUndoneInTheSameEdit(t *testing.T) {
	tree, _ := build(t, pool()...)
	for _, undo := range []func(e *mst.Edit, i int, k string) error{
		func(e *mst.Edit, i int, k string) error {
			if _, err := e.Delete(k); err != nil {
				return err
			}
			return e.Create(k, record(i))
		},
		func(e *mst.Edit, i int, k string) error {
			if _, err := e.Update(k, record(-1)); err != nil {
				return err
			}
			return third(e.Update(k, record(i)))
		},
		func(e *mst.Edit, i int, k string) error { return third(e.Update(k, record(i))) },
	} {
		e := tree.Edit()
		for i, k := range pool() {
			must(t, undo(e, i, k))
		}
		same, changes, err := e.Finish()
		must(t, err)
		if same != tree || len(changes.New) > 0 || len(changes.Removed) > 0 {
			t.Errorf("new %v, removed %v", changes.New, changes.Removed)
		}
	}
	// All out, then all in, is the same.
	e := tree.Edit()
	for _, k := range pool() {
		_, err := e.Delete(k)
		must(t, err)
	}
	for i, k := range pool() {
		must(t, e.Create(k, record(i)))
	}
	if _, changes, err := e.Finish(); err != nil || len(changes.New)+len(changes.Removed) > 0 {
		t.Errorf("new %v, removed %v, %v", changes.New, changes.Removed, err)
	}
}

// TestTreesAreImmutable edits one tree in many ways and each of the results
// again, with all of them sharing nodes.
func TestTreesAreImmutable(t *testing.T) {
	keys := pool()
	base, _ := build(t, keys[:40]...)
	type version struct {
		tree    *mst.Tree
		content map[string]cid.Cid
	}
	versions := []version{{base, content(t, base)}}
	for i := range 120 {
		from := versions[i*7%len(versions)]
		k := keys[i*13%len(keys)]
		next := maps.Clone(from.content)
		e := from.tree.Edit()
		if _, ok := next[k]; ok {
			_, err := e.Delete(k)
			must(t, err)
			delete(next, k)
		} else {
			must(t, e.Create(k, record(i)))
			next[k] = record(i)
		}
		if i%5 == 0 { // an edit that is dropped
			continue
		}
		versions = append(versions, version{finish(t, e), next})
	}
	for i, v := range versions {
		if got := content(t, v.tree); !maps.Equal(got, v.content) {
			t.Fatalf("version %d has changed", i)
		}
		want, all := oracle(t, v.content)
		if v.tree.Root() != want {
			t.Fatalf("version %d: root %s, want %s", i, v.tree.Root(), want)
		}
		sameNodes(t, "version", nodes(t, v.tree), all)
	}
}

// TestNewComesInPreorder: subscribers read an event's blocks as they come.
func TestNewComesInPreorder(t *testing.T) {
	tree, _ := build(t, pool()[:30]...)
	e := tree.Edit()
	for i, k := range pool()[30:] {
		must(t, e.Create(k, record(i)))
	}
	next, changes, err := e.Finish()
	must(t, err)
	var want, got []cid.Cid
	old := nodes(t, tree)
	must(t, next.Preorder(func(s mst.Step) error {
		if s.Node != nil && old[s.Node.CID] == nil {
			want = append(want, s.Node.CID)
		}
		return nil
	}))
	for _, b := range changes.New {
		got = append(got, b.CID)
		if dag.Sum(b.Data) != b.CID {
			t.Errorf("block %s has another hash", b.CID)
		}
	}
	if !slices.Equal(got, want) {
		t.Errorf("%v, want %v", got, want)
	}
}

// TestBlocksDoNotOverlap: they share an array, and appending to one must not
// reach the next.
func TestBlocksDoNotOverlap(t *testing.T) {
	tree, _ := build(t, pool()...)
	bs, err := tree.Proof(pool()...)
	must(t, err)
	for _, b := range bs {
		_ = append(b.Data, make([]byte, 100)...)
	}
	for _, b := range bs {
		if dag.Sum(b.Data) != b.CID {
			t.Fatalf("block %s was overwritten", b.CID)
		}
	}
}

// TestMissingNodes takes each node of a tree away in turn. Whoever needs it says
// so, an edit that failed stays failed, and trees are none the worse.
func TestMissingNodes(t *testing.T) {
	full, store := build(t, pool()...)
	for c := range store.m {
		less := newBlocks()
		maps.Copy(less.m, store.m)
		delete(less.m, c)
		broken := mst.Load(full.Root(), less)
		failed := 0
		for i, k := range pool() {
			needs := slices.ContainsFunc(path(t, full, k), func(b car.Block) bool { return b.CID == c })
			if err := second(broken.Get(k)); errors.Is(err, mst.ErrMissing) != needs {
				t.Fatalf("Get without a node of the path %v: %v", needs, err)
			}
			e := broken.Edit()
			_, err := e.Delete(k)
			if err == nil {
				continue
			}
			if failed++; !errors.Is(err, mst.ErrMissing) {
				t.Fatalf("Delete: %v", err)
			}
			if err := second(e.Get(k)); !errors.Is(err, mst.ErrMissing) {
				t.Fatalf("Get in a failed edit: %v", err)
			}
			if err := third(e.Update(k, record(i))); !errors.Is(err, mst.ErrMissing) {
				t.Fatalf("Update in a failed edit: %v", err)
			}
			if err := e.Create("com.example.a/x", record(i)); !errors.Is(err, mst.ErrMissing) {
				t.Fatalf("Create in a failed edit: %v", err)
			}
			if _, _, err := e.Finish(); !errors.Is(err, mst.ErrMissing) {
				t.Fatalf("Finish of a failed edit: %v", err)
			}
		}
		// Reading through an edit breaks nothing, so it does not end one.
		e := broken.Edit()
		for _, k := range pool() {
			if err := second(e.Get(k)); err != nil && !errors.Is(err, mst.ErrMissing) {
				t.Fatalf("Get in an edit: %v", err)
			}
		}
		same, _, err := e.Finish()
		must(t, err)
		if same != broken {
			t.Error("reading changed the tree")
		}
		// A key between any two, of every height, and an update of each.
		for i, k := range pool() {
			for _, err := range []error{
				broken.Edit().Create(k+"0", record(i)),
				third(broken.Edit().Update(k, record(-1))),
				third(broken.Edit().Update(k+"0", record(-1))),
			} {
				if err != nil && !errors.Is(err, mst.ErrMissing) && !errors.Is(err, mst.ErrKeyAbsent) {
					t.Fatal(err)
				}
			}
		}
		if failed == 0 {
			t.Errorf("nobody misses %s", c)
		}
		if err := broken.Walk("", func(string, cid.Cid) error { return nil }); !errors.Is(err, mst.ErrMissing) {
			t.Errorf("Walk: %v", err)
		}
		if _, err := mst.Diff(broken, mst.Empty()); !errors.Is(err, mst.ErrMissing) {
			t.Errorf("Diff: %v", err)
		}
		if _, err := broken.Proof(pool()...); !errors.Is(err, mst.ErrMissing) {
			t.Errorf("Proof: %v", err)
		}
		must(t, second(broken.Over(store).Get(pool()[0])))
		if got := content(t, broken.Over(store)); len(got) != len(pool()) {
			t.Errorf("with the node back: %d keys", len(got))
		}
	}
}

// TestSourceErrorsPass: an error of the disk is not one of the tree.
func TestSourceErrorsPass(t *testing.T) {
	tree, _ := build(t, pool()...)
	broken := errors.New("disk on fire")
	lost := tree.Forget().Over(failing{broken})
	for name, err := range map[string]error{
		"get":    second(lost.Get("a/b")),
		"create": lost.Edit().Create("a/b", record(1)),
		"walk":   lost.Walk("", nil),
		"path":   func() error { _, err := lost.Path("a/b"); return err }(),
		"diff":   func() error { _, err := mst.Diff(mst.Empty(), lost); return err }(),
	} {
		if !errors.Is(err, broken) || errors.Is(err, mst.ErrInvalid) || errors.Is(err, mst.ErrMissing) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

type failing struct{ err error }

func (f failing) Node(cid.Cid) ([]byte, error) { return nil, f.err }
