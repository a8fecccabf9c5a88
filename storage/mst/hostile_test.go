package mst_test

import (
	"bytes"
	"errors"
	"slices"
	"strings"
	"testing"

	indigo "github.com/bluesky-social/indigo/atproto/repo/mst"
	"github.com/ipfs/go-cid"

	"troupe/storage/car"
	"troupe/storage/dag"
	"troupe/storage/mst"
)

// raw is a node as an attacker may write it: every value is CBOR of his choice.
type raw struct {
	left    []byte
	entries []rawEntry
}

type rawEntry struct{ k, p, t, v []byte }

func (r raw) block() []byte {
	b := dag.AppendText(dag.AppendMap(nil, 2), "e")
	b = dag.AppendArray(b, len(r.entries))
	for _, e := range r.entries {
		b = dag.AppendText(dag.AppendMap(b, 4), "k")
		b = append(b, e.k...)
		b = append(dag.AppendText(b, "p"), e.p...)
		b = append(dag.AppendText(b, "t"), e.t...)
		b = append(dag.AppendText(b, "v"), e.v...)
	}
	return append(dag.AppendText(b, "l"), r.left...)
}

func null() []byte               { return dag.AppendNull(nil) }
func text(s string) []byte       { return dag.AppendText(nil, s) }
func byteString(s string) []byte { return dag.AppendBytes(nil, []byte(s)) }
func integer(i int64) []byte     { return dag.AppendInt(nil, i) }
func ref(c cid.Cid) []byte       { return dag.AppendCID(nil, c) }

// pair is a well-formed entry.
func pair(prefix int64, suffix string) rawEntry {
	return rawEntry{byteString(suffix), integer(prefix), null(), ref(record(1))}
}

// ofHeight gives n keys of a height, in order.
func ofHeight(h, n int) []string {
	keys := slices.DeleteFunc(slices.Clone(pool()), func(k string) bool { return mst.Height(k) != h })
	slices.Sort(keys)
	return keys[:n]
}

// link makes a link of 36 bytes out of any head and the digest of a record.
func link(head string) []byte {
	b := append([]byte("\xd8\x2a\x58\x25\x00"), head...)
	return append(b, record(1).Bytes()[4:]...)
}

