package mst_test

import (
	"errors"
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
