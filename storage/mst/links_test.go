package mst_test

import (
	"cmp"
	"errors"
	"fmt"
	"slices"
	"testing"

	"github.com/ipfs/go-cid"

	"troupe/storage/mst"
)

func TestEachLink(t *testing.T) {
	a, b, c := record(1), record(2), record(3)
	block := raw{ref(a), []rawEntry{
		{byteString("k"), integer(0), null(), ref(b)}, // keys are not looked at
		{byteString("k"), integer(0), ref(c), ref(a)},
	}}.block()
	type seen struct {
		c        cid.Cid
		isRecord bool
	}
	want := []seen{{a, false}, {b, true}, {a, true}, {c, false}}
	stop := errors.New("enough")
	for limit := range len(want) + 1 {
		var got []seen
		err := mst.EachLink(block, func(c cid.Cid, isRecord bool) error {
			if len(got) == limit {
				return stop
			}
			got = append(got, seen{c, isRecord})
			return nil
		})
		if limit < len(want) && err != stop || limit == len(want) && err != nil {
			t.Errorf("stopped after %d: %v", limit, err)
		}
		if !slices.Equal(got, want[:limit]) {
			t.Errorf("%v, want %v", got, want[:limit])
		}
	}
	err := mst.EachLink(block[1:], func(cid.Cid, bool) error { return nil })
	if !errors.Is(err, mst.ErrInvalid) {
		t.Errorf("of no node: %v", err)
	}
}

func TestEachItemDown(t *testing.T) {
	tree := mst.Empty()
	edit := tree.Edit()
	keys := []string{}
	for i := range 300 {
		key := fmt.Sprintf("com.example.item/k%03d", i)
		keys = append(keys, key)
		if err := edit.Create(key, record(i)); err != nil {
			t.Fatal(err)
		}
	}
	tree, changed, err := edit.Finish()
	if err != nil {
		t.Fatal(err)
	}
	blocks := map[cid.Cid][]byte{}
	for _, b := range changed.New {
		blocks[b.CID] = b.Data
	}
	var got []string
	var walk func(c cid.Cid, lo, hi string) error
	walk = func(c cid.Cid, lo, hi string) error {
		return mst.EachItemDown(blocks[c], func(i mst.Item) error {
			if i.Key == "" {
				return walk(i.CID, cmp.Or(i.Lo, lo), cmp.Or(i.Hi, hi))
			}
			if i.Key <= lo || hi != "" && i.Key >= hi {
				t.Errorf("%s is not between %q and %q", i.Key, lo, hi)
			}
			if value, found, _ := tree.Get(i.Key); !found || value != i.CID {
				t.Errorf("%s: %s", i.Key, i.CID)
			}
			got = append(got, i.Key)
			return nil
		})
	}
	if err := walk(tree.Root(), "", ""); err != nil {
		t.Fatal(err)
	}
	slices.Reverse(keys)
	if !slices.Equal(got, keys) {
		t.Errorf("%v", got)
	}
	stop := errors.New("enough")
	if err := mst.EachItemDown(blocks[tree.Root()], func(mst.Item) error { return stop }); err != stop {
		t.Error(err)
	}
	if err := mst.EachItemDown([]byte{1}, func(mst.Item) error { return nil }); !errors.Is(err, mst.ErrInvalid) {
		t.Errorf("of no node: %v", err)
	}
}
