package mst_test

import (
	"maps"
	"slices"
	"testing"

	"github.com/bluesky-social/indigo/atproto/repo"
	indigo "github.com/bluesky-social/indigo/atproto/repo/mst"
	"github.com/ipfs/go-cid"
	"pgregory.net/rapid"

	"troupe/storage/mst"
)

// TestHistories takes a repository through random batches of operations and
// compares everything a commit needs with what can be found out another way:
// roots with indigo's tree and with a tree built from scratch, the changes with
// the set of all nodes, proofs by inverting with them, here and in indigo.
func TestHistories(t *testing.T) {
	t.Run("of many layers", rapid.MakeCheck(func(t *rapid.T) {
		h := newHistory(t, pool())
		h.commits(t, 25)
		// To the end: an emptied repository is an empty one.
		for len(h.content) > 0 {
			h.delete(t, 1+len(h.content)/2)
		}
		if h.tree.Root() != mst.Empty().Root() {
			t.Fatalf("emptied: %s", h.tree.Root())
		}
	}))
	t.Run("of usual accounts", rapid.MakeCheck(func(t *rapid.T) {
		keys := postKeys(rapid.IntRange(1, 120).Draw(t, "keys"))
		h := newHistory(t, keys)
		var all []mst.Op
		for _, k := range keys[:len(keys)*2/3] {
			h.records++
			all = append(all, mst.Op{Key: k, Value: record(h.records)})
		}
		h.apply(t, all)
		h.commits(t, 5)
	}))
}

func (h *history) commits(t *rapid.T, most int) {
	for range rapid.IntRange(1, most).Draw(t, "commits") {
		if rapid.IntRange(0, 3).Draw(t, "reopen") == 0 {
			h.tree = h.tree.Forget()
		}
		h.commit(t)
	}
}

type history struct {
	tree    *mst.Tree
	store   *blocks
	theirs  indigo.Tree
	keys    []string // to choose from
	content map[string]cid.Cid
	records int
}

func newHistory(t *rapid.T, keys []string) *history {
	h := &history{keys: keys, theirs: indigo.NewEmptyTree(), content: map[string]cid.Cid{}}
	h.store = newBlocks(path(t, mst.Empty(), ""))
	h.tree = mst.Load(mst.Empty().Root(), h.store)
	return h
}

// commit draws operations on distinct keys.
func (h *history) commit(t *rapid.T) {
	keys := rapid.SliceOfNDistinct(rapid.SampledFrom(h.keys), 1, min(8, len(h.keys)), rapid.ID).Draw(t, "keys")
	var ops []mst.Op
	for _, k := range keys {
		op := mst.Op{Key: k, Prev: h.content[k]}
		if !op.Prev.Defined() || rapid.Bool().Draw(t, "update") {
			h.records++
			op.Value = record(h.records)
		}
		ops = append(ops, op)
	}
	h.apply(t, ops)
}

func (h *history) delete(t *rapid.T, n int) {
	var ops []mst.Op
	for _, k := range slices.Sorted(maps.Keys(h.content))[:n] {
		ops = append(ops, mst.Op{Key: k, Prev: h.content[k]})
	}
	h.apply(t, ops)
}

func (h *history) apply(t *rapid.T, ops []mst.Op) {
	old, before := h.tree, maps.Clone(h.content)
	e := h.tree.Edit()
	keys := []string{}
	for _, op := range ops {
		keys = append(keys, op.Key)
		h.step(t, e, op)
	}
	tree, changes, err := e.Finish()
	if err != nil {
		t.Fatal(err)
	}
	if changes.Root != tree.Root() {
		t.Fatalf("changes lead to %s, the tree is %s", changes.Root, tree.Root())
	}
	h.tree = tree

	// The root, three ways.
	theirs, err := h.theirs.RootCID()
	if err != nil {
		t.Fatal(err)
	}
	want, all := oracle(t, h.content)
	if tree.Root() != want || *theirs != want {
		t.Fatalf("root %s, indigo %s, from scratch %s", tree.Root(), theirs, want)
	}
	// The old tree is still what it was, from memory and, before anything is
	// deleted, from its blocks.
	if got := content(t, old); !maps.Equal(got, before) {
		t.Fatalf("the edit changed the tree it started from: %v", got)
	}
	h.diff(t, old, before)
	h.store.apply(t, changes)
	sameNodes(t, "stored", h.store.m, all)
	sameNodes(t, "walked", nodes(t, tree), all)
	if got := content(t, mst.Load(tree.Root(), h.store)); !maps.Equal(got, h.content) {
		t.Fatalf("stored: %v, want %v", got, h.content)
	}
	proof, err := tree.Proof(keys...)
	if err != nil {
		t.Fatal(err)
	}
	invert(t, tree.Root(), newBlocks(proof), ops, old.Root())
	invertTheirs(t, tree.Root(), newBlocks(proof), ops, old.Root())
}