func TestHostileNodes(t *testing.T) {
	zero := ofHeight(0, 4)
	one := ofHeight(1, 10)[9]
	common := len("com.example.a/")
	good := raw{null(), []rawEntry{pair(0, zero[0]), pair(int64(common), zero[1][common:])}}
	with := func(change func(r *raw)) []byte {
		r := raw{good.left, slices.Clone(good.entries)}
		change(&r)
		return r.block()
	}
	entry := func(change func(e *rawEntry)) []byte {
		return with(func(r *raw) { change(&r.entries[1]) })
	}
	cut := good.block()
	if zero[0][:common+1] == zero[1][:common+1] || zero[0][:common] != zero[1][:common] {
		t.Fatal("the test needs two keys that share their collection and no more")
	}
	if one < zero[0] {
		t.Fatal("the test needs a higher key behind a lower one")
	}
	if _, err := refuse(cut); err != nil {
		t.Fatalf("the good node is refused: %v", err)
	}
	absent := make([]byte, 32)

	for name, block := range map[string][]byte{
		"nothing":                      {},
		"no map":                       dag.AppendArray(nil, 0),
		"something behind it":          append(slices.Clone(cut), 0xf6),
		"an empty map":                 dag.AppendMap(nil, 0),
		"no left":                      append(dag.AppendArray(text2map("e"), 0), []byte{}...),
		"members in the wrong order":   append(append(dag.AppendMap(nil, 2), "\x61l\xf6\x61e"...), 0x80),
		"a member more":                append(append(dag.AppendMap(nil, 3), "\x61e\x80\x61l\xf6"...), "\x61x\xf6"...),
		"another member":               append(append(dag.AppendMap(nil, 2), "\x61e\x80"...), "\x61m\xf6"...),
		"no end":                       []byte("\xbf\x61e\x80\x61l\xf6\xff"),
		"entries without end":          []byte("\xa2\x61e\x9f\xff\x61l\xf6"),
		"entries are null":             []byte("\xa2\x61e\xf6\x61l\xf6"),
		"an overlong map head":         append([]byte("\xb8\x02"), cut[1:]...),
		"an overlong member name":      append([]byte("\xa2\x78\x01e"), cut[3:]...),
		"an overlong count":            []byte("\xa2\x61e\x98\x00\x61l\xf6"),
		"an overlong count of 2 bytes": []byte("\xa2\x61e\x99\x00\x00\x61l\xf6"),
		"an overlong count of 4 bytes": []byte("\xa2\x61e\x9a\x00\x00\x00\x00\x61l\xf6"),
		"an overlong count of 8 bytes": []byte("\xa2\x61e\x9b\x00\x00\x00\x00\x00\x00\x00\x00\x61l\xf6"),
		"a count of a reserved size":   []byte("\xa2\x61e\x9c\x61l\xf6"),
		"four billion entries":         []byte("\xa2\x61e\x9a\xff\xff\xff\xff\x61l\xf6"),
		"2^64 entries":                 []byte("\xa2\x61e\x9b\xff\xff\xff\xff\xff\xff\xff\xff\x61l\xf6"),
		"left is undefined":            []byte("\xa2\x61e\x80\x61l\xf7"),
		"left is text":                 with(func(r *raw) { r.left = text("x") }),
		"left links to nothing":        with(func(r *raw) { r.left = append([]byte("\xd8\x2a\x58\x25\x00\x01\x71\x12\x20"), absent...) }),
		"left of the lowest layer":     with(func(r *raw) { r.left = ref(record(2)) }),
		"right of the lowest layer":    entry(func(e *rawEntry) { e.t = ref(record(2)) }),
		"the key is text":              entry(func(e *rawEntry) { e.k = text("x") }),
		"the key is longer than all":   entry(func(e *rawEntry) { e.k = dag.AppendHead(nil, dag.MajorBytes, 1<<31) }),
		"the key's length is overlong": entry(func(e *rawEntry) { e.k = append([]byte{0x58, 1}, 'x') }),
		"the prefix is negative":       entry(func(e *rawEntry) { e.p = integer(-1) }),
		"the prefix is overlong":       entry(func(e *rawEntry) { e.p = []byte{0x18, byte(common)} }),
		"the prefix is a float":        entry(func(e *rawEntry) { e.p = []byte("\xfb\x40\x2c\x00\x00\x00\x00\x00\x00") }),
		"the prefix is null":           entry(func(e *rawEntry) { e.p = null() }),
		"the prefix is too long":       entry(func(e *rawEntry) { e.p = integer(int64(len(zero[0]) + 1)) }),
		"the prefix is that of all keys": raw{null(), []rawEntry{
			pair(0, "a/"+strings.Repeat("b", 400)), pair(0, "b/"+strings.Repeat("b", 400)), pair(800, ""),
		}}.block(),
		"the prefix is huge":            entry(func(e *rawEntry) { e.p = integer(1 << 31) }),
		"the prefix is not all":         with(func(r *raw) { r.entries[1] = pair(int64(common-1), zero[1][common-1:]) }),
		"the prefix is none":            with(func(r *raw) { r.entries[1] = pair(0, zero[1]) }),
		"a prefix of the first":         with(func(r *raw) { r.entries[0].p = integer(1) }),
		"a key twice":                   with(func(r *raw) { r.entries[1] = pair(int64(len(zero[0])), "") }),
		"a key before the one before":   raw{null(), []rawEntry{pair(0, zero[1]), pair(int64(common), zero[0][common:])}}.block(),
		"a key that the last begins":    raw{null(), []rawEntry{pair(0, zero[0]), pair(int64(common+2), "")}}.block(),
		"an empty key":                  raw{null(), []rawEntry{pair(0, "")}}.block(),
		"a key without a slash":         raw{null(), []rawEntry{pair(0, "abc")}}.block(),
		"a key with two slashes":        raw{null(), []rawEntry{pair(0, "a/b/c")}}.block(),
		"a key with a zero byte":        raw{null(), []rawEntry{pair(0, "a/b\x00")}}.block(),
		"a key of 1025 bytes":           raw{null(), []rawEntry{pair(0, "a/"+strings.Repeat("b", mst.MaxKey-1))}}.block(),
		"a key of 1025 bytes, in parts": raw{null(), []rawEntry{pair(0, "a/"+strings.Repeat("b", 1000)), pair(1002, strings.Repeat("b", 23))}}.block(),
		"keys of two heights":           raw{null(), []rawEntry{pair(0, zero[0]), pair(int64(sharedPrefix(zero[0], one)), one[sharedPrefix(zero[0], one):])}}.block(),
		"the value is null":             entry(func(e *rawEntry) { e.v = null() }),
		"the value is bytes":            entry(func(e *rawEntry) { e.v = byteString("x") }),
		"the value is a blob":           entry(func(e *rawEntry) { e.v = link("\x01\x55\x12\x20") }),
		"the value is a SHA-512 half":   entry(func(e *rawEntry) { e.v = link("\x01\x71\x13\x20") }),
		"the value is an identity hash": entry(func(e *rawEntry) { e.v = link("\x01\x71\x00\x20") }),
		"the value is a CID of v0":      entry(func(e *rawEntry) { e.v = ref(cid.NewCidV0(record(1).Hash())) }),
		"the value is a CID of v2":      entry(func(e *rawEntry) { e.v = link("\x02\x71\x12\x20") }),
		"the value is another tag":      entry(func(e *rawEntry) { e.v[1] = 43 }),
		"the value has a tag too many":  entry(func(e *rawEntry) { e.v = append([]byte{0xd8, 42}, e.v...) }),
		"the value lacks the zero byte": entry(func(e *rawEntry) { e.v[4] = 1 }),
		"the value's tag is overlong":   entry(func(e *rawEntry) { e.v = append([]byte{0xd9, 0}, e.v[1:]...) }),
		"right is a blob":               entry(func(e *rawEntry) { e.t = link("\x01\x55\x12\x20") }),
		"right is false":                entry(func(e *rawEntry) { e.t = []byte{0xf4} }),
		"a root without keys":           raw{left: ref(record(2))}.block(),
	} {
		if ok, err := refuse(block); !ok {
			t.Errorf("%s: %v", name, err)
		}
	}
	for i := range cut {
		if ok, err := refuse(cut[:i]); !ok {
			t.Errorf("cut after %d bytes: %v", i, err)
		}
	}
}

