package mst_test

import (
	"context"
	"testing"

	indigo "github.com/bluesky-social/indigo/atproto/repo/mst"

	"troupe/storage/mst"
)

const size = 10_000

// large is a tree of size keys with all nodes in memory, its nodes, and keys
// that it does not hold.
func large(b *testing.B) (*mst.Tree, *blocks, []string) {
	b.Helper()
	keys := postKeys(size + 1000)
	var in, out []string
	for i, k := range keys {
		if i%11 == 10 {
			out = append(out, k)
		} else {
			in = append(in, k)
		}
	}
	tree, store := build(b, in...)
	return tree, store, out
}

func theirLarge(b *testing.B) (indigo.Tree, []string) {
	b.Helper()
	t := indigo.NewEmptyTree()
	var out []string
	for i, k := range postKeys(size + 1000) {
		if i%11 == 10 {
			out = append(out, k)
		} else if _, err := t.Insert([]byte(k), record(i)); err != nil {
			b.Fatal(err)
		}
	}
	if _, err := t.RootCID(); err != nil {
		b.Fatal(err)
	}
	return t, out
}

// BenchmarkCommit is the tree's part of a commit of one new record at a random
// place: insert, hash, blocks.
func BenchmarkCommit(b *testing.B) {
	tree, _, out := large(b)
	v := record(-1)
	b.ReportAllocs()
	nodes := 0
	i := 0
	for b.Loop() {
		e := tree.Edit()
		if err := e.Create(out[i%len(out)], v); err != nil {
			b.Fatal(err)
		}
		_, changes, err := e.Finish()
		if err != nil {
			b.Fatal(err)
		}
		nodes += len(changes.New)
		i++
	}
	b.ReportMetric(float64(nodes)/float64(i), "nodes/op")
}

// BenchmarkCommitIndigo does the same and takes the record out again, as its
// trees are changed in place; the second half is not timed.
func BenchmarkCommitIndigo(b *testing.B) {
	tree, out := theirLarge(b)
	v := record(-1)
	b.ReportAllocs()
	for i := 0; i < b.N; i++ {
		key := []byte(out[i%len(out)])
		if _, err := tree.Insert(key, v); err != nil {
			b.Fatal(err)
		}
		if _, err := tree.RootCID(); err != nil {
			b.Fatal(err)
		}
		b.StopTimer()
		if _, err := tree.Remove(key); err != nil {
			b.Fatal(err)
		}
		if _, err := tree.RootCID(); err != nil {
			b.Fatal(err)
		}
		b.StartTimer()
	}
}

// BenchmarkProof is the covering proof of that commit.
func BenchmarkProof(b *testing.B) {
	tree, _, out := large(b)
	e := tree.Edit()
	for _, k := range out {
		if err := e.Create(k, record(-1)); err != nil {
			b.Fatal(err)
		}
	}
	tree, _, err := e.Finish()
	if err != nil {
		b.Fatal(err)
	}
	b.ReportAllocs()
	i, nodes := 0, 0
	for b.Loop() {
		bs, err := tree.Proof(out[i%len(out)])
		if err != nil {
			b.Fatal(err)
		}
		nodes += len(bs)
		i++
	}
	b.ReportMetric(float64(nodes)/float64(i), "nodes/op")
}

func BenchmarkGet(b *testing.B) {
	tree, _, _ := large(b)
	keys := postKeys(size)
	b.ReportAllocs()
	i := 0
	for b.Loop() {
		if _, found, err := tree.Get(keys[i%10]); err != nil || !found {
			b.Fatal(found, err)
		}
		i++
	}
}

func BenchmarkGetIndigo(b *testing.B) {
	tree, _ := theirLarge(b)
	keys := postKeys(size)
	b.ReportAllocs()
	i := 0
	for b.Loop() {
		if c, err := tree.Get([]byte(keys[i%10])); err != nil || c == nil {
			b.Fatal(c, err)
		}
		i++
	}
}

// BenchmarkFirstGet is an account coming to life: nothing in memory.
func BenchmarkFirstGet(b *testing.B) {
	tree, store, _ := large(b)
	keys := postKeys(size)
	b.ReportAllocs()
	store.reads = 0
	i := 0
	for b.Loop() {
		if _, found, err := tree.Forget().Get(keys[i%10]); err != nil || !found {
			b.Fatal(found, err)
		}
		i++
	}
	b.ReportMetric(float64(store.reads)/float64(i), "reads/op")
}

func BenchmarkFirstGetIndigo(b *testing.B) {
	tree, store, _ := large(b)
	theirs := partialStore(b, store)
	key := []byte(postKeys(1)[0])
	b.ReportAllocs()
	for b.Loop() {
		t, err := indigo.LoadTreeFromStore(context.Background(), theirs, tree.Root())
		if err != nil {
			b.Fatal(err)
		}
		if c, err := t.Get(key); err != nil || c == nil {
			b.Fatal(c, err)
		}
	}
}

// BenchmarkBatch200 is a commit of the most operations there may be.
func BenchmarkBatch200(b *testing.B) {
	tree, _, out := large(b)
	v := record(-1)
	b.ReportAllocs()
	for b.Loop() {
		e := tree.Edit()
		for _, k := range out[:200] {
			if err := e.Create(k, v); err != nil {
				b.Fatal(err)
			}
		}
		if _, _, err := e.Finish(); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkInvert(b *testing.B) {
	tree, _, out := large(b)
	e := tree.Edit()
	v := record(-1)
	if err := e.Create(out[0], v); err != nil {
		b.Fatal(err)
	}
	next, _, err := e.Finish()
	if err != nil {
		b.Fatal(err)
	}
	proof, err := next.Proof(out[0])
	if err != nil {
		b.Fatal(err)
	}
	event := newBlocks(proof)
	b.ReportAllocs()
	for b.Loop() {
		before, err := mst.Invert(mst.Load(next.Root(), event), []mst.Op{{Key: out[0], Value: v}})
		if err != nil || before.Root() != tree.Root() {
			b.Fatal(err)
		}
	}
}

// BenchmarkPreorder is the tree's part of an export, read from memory.
func BenchmarkPreorder(b *testing.B) {
	tree, _, _ := large(b)
	tree = tree.Forget()
	b.ReportAllocs()
	for b.Loop() {
		if err := tree.Preorder(func(mst.Step) error { return nil }); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkHeight(b *testing.B) {
	key := postKeys(1)[0]
	b.ReportAllocs()
	for b.Loop() {
		mst.Height(key)
	}
}