// step does one operation in the Edit, in indigo's tree and in the map.
func (h *history) step(t *rapid.T, e *mst.Edit, op mst.Op) {
	var prev cid.Cid
	var err error
	switch {
	case !op.Value.Defined():
		if prev, err = e.Delete(op.Key); err == nil {
			_, err = h.theirs.Remove([]byte(op.Key))
		}
		if h.theirs.IsEmpty() { // its layer is not reset
			h.theirs = indigo.NewEmptyTree()
		}
		delete(h.content, op.Key)
	case !op.Prev.Defined():
		if err = e.Create(op.Key, op.Value); err == nil {
			_, err = h.theirs.Insert([]byte(op.Key), op.Value)
		}
		h.content[op.Key] = op.Value
	default:
		if prev, err = e.Update(op.Key, op.Value); err == nil {
			_, err = h.theirs.Insert([]byte(op.Key), op.Value)
		}
		h.content[op.Key] = op.Value
	}
	if err != nil {
		t.Fatalf("%+v: %v", op, err)
	}
	if prev != op.Prev {
		t.Fatalf("%+v: the previous value is said to be %s", op, prev)
	}
	got, found, err := e.Get(op.Key)
	if err != nil || got != op.Value || found != op.Value.Defined() {
		t.Fatalf("%+v: reads %s, %v, %v", op, got, found, err)
	}
}

// diff compares Diff with the difference of the maps, and says that it does not
// read what is in both trees.
func (h *history) diff(t *rapid.T, old *mst.Tree, before map[string]cid.Cid) {
	var want []mst.DiffOp
	union := maps.Clone(before)
	maps.Copy(union, h.content)
	for _, k := range slices.Sorted(maps.Keys(union)) {
		if before[k] != h.content[k] {
			want = append(want, mst.DiffOp{Key: k, Old: before[k], New: h.content[k]})
		}
	}
	for _, d := range []struct {
		what     string
		old, new *mst.Tree
	}{
		{"cached", old, h.tree},
		{"read again", old.Forget(), h.tree},
	} {
		got, err := mst.Diff(d.old, d.new)
		if err != nil {
			t.Fatal(err)
		}
		if !slices.Equal(got, want) {
			t.Fatalf("diff %s: %v, want %v", d.what, got, want)
		}
	}
}

// invert undoes ops on nothing but the given blocks.
func invert(t rapid.TB, root cid.Cid, event *blocks, ops []mst.Op, want cid.Cid) {
	t.Helper()
	before, err := mst.Invert(mst.Load(root, event), ops)
	if err != nil {
		t.Fatal(err)
	}
	if before.Root() != want {
		t.Fatalf("inverted to %s, want %s", before.Root(), want)
	}
}

// invertTheirs is what a consumer with indigo does with the same.
func invertTheirs(t rapid.TB, root cid.Cid, event *blocks, ops []mst.Op, want cid.Cid) {
	t.Helper()
	tree := partial(t, event, root)
	// Deleted keys first. (Not by indigo's NormalizeOps: it may put a created key
	// before, and indigo's tree does not survive being empty in between.)
	for _, deleted := range []bool{true, false} {
		for _, op := range ops {
			if op.Value.Defined() == deleted {
				continue
			}
			if err := repo.InvertOp(tree, theirOp(op)); err != nil {
				t.Fatalf("indigo: %v", err)
			}
		}
	}
	got, err := tree.RootCID()
	if err != nil {
		t.Fatal(err)
	}
	if *got != want {
		t.Fatalf("indigo inverted to %s, want %s", got, want)
	}
}