func text2map(key string) []byte { return dag.AppendText(dag.AppendMap(nil, 1), key) }

func sharedPrefix(a, b string) int { return indigo.CountPrefixLen([]byte(a), []byte(b)) }

// refuse tells whether a block is refused as a root.
func refuse(block []byte) (bool, error) {
	tree := mst.Load(dag.Sum(block), newBlocks([]car.Block{{CID: dag.Sum(block), Data: block}}))
	_, err := tree.Proof()
	return errors.Is(err, mst.ErrInvalid), err
}

// TestHostileTrees puts good nodes where they must not be. Whatever meets them
// must say so.
func TestHostileTrees(t *testing.T) {
	two, one, zero := ofHeight(2, 10), ofHeight(1, 10), ofHeight(0, 10)
	store := newBlocks()
	put := func(r raw) cid.Cid {
		b := r.block()
		store.m[dag.Sum(b)] = b
		return dag.Sum(b)
	}
	// key is a node of one key, child one without keys.
	key := func(k string, left, right []byte) cid.Cid {
		return put(raw{left, []rawEntry{{byteString(k), integer(0), right, ref(record(1))}}})
	}
	over := func(child cid.Cid) cid.Cid { return put(raw{left: ref(child)}) }
	empty := put(raw{left: null()})
	leaf := key(zero[5], null(), null())
	// Where a node over leaf belongs: left of a key above it, right of one below.
	high, low := two[len(two)-1], two[0]
	if low > zero[5] || high < zero[5] {
		t.Fatalf("the test needs %s between %s and %s", zero[5], low, high)
	}

	// Two keys around the root's: the place is good for either, not for both.
	between := two[5]
	before, after := zero[0], zero[9]
	if before > between || after < between {
		t.Fatalf("the test needs %s between %s and %s", between, before, after)
	}
	p := sharedPrefix(before, after)
	both := put(raw{null(), []rawEntry{pair(0, before), pair(int64(p), after[p:])}})

	// Only the upper end of the chain has blocks: who goes further finds nothing.
	deep := leaf
	for i := range 1 << 20 {
		b := raw{left: ref(deep)}.block()
		if deep = dag.Sum(b); i > 1<<20-300 {
			store.m[deep] = b
		}
	}

	for name, root := range map[string]cid.Cid{
		"an empty node inside":               key(high, ref(over(empty)), null()),
		"an empty node right inside":         key(low, null(), ref(empty)),
		"no layer between":                   key(high, ref(leaf), null()),
		"a layer too many":                   key(high, ref(over(over(leaf))), null()),
		"the same layer":                     key(high, ref(key(low, null(), null())), null()),
		"a key beyond its right bound":       key(low, ref(over(leaf)), null()),
		"a key beyond its left bound":        key(high, null(), ref(over(leaf))),
		"one key beyond its right bound":     key(between, ref(over(both)), null()),
		"one key beyond its left bound":      key(between, null(), ref(over(both))),
		"a key equal to its bound":           key(high, ref(key(high, null(), null())), null()),
		"a key beyond a bound further up":    key(low, null(), ref(key(one[9], ref(key(zero[0], null(), null())), null()))),
		"2^20 layers":                        key(high, ref(deep), null()),
		"2^20 layers and no key at the top":  deep,
		"2^20 layers to the right":           key(low, null(), ref(deep)),
		"a child of another kind":            key(high, ref(put(raw{left: text("x")})), null()),
		"no tree at all":                     dag.SumRaw([]byte("blob")),
		"nothing":                            cid.Undef,
		"the CID of a record as that of one": record(1),
	} {
		if name == "the CID of a record as that of one" {
			store.m[record(1)] = recordBlock(1)
		}
		for what, try := range map[string]func(t *mst.Tree) error{
			"Walk":     func(t *mst.Tree) error { return t.Walk("", func(string, cid.Cid) error { return nil }) },
			"Preorder": func(t *mst.Tree) error { return t.Preorder(func(mst.Step) error { return nil }) },
			"Proof":    func(t *mst.Tree) error { _, err := t.Proof(low, high, zero[5]); return err },
			"Diff":     func(t *mst.Tree) error { _, err := mst.Diff(t, mst.Empty()); return err },
			"Diff to":  func(t *mst.Tree) error { _, err := mst.Diff(mst.Empty(), t); return err },
			"Create": func(t *mst.Tree) (err error) {
				for _, k := range []string{"a/b", before + "x", low + "x", zero[0] + "x", zero[5] + "x", one[9] + "x", high + "x", "zz/z"} {
					if err = t.Edit().Create(k, record(1)); err != nil {
						break
					}
				}
				return err
			},
		} {
			store.reads = 0
			if err := try(mst.Load(root, store)); !errors.Is(err, mst.ErrInvalid) {
				t.Errorf("%s: %s: %v", name, what, err)
			}
			if store.reads > 10 {
				t.Errorf("%s: %s: %d nodes read", name, what, store.reads)
			}
		}
	}
}

