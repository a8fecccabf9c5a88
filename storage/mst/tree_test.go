package mst_test

import (
	"encoding/hex"
	"errors"
	"maps"
	"testing"

	"github.com/ipfs/go-cid"

	"troupe/storage/mst"
)

// leaf is the record that the published examples use for every key.
const leaf = "bafyreie5cvv4h45feadgeuwhbcutmh6t2ceseocckahdoe6uat64zmz454"

// of builds a tree of keys that all have the value leaf.
func of(t testing.TB, keys ...string) *mst.Tree {
	t.Helper()
	e := mst.Empty().Edit()
	for _, k := range keys {
		if err := e.Create(k, decodeCID(t, leaf)); err != nil {
			t.Fatal(err)
		}
	}
	return finish(t, e)
}

func finish(t testing.TB, e *mst.Edit) *mst.Tree {
	t.Helper()
	tree, _, err := e.Finish()
	if err != nil {
		t.Fatal(err)
	}
	return tree
}

func TestEmpty(t *testing.T) {
	tree := mst.Empty()
	bs := path(t, tree, "any/key")
	if len(bs) != 1 || hex.EncodeToString(bs[0].Data) != "a2616580616cf6" {
		t.Fatalf("blocks %v", bs)
	}
	for _, c := range []cid.Cid{tree.Root(), bs[0].CID} {
		if c.String() != "bafyreie5737gdxlw5i64vzichcalba3z2v5n6icifvx5xytvske7mr3hpm" {
			t.Errorf("root %s", c)
		}
	}
	loaded := mst.Load(tree.Root(), newBlocks(bs))
	if _, found, err := loaded.Get("any/key"); found || err != nil {
		t.Errorf("found %v, %v", found, err)
	}
	if got := content(t, loaded); len(got) > 0 {
		t.Errorf("holds %v", got)
	}
}

// Roots that other implementations are tested with.
func TestKnownRoots(t *testing.T) {
	const c = "com.example.record/3jqfcqzm"
	for root, keys := range map[string][]string{
		"bafyreibj4lsc3aqnrvphp5xmrnfoorvru4wynt6lwidqbm2623a6tatzdu": {c + "3fo2j"},
		"bafyreih7wfei65pxzhauoibu3ls7jgmkju4bspy4t2ha2qdjnzqvoy33ai": {c + "3fx2j"},
		"bafyreicmahysq4n6wfuxo522m6dpiy7z7qzym3dzs756t5n7nfdgccwq7m": {c + "3fp2j", c + "3fr2j", c + "3fs2j", c + "3ft2j", c + "4fc2j"},
	} {
		if got := of(t, keys...).Root(); got.String() != root {
			t.Errorf("%v: %s, want %s", keys, got, root)
		}
	}
}

