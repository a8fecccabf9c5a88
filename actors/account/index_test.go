package account

import (
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"sync"
	"testing"

	"github.com/bluesky-social/indigo/atproto/syntax"
)

// The index against two plain maps.
func TestIndexModel(t *testing.T) {
	x := NewIndex()
	byDID, byHandle := map[syntax.DID]Account{}, map[syntax.Handle]syntax.DID{}
	r := rand.New(rand.NewPCG(1, 2))
	for range 2000 {
		var changed []Account
		var gone []syntax.DID
		picked := make(map[syntax.DID]bool)
		for range 1 + r.IntN(4) {
			d := syntax.DID(fmt.Sprintf("did:plc:%d", r.IntN(300)))
			if picked[d] {
				continue
			}
			picked[d] = true
			old, known := byDID[d]
			delete(byHandle, old.Handle)
			delete(byDID, d)
			if known && r.IntN(3) == 0 {
				gone = append(gone, d)
				continue
			}
			h := syntax.Handle(fmt.Sprintf("h%d.test", r.IntN(400)))
			if _, taken := byHandle[h]; taken || r.IntN(5) == 0 {
				h = ""
			}
			if h != "" {
				byHandle[h] = d
			}
			byDID[d] = Account{DID: d, Handle: h}
			changed = append(changed, byDID[d])
		}
		x.update(changed, gone)
	}
	agree := func(when string) {
		if x.Len() != len(byDID) {
			t.Errorf("%s: %d accounts, want %d", when, x.Len(), len(byDID))
		}
		seen := map[syntax.DID]bool{}
		for did := range x.DIDs() {
			if _, ok := byDID[did]; !ok || seen[did] {
				t.Errorf("%s: %s is gone over, and is not there or twice", when, did)
			}
			seen[did] = true
		}
		if len(seen) != len(byDID) {
			t.Errorf("%s: %d accounts are gone over, want %d", when, len(seen), len(byDID))
		}
		for i := range 400 {
			d, h := syntax.DID(fmt.Sprintf("did:plc:%d", i)), syntax.Handle(fmt.Sprintf("h%d.test", i))
			want, exists := byDID[d]
			if got, ok := x.ByDID(d); ok != exists || got != want {
				t.Errorf("%s: %s: %+v, want %+v", when, d, got, want)
			}
			owner, taken := byHandle[h]
			if got, ok := x.ByHandle(h); ok != taken || got.DID != owner {
				t.Errorf("%s: %s: %+v, want %s", when, h, got, owner)
			}
		}
	}
	agree("changed step by step")
	x.reset(slices.Collect(maps.Values(byDID)))
	agree("read anew")
}

func TestIndexSwap(t *testing.T) {
	x := NewIndex()
	x.update([]Account{{DID: "did:plc:a", Handle: "a.test"}, {DID: "did:plc:b", Handle: "b.test"}}, nil)
	old := x.now.Load()
	x.update([]Account{{DID: "did:plc:a", Handle: "b.test"}, {DID: "did:plc:b", Handle: "a.test"}}, nil)
	a, _ := x.ByHandle("a.test")
	b, _ := x.ByHandle("B.test")
	if a.DID != "did:plc:b" || b.DID != "did:plc:a" || x.Len() != 2 {
		t.Errorf("swapped: %v %v", a, b)
	}
	if d, _ := old.byHandle.get("a.test"); d != "did:plc:a" {
		t.Error("an earlier moment changed")
	}
	x.update([]Account{{DID: "did:plc:c", Handle: "b.test"}}, []syntax.DID{"did:plc:a"})
	if got, _ := x.ByHandle("b.test"); got.DID != "did:plc:c" || x.Len() != 2 {
		t.Errorf("given to another: %v", got)
	}
}

// Readers see whole changes: the two handles change owners in one step.
func TestIndexConcurrent(t *testing.T) {
	x := NewIndex()
	pair := func(i int) []Account {
		first, second := syntax.Handle("a.test"), syntax.Handle("b.test")
		if i%2 == 1 {
			first, second = second, first
		}
		return []Account{{DID: "did:plc:a", Handle: first}, {DID: "did:plc:b", Handle: second}}
	}
	x.update(pair(0), nil)
	stop := make(chan struct{})
	var readers sync.WaitGroup
	for range 4 {
		readers.Go(func() {
			for {
				select {
				case <-stop:
					return
				default:
				}
				if a, ok := x.ByHandle("a.test"); !ok || a.Handle != "a.test" {
					t.Errorf("saw half a change: %+v", a)
					return
				}
			}
		})
	}
	for i := range 500 {
		x.update(append(pair(i), Account{DID: syntax.DID(fmt.Sprint("did:plc:x", i))}), nil)
	}
	close(stop)
	readers.Wait()
}