// TestLyingSource: whatever a source gives out, a tree is what its root says.
// With hashes checked there are no cycles either.
func TestLyingSource(t *testing.T) {
	tree, store := build(t, pool()...)
	other := newBlocks(path(t, mst.Empty(), "")).m[mst.Empty().Root()]
	for c, data := range store.m {
		for _, lie := range [][]byte{nil, other, data[:len(data)-1], bytes.ToUpper(data), store.m[tree.Root()]} {
			if bytes.Equal(lie, data) {
				continue
			}
			store.m[c] = lie
			if err := tree.Forget().Walk("", func(string, cid.Cid) error { return nil }); !errors.Is(err, mst.ErrInvalid) {
				t.Fatalf("%s: %v", c, err)
			}
		}
		store.m[c] = data
	}
}

// TestKeepsNothingOfTheSource hands out one buffer for every node.
func TestKeepsNothingOfTheSource(t *testing.T) {
	tree, store := build(t, pool()...)
	want := content(t, tree)
	tree = tree.Forget().Over(&oneBuffer{store, nil})
	for k, v := range want {
		if got, found, err := tree.Get(k); err != nil || !found || got != v {
			t.Fatalf("%s: %s, %v, %v", k, got, found, err)
		}
	}
	sameNodes(t, "read", nodes(t, tree), store.m)
}

type oneBuffer struct {
	*blocks
	buf []byte
}

func (o *oneBuffer) Node(c cid.Cid) ([]byte, error) {
	for i := range o.buf {
		o.buf[i] = 0xff
	}
	data, err := o.blocks.Node(c)
	o.buf = append(o.buf[:0], data...)
	return o.buf, err
}