// Changes of the tree's height that other implementations are tested with.
func TestKnownEdges(t *testing.T) {
	const c = "com.example.record/3jqfcqzm"
	for _, tt := range []struct {
		name   string
		keys   []string
		before string
		create []string
		delete []string
		after  string
	}{
		{
			name:   "the top goes with its last key",
			keys:   []string{c + "3fn2j", c + "3fo2j", c + "3fp2j", c + "3fs2j", c + "3ft2j", c + "3fu2j"},
			before: "bafyreifnqrwbk6ffmyaz5qtujqrzf5qmxf7cbxvgzktl4e3gabuxbtatv4",
			delete: []string{c + "3fs2j"},
			after:  "bafyreie4kjuxbwkhzg2i5dljaswcroeih4dgiqq6pazcmunwt2byd725vi",
		},
		{
			name: "an insertion that splits two layers",
			keys: []string{c + "3fo2j", c + "3fp2j", c + "3fr2j", c + "3fs2j", c + "3ft2j", c + "3fz2j",
				c + "4fc2j", c + "4fd2j", c + "4ff2j", c + "4fg2j", c + "4fh2j"},
			before: "bafyreiettyludka6fpgp33stwxfuwhkzlur6chs4d2v4nkmq2j3ogpdjem",
			create: []string{c + "3fx2j"},
			after:  "bafyreid2x5eqs4w4qxvc5jiwda4cien3gw2q6cshofxwnvv7iucrmfohpm",
		},
		{
			name:   "a layer two above the highest",
			keys:   []string{c + "3ft2j", c + "3fz2j"},
			before: "bafyreidfcktqnfmykz2ps3dbul35pepleq7kvv526g47xahuz3rqtptmky",
			create: []string{c + "3fx2j"},
			after:  "bafyreiavxaxdz7o7rbvr3zg2liox2yww46t7g6hkehx4i4h3lwudly7dhy",
		},
		{
			name:   "two layers at once",
			keys:   []string{c + "3ft2j", c + "3fz2j"},
			before: "bafyreidfcktqnfmykz2ps3dbul35pepleq7kvv526g47xahuz3rqtptmky",
			create: []string{c + "3fx2j", c + "4fd2j"},
			after:  "bafyreig4jv3vuajbsybhyvb7gggvpwh2zszwfyttjrj6qwvcsp24h6popu",
		},
	} {
		t.Run(tt.name, func(t *testing.T) {
			tree := of(t, tt.keys...)
			if tree.Root().String() != tt.before {
				t.Errorf("before: %s", tree.Root())
			}
			forth, back := tree.Edit(), (*mst.Edit)(nil)
			for _, k := range tt.create {
				must(t, forth.Create(k, decodeCID(t, leaf)))
			}
			for _, k := range tt.delete {
				_, err := forth.Delete(k)
				must(t, err)
			}
			tree = finish(t, forth)
			if tree.Root().String() != tt.after {
				t.Errorf("after: %s", tree.Root())
			}
			back = tree.Edit()
			for _, k := range tt.create {
				_, err := back.Delete(k)
				must(t, err)
			}
			for _, k := range tt.delete {
				must(t, back.Create(k, decodeCID(t, leaf)))
			}
			if tree = finish(t, back); tree.Root().String() != tt.before {
				t.Errorf("and back: %s", tree.Root())
			}
		})
	}
}

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// TestReadsOnDemand holds the promise that a tree costs what is touched of it.
func TestReadsOnDemand(t *testing.T) {
	keys := postKeys(3000)
	built, store := build(t, keys...)
	tree := built.Forget()
	if store.reads != 0 || tree.Root() != built.Root() {
		t.Fatalf("%d reads of a tree nobody looked at", store.reads)
	}
	steps := len(path(t, built, keys[7]))
	for round := range 2 {
		if got, found, err := tree.Get(keys[7]); err != nil || !found || got != record(7) {
			t.Fatal(got, found, err)
		}
		if store.reads != steps {
			t.Fatalf("round %d: %d reads in all for a path of %d", round, store.reads, steps)
		}
	}
	// A change reads no more than the way to its key and around it, even with a
	// tree to hash.
	store.reads = 0
	tree = built.Forget()
	e := tree.Edit()
	must(t, e.Create("com.example.new/1", record(1)))
	_, changes, err := e.Finish()
	must(t, err)
	if store.reads > 12 {
		t.Errorf("%d reads for one new key", store.reads)
	}
	// And what one tree read the other need not read again.
	store.reads = 0
	if _, _, err := tree.Get("com.example.new/1"); err != nil || store.reads != 0 {
		t.Errorf("%d reads of nodes that the edit had read, %v", store.reads, err)
	}
	if len(changes.New) < 2 || len(changes.Removed) < 2 {
		t.Errorf("%d new, %d removed", len(changes.New), len(changes.Removed))
	}
	// A walk leaves nothing behind: each one reads everything.
	all := len(nodes(t, built))
	tree = built.Forget()
	for range 2 {
		store.reads = 0
		if content(t, tree); store.reads != all {
			t.Errorf("%d reads of %d nodes", store.reads, all)
		}
	}
	// Equal subtrees are not read to compare them.
	e = built.Edit()
	must(t, e.Create("com.example.new/1", record(1)))
	next, changes, err := e.Finish()
	must(t, err)
	store.apply(t, mst.Changes{New: changes.New})
	store.reads = 0
	ops, err := mst.Diff(built.Forget(), next.Forget())
	must(t, err)
	if len(ops) != 1 || store.reads > 30 {
		t.Errorf("%d reads for a difference of %d key of %d", store.reads, len(ops), len(keys))
	}
}

func TestOverKeepsWhatIsRead(t *testing.T) {
	tree, store := build(t, pool()...)
	must(t, second(tree.Over(newBlocks()).Get(pool()[0]))) // all in memory
	if err := second(tree.Forget().Over(newBlocks()).Get(pool()[0])); !errors.Is(err, mst.ErrMissing) {
		t.Errorf("from an empty source: %v", err)
	}
	if err := second(mst.Empty().Forget().Get("a/b")); !errors.Is(err, mst.ErrMissing) {
		t.Errorf("from no source: %v", err)
	}
	got := content(t, tree.Forget().Over(newBlocks()).Over(store))
	if !maps.Equal(got, content(t, tree)) {
		t.Errorf("holds %v", got)
	}
}

func second(_ cid.Cid, _ bool, err error) error { return err }
