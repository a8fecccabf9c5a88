package mst_test

import (
	"maps"
	"slices"
	"testing"

	"github.com/ipfs/go-cid"
	"pgregory.net/rapid"

	"troupe/storage/mst"
)

// A key's place is what a sorted list says it is, in a tree and in an edit on
// its way to that tree.
func TestPlace(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		held := rapid.SliceOfDistinct(rapid.SampledFrom(pool()), func(k string) string { return k }).Draw(t, "held")
		asked := rapid.SampledFrom(pool()).Draw(t, "asked")
		e := mst.Empty().Edit()
		want := mst.Place{}
		for i, k := range held {
			if err := e.Create(k, record(i)); err != nil {
				t.Fatal(err)
			}
			if k == asked {
				want = mst.Place{Found: true, Value: record(i)}
			}
		}
		if !want.Found {
			sorted := slices.Sorted(slices.Values(held))
			i, _ := slices.BinarySearch(sorted, asked)
			if i > 0 {
				want.Left = sorted[i-1]
			}
			if i < len(sorted) {
				want.Right = sorted[i]
			}
		}
		if got, err := e.Place(asked); err != nil || got != want {
			t.Fatalf("in the edit: %+v, %v; want %+v", got, err, want)
		}
		tree, _, err := e.Finish()
		if err != nil {
			t.Fatal(err)
		}
		if got, err := tree.Place(asked); err != nil || got != want {
			t.Fatalf("in the tree: %+v, %v; want %+v", got, err, want)
		}
	})
}

// The place of a deleted key is known from the nodes that the proof of its
// deletion needs.
func TestPlaceOfDeletedReadsWhatProofReads(t *testing.T) {
	content := map[string]cid.Cid{}
	for i, k := range postKeys(2000) {
		content[k] = record(i)
	}
	root, stored := oracle(t, content)
	sorted := slices.Sorted(maps.Keys(content))
	for i, key := range sorted[1:200] {
		src := &blocks{m: stored}
		e := mst.Load(root, src).Edit()
		if _, err := e.Delete(key); err != nil {
			t.Fatal(err)
		}
		tree := finish(t, e)
		if _, err := tree.Proof(key); err != nil {
			t.Fatal(err)
		}
		reads := src.reads
		p, err := tree.Place(key)
		if want := (mst.Place{Left: sorted[i], Right: sorted[i+2]}); err != nil || p != want {
			t.Fatalf("%s: %+v, %v; want %+v", key, p, err, want)
		}
		if src.reads != reads {
			t.Fatalf("%s: %d reads more", key, src.reads-reads)
		}
	}
}
