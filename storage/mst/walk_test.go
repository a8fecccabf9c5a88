package mst_test

import (
	"errors"
	"slices"
	"testing"

	"github.com/ipfs/go-cid"

	"troupe/storage/mst"
)

func TestWalkFrom(t *testing.T) {
	keys := slices.Clone(pool())
	tree, _ := build(t, keys...)
	slices.Sort(keys)
	froms := append([]string{"", "a", "zz", "com.example.b/", "com.example.b0"}, keys...)
	for _, k := range keys {
		froms = append(froms, k+"0", k[:len(k)-1])
	}
	for _, from := range froms {
		want := keys[func() int { i, _ := slices.BinarySearch(keys, from); return i }():]
		got := []string{}
		must(t, tree.Forget().Walk(from, func(key string, _ cid.Cid) error {
			got = append(got, key)
			return nil
		}))
		if !slices.Equal(got, want) {
			t.Errorf("from %q: %d keys, want %d", from, len(got), len(want))
		}
	}
}

func TestWalksEndWithTheCallersError(t *testing.T) {
	tree, _ := build(t, pool()...)
	stop := errors.New("enough")
	for limit := range len(pool()) {
		n := 0
		if err := tree.Walk("", func(string, cid.Cid) error {
			if n++; n > limit {
				return stop
			}
			return nil
		}); err != stop {
			t.Fatalf("Walk: %v", err)
		}
		if n != limit+1 {
			t.Fatalf("Walk: went on to %d", n)
		}
	}
	total := 0
	must(t, tree.Preorder(func(mst.Step) error { total++; return nil }))
	for limit := range total {
		n := 0
		if err := tree.Preorder(func(mst.Step) error {
			if n++; n > limit {
				return stop
			}
			return nil
		}); err != stop || n != limit+1 {
			t.Fatalf("Preorder: %v after %d", err, n)
		}
	}
}

// TestPreorder follows the links of each block and expects to meet them next.
func TestPreorder(t *testing.T) {
	tree, store := build(t, pool()...)
	for name, tree := range map[string]*mst.Tree{"cached": tree, "read": tree.Forget()} {
		var steps []mst.Step
		must(t, tree.Preorder(func(s mst.Step) error {
			steps = append(steps, s)
			return nil
		}))
		var expect func(c cid.Cid)
		expect = func(c cid.Cid) {
			s := steps[0]
			if steps = steps[1:]; s.Node == nil || s.Node.CID != c || s.Key != "" {
				t.Fatalf("%s: %+v where node %s belongs", name, s, c)
			}
			if string(s.Node.Data) != string(store.m[c]) {
				t.Fatalf("%s: node %s has other bytes", name, c)
			}
			must(t, mst.EachLink(s.Node.Data, func(link cid.Cid, isRecord bool) error {
				if !isRecord {
					expect(link)
				} else if s := steps[0]; s.Node != nil || s.Value != link || s.Key == "" {
					t.Fatalf("%s: %+v where record %s belongs", name, s, link)
				} else {
					steps = steps[1:]
				}
				return nil
			}))
		}
		expect(tree.Root())
		if len(steps) > 0 {
			t.Fatalf("%s: %d steps too many", name, len(steps))
		}
	}
}
