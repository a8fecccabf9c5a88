package mst_test

import (
	"fmt"
	"maps"
	"os/exec"
	"slices"
	"strings"
	"sync"

	indigo "github.com/bluesky-social/indigo/atproto/repo/mst"
	"github.com/ipfs/go-cid"
	"pgregory.net/rapid"

	"troupe/storage/car"
	"troupe/storage/dag"
	"troupe/storage/mst"
)

// blocks is a Source over a map, which counts what is read.
type blocks struct {
	m     map[cid.Cid][]byte
	reads int
}

func newBlocks(bs ...[]car.Block) *blocks {
	b := &blocks{m: map[cid.Cid][]byte{}}
	for _, list := range bs {
		for _, block := range list {
			b.m[block.CID] = block.Data
		}
	}
	return b
}

func (b *blocks) Node(c cid.Cid) ([]byte, error) {
	b.reads++
	data, ok := b.m[c]
	if !ok {
		return nil, fmt.Errorf("block %s: %w", c, mst.ErrMissing)
	}
	return data, nil
}

// apply brings a map of the old tree's nodes up to the new tree, and fails if
// the changes do not fit it.
func (b *blocks) apply(t rapid.TB, c mst.Changes) {
	t.Helper()
	for _, gone := range c.Removed {
		if _, ok := b.m[gone]; !ok {
			t.Fatalf("removed %s, which the old tree does not have", gone)
		}
		delete(b.m, gone)
	}
	for _, block := range c.New {
		if _, ok := b.m[block.CID]; ok {
			t.Fatalf("%s is called new and was there before", block.CID)
		}
		b.m[block.CID] = block.Data
	}
}

// record makes up the CID of the nth record.
func record(n int) cid.Cid {
	return dag.Sum(recordBlock(n))
}

func recordBlock(n int) []byte {
	return dag.AppendInt(dag.AppendText(dag.AppendMap(nil, 1), "n"), int64(n))
}

// oracle builds the tree of a whole map from scratch, in the most direct way, and
// returns its root and its nodes. The encoding is indigo's.
func oracle(t rapid.TB, content map[string]cid.Cid) (cid.Cid, map[cid.Cid][]byte) {
	t.Helper()
	nodes := map[cid.Cid][]byte{}
	keys := slices.Sorted(maps.Keys(content))
	top := 0
	for _, k := range keys {
		top = max(top, indigo.HeightForKey([]byte(k)))
	}
	var build func(keys []string, layer int) *cid.Cid
	build = func(keys []string, layer int) *cid.Cid {
		var data indigo.NodeData
		data.Entries = []indigo.EntryData{}
		below := func(keys []string) *cid.Cid {
			if len(keys) == 0 {
				return nil
			}
			return build(keys, layer-1)
		}
		start, prev := 0, ""
		subtree := &data.Left
		for i, k := range keys {
			if indigo.HeightForKey([]byte(k)) < layer {
				continue
			}
			*subtree = below(keys[start:i])
			p := indigo.CountPrefixLen([]byte(prev), []byte(k))
			data.Entries = append(data.Entries, indigo.EntryData{PrefixLen: int64(p), KeySuffix: []byte(k[p:]), Value: content[k]})
			subtree = &data.Entries[len(data.Entries)-1].Right
			start, prev = i+1, k
		}
		// The slice does not grow any more: the pointer into it is the last entry's.
		*subtree = below(keys[start:])
		b, c, err := data.Bytes()
		if err != nil {
			t.Fatal(err)
		}
		nodes[*c] = b
		return c
	}
	return *build(keys, top), nodes
}

// pool is keys of every height from 0 to 5, ten each, mixed in key order: many
// more high ones than chance gives, for trees of many layers from few keys.
var pool = sync.OnceValue(func() []string {
	var keys []string
	var have [6]int
	for i := 0; len(keys) < 10*len(have); i++ {
		key := fmt.Sprintf("com.example.%c/%08x", 'a'+i%3, uint32(i)*2654435761)
		if h := mst.Height(key); h < len(have) && have[h] < 10 {
			have[h]++
			keys = append(keys, key)
		}
	}
	return keys
})

// postKeys is n keys as an account makes them: a few collections, rising TIDs.
func postKeys(n int) []string {
	const alphabet = "234567abcdefghijklmnopqrstuvwxyz"
	collections := []string{"app.bsky.feed.post", "app.bsky.feed.like", "app.bsky.graph.follow", "app.bsky.feed.repost"}
	keys := make([]string, n)
	x := uint64(88172645463325252)
	tid := uint64(1_700_000_000_000_000)
	for i := range keys {
		x ^= x << 13
		x ^= x >> 7
		x ^= x << 17
		tid += x % 1_000_000_000
		rkey := make([]byte, 13)
		v := tid << 10
		for j := range rkey {
			rkey[12-j] = alphabet[v&31]
			v >>= 5
		}
		keys[i] = collections[x>>32%4] + "/" + string(rkey)
	}
	return keys
}

// build makes a tree of keys in one Edit, with its nodes.
func build(t rapid.TB, keys ...string) (*mst.Tree, *blocks) {
	t.Helper()
	e := mst.Empty().Edit()
	for i, k := range keys {
		if err := e.Create(k, record(i)); err != nil {
			t.Fatal(err)
		}
	}
	tree, changes, err := e.Finish()
	if err != nil {
		t.Fatal(err)
	}
	store := newBlocks(changes.New)
	if len(keys) == 0 {
		store = newBlocks(path(t, tree, ""))
	}
	return tree.Over(store), store
}

func path(t rapid.TB, tree *mst.Tree, key string) []car.Block {
	t.Helper()
	bs, err := tree.Path(key)
	if err != nil {
		t.Fatal(err)
	}
	return bs
}

// content reads a whole tree.
func content(t rapid.TB, tree *mst.Tree) map[string]cid.Cid {
	t.Helper()
	m := map[string]cid.Cid{}
	last := ""
	err := tree.Walk("", func(key string, value cid.Cid) error {
		if key <= last {
			t.Fatalf("%q walked after %q", key, last)
		}
		last = key
		m[key] = value
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return m
}

// nodes reads all blocks of a tree.
func nodes(t rapid.TB, tree *mst.Tree) map[cid.Cid][]byte {
	t.Helper()
	m := map[cid.Cid][]byte{}
	err := tree.Preorder(func(s mst.Step) error {
		if s.Node != nil {
			m[s.Node.CID] = s.Node.Data
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return m
}

func sameNodes(t rapid.TB, what string, got, want map[cid.Cid][]byte) {
	t.Helper()
	if !maps.EqualFunc(got, want, func(a, b []byte) bool { return string(a) == string(b) }) {
		t.Fatalf("%s: %d nodes, want %d:\n got %v\nwant %v", what, len(got), len(want),
			slices.Collect(maps.Keys(got)), slices.Collect(maps.Keys(want)))
	}
}

func decodeCID(t rapid.TB, s string) cid.Cid {
	t.Helper()
	c, err := cid.Decode(s)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// indigoDir is where the module with the interoperability fixtures lies.
var indigoDir = sync.OnceValue(func() string {
	out, err := exec.Command("go", "list", "-m", "-f", "{{.Dir}}", "github.com/bluesky-social/indigo").Output()
	if err != nil {
		panic(err)
	}
	return strings.TrimSpace(string(out))
})
