package sequencing

import (
	"fmt"
	"slices"
	"testing"

	"github.com/bluesky-social/indigo/atproto/syntax"
)

const likes syntax.NSID = "app.bsky.feed.like"

// holding is a commit on h that brings a collection in, or takes it out.
func holding(h Head, nsid syntax.NSID, present bool) Append {
	a := nextCommit(h, nil, Public)
	a.Entries[0].Effects.Collections = []Collection{{nsid, present}}
	return a
}

// holders pages through all holders, two at a time.
func holders(t *testing.T, l Log, nsid syntax.NSID) (all []syntax.DID) {
	t.Helper()
	var after HolderCursor
	for {
		page, err := l.Holders(ctx, nsid, after, 2)
		if err != nil {
			t.Fatal(err)
		}
		if len(page) == 0 {
			return all
		}
		for _, h := range page {
			all = append(all, h.DID)
			after = h.Cursor
		}
	}
}

func TestHolders(t *testing.T) {
	path := logPath(t)
	l := openTest(t, path, LogOptions{})
	var heads []Head
	var all []syntax.DID
	for i := range 5 {
		all = append(all, testDID(9-i)) // the order is not that of the DIDs
		c := mustDo(t, l, firstCommit(all[i], 10))
		heads = append(heads, mustDo(t, l, holding(c.Head, likes, true)).Head)
	}
	want := func(what string, dids ...syntax.DID) {
		t.Helper()
		if got := holders(t, l, likes); !slices.Equal(got, dids) {
			t.Errorf("%s: %v, want %v", what, got, dids)
		}
	}
	want("all", all...)
	if got := holders(t, l, "app.bsky.feed.lik"); len(got) > 0 {
		t.Errorf("a collection that nobody has: %v", got)
	}

	heads[1] = mustDo(t, l, holding(heads[1], likes, false)).Head
	want("the last record went", all[0], all[2], all[3], all[4])

	// A chain that is refused leaves nothing.
	stale := holding(heads[0], likes, false)
	stale.Expect.Rev = heads[1].Rev
	if _, err := do(l, stale); err == nil {
		t.Fatal("a stale append was accepted")
	}
	want("a refusal", all[0], all[2], all[3], all[4])

	status := func(h Head, s Status) Head {
		return mustDo(t, l, Append{DID: h.DID, Expect: Expect{Status: h.Status}, Entries: []Entry{{
			Kind: KindAccount, Visibility: Public, Next: Change{Status: s}, Frame: AccountFrame{DID: h.DID, Status: s}.Encode(),
		}}}).Head
	}
	heads[0] = status(heads[0], StatusTakendown)
	want("one taken down", all[2], all[3], all[4])
	status(heads[0], StatusActive)
	want("and back", all[0], all[2], all[3], all[4])

	heads[2] = mustDo(t, l, deletion(heads[2])).Head
	want("one deleted", all[0], all[3], all[4])
	mustDo(t, l, firstCommit(all[2], 10))
	want("and created anew, empty", all[0], all[3], all[4])

	l.Close()
	l = openTest(t, path, LogOptions{})
	want("after a restart", all[0], all[3], all[4])
}

// An entry that replaces the repo says all that it holds.
func TestHoldersOfReplaced(t *testing.T) {
	for _, kind := range []Kind{KindImport, KindAdopt} {
		t.Run(fmt.Sprint(kind), func(t *testing.T) {
			l := openTest(t, logPath(t), LogOptions{})
			h := mustDo(t, l, firstCommit(testDID(1), 10)).Head
			h = mustDo(t, l, holding(h, likes, true)).Head
			a := holding(h, "app.bsky.feed.post", true)
			a.Entries[0].Kind, a.Entries[0].Visibility = kind, Internal
			mustDo(t, l, a)
			if got := holders(t, l, likes); len(got) > 0 {
				t.Errorf("still listed: %v", got)
			}
			if got := holders(t, l, "app.bsky.feed.post"); len(got) != 1 {
				t.Errorf("not listed: %v", got)
			}
		})
	}
}
