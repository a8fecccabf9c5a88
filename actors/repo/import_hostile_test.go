package repo_test

import (
	"bytes"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"strings"
	"testing"
	"time"

	"github.com/bluesky-social/indigo/atproto/syntax"
	"github.com/ipfs/go-cid"

	"troupe/actors/repo"
	"troupe/storage/car"
	"troupe/storage/dag"
)

// hostile is a CAR that must not become a repository.
type hostile struct {
	name string
	make func(*forge) []byte
}

func unhex(s string) []byte {
	b, err := hex.DecodeString(strings.ReplaceAll(s, " ", ""))
	if err != nil {
		panic(err)
	}
	return b
}

// recordOf is a repository whose one record is what the hex says.
func recordOf(name, s string) hostile {
	return hostile{"record: " + name, func(f *forge) []byte { return ofRecord(f, unhex(s)) }}
}

func ofRecord(f *forge, b []byte) []byte {
	f.commit(f.treeOf(keyAt(0, 0), f.put(b)))
	return f.file()
}

func ofKey(key string) func(*forge) []byte {
	return func(f *forge) []byte { f.commit(f.treeOf(key, f.record())); return f.file() }
}

func ofRoot(root func(*forge) cid.Cid) func(*forge) []byte {
	return func(f *forge) []byte { f.commit(root(f)); return f.file() }
}

func signedBy(sign func([]byte) []byte) func(*forge) []byte {
	return func(f *forge) []byte { f.sign = sign; f.commit(f.tree()); return f.file() }
}

// withFields bends the commit of an ordinary repository.
func withFields(bend func(values map[string][]byte, order *[]string)) func(*forge) []byte {
	return func(f *forge) []byte { f.fields = bend; f.commit(f.tree()); return f.file() }
}

func drop(key string) func(*forge) []byte {
	return withFields(func(_ map[string][]byte, order *[]string) {
		var kept []string
		for _, k := range *order {
			if k != key {
				kept = append(kept, k)
			}
		}
		*order = kept
	})
}

// bent is an ordinary file after something was done to its bytes.
func bent(bend func(f *forge, whole []byte) []byte) func(*forge) []byte {
	return func(f *forge) []byte { f.commit(f.tree()); return bend(f, f.file()) }
}

func tail(b ...byte) func(*forge) []byte {
	return bent(func(_ *forge, whole []byte) []byte { return append(whole, b...) })
}

// renamed gives the i-th block another name.
func renamed(i int, name func(car.Block) []byte) func(*forge) []byte {
	return bent(func(f *forge, _ []byte) []byte {
		b := car.AppendHeader(nil, f.blocks[len(f.blocks)-1].CID)
		for j, block := range f.blocks {
			if j == i {
				b = append(b, section(name(block), block.Data)...)
			} else {
				b = car.AppendBlock(b, block.CID, block.Data)
			}
		}
		return b
	})
}

func lacking(i int) func(*forge) []byte {
	return bent(func(f *forge, _ []byte) []byte {
		b := car.AppendHeader(nil, f.blocks[len(f.blocks)-1].CID)
		for j, block := range f.blocks {
			if j != i {
				b = car.AppendBlock(b, block.CID, block.Data)
			}
		}
		return b
	})
}

func damaged(i int) func(*forge) []byte {
	return renamed(i, func(b car.Block) []byte { return dag.Sum(append([]byte("x"), b.Data...)).Bytes() })
}

var hostiles = []hostile{
	{"nothing", func(*forge) []byte { return nil }},
	{"a header alone", func(f *forge) []byte { return car.AppendHeader(nil, dag.Sum(nil)) }},
	{"no roots", bent(func(_ *forge, b []byte) []byte { return append(car.AppendHeader(nil), b[1+int(b[0]):]...) })},
	{"two roots", bent(func(f *forge, b []byte) []byte {
		return append(car.AppendHeader(nil, f.blocks[2].CID, f.blocks[1].CID), b[1+int(b[0]):]...)
	})},
	{"one root twice", bent(func(f *forge, b []byte) []byte {
		return append(car.AppendHeader(nil, f.blocks[2].CID, f.blocks[2].CID), b[1+int(b[0]):]...)
	})},
	{"a hundred thousand roots", func(f *forge) []byte {
		roots := make([]cid.Cid, 100_000)
		for i := range roots {
			roots[i] = dag.Sum(nil)
		}
		return car.AppendHeader(nil, roots...)
	}},
	{"another root", bent(func(f *forge, b []byte) []byte {
		return append(car.AppendHeader(nil, dag.Sum(nil)), b[1+int(b[0]):]...)
	})},
	{"a record as root", bent(func(f *forge, b []byte) []byte {
		return append(car.AppendHeader(nil, f.blocks[0].CID), b[1+int(b[0]):]...)
	})},
	{"a node as root", bent(func(f *forge, b []byte) []byte {
		return append(car.AppendHeader(nil, f.blocks[1].CID), b[1+int(b[0]):]...)
	})},
	{"version 2", func(*forge) []byte { return unhex("0aa16776657273696f6e02") }},
	{"a header that is no map", func(*forge) []byte { return section(unhex("80")) }},
	{"no CAR at all", func(*forge) []byte { return []byte("<html><body>Bad Gateway</body></html>") }},
	{"a header of a gigabyte", func(*forge) []byte { return binary.AppendUvarint(nil, 1<<30) }},
	{"a block of a gigabyte", tail(binary.AppendUvarint(nil, 1<<30)...)},
	{"a block of 2^63 bytes", tail(0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x01)},
	{"a length with no end", tail(bytes.Repeat([]byte{0x80}, 100)...)},
	{"an overlong length", tail(0xa5, 0x80, 0x00)},
	{"a zero behind the end", tail(0)},
	{"text behind the end", tail([]byte("\ntrailing text")...)},
	{"a block above the limit", bent(func(f *forge, b []byte) []byte {
		large := make([]byte, 2<<20+1)
		return car.AppendBlock(b, dag.SumRaw(large), large)
	})},
	{"a damaged record", damaged(0)},
	{"a damaged node", damaged(1)},
	{"a damaged commit", damaged(2)},
	{"version 0 of a CID", renamed(0, func(b car.Block) []byte { return b.CID.Hash() })},
	{"an identity CID", renamed(0, func(b car.Block) []byte { return unhex("01 71 00 02 a0 00") })},
	{"a SHA-512 CID", renamed(0, func(b car.Block) []byte { return append(unhex("01 71 13 40"), make([]byte, 64)...) })},
	{"half a CID", renamed(0, func(b car.Block) []byte { return b.CID.Bytes()[:20] })},
	{"a dag-pb CID", renamed(0, func(b car.Block) []byte { return append(unhex("01 70"), b.CID.Bytes()[2:]...) })},

	{"commit: of somebody else", func(f *forge) []byte { f.did = did(77); f.commit(f.tree()); return f.file() }},
	{"commit: from the future", func(f *forge) []byte {
		f.rev = syntax.NewTID(time.Now().Add(10*time.Minute).UnixMicro(), 0).String()
		f.commit(f.tree())
		return f.file()
	}},
	{"commit: from the year 2255", func(f *forge) []byte { f.rev = "jzzzzzzzzzzzz"; f.commit(f.tree()); return f.file() }},
	{"commit: no TID", func(f *forge) []byte { f.rev = "1234"; f.commit(f.tree()); return f.file() }},
	{"commit: version 1", func(f *forge) []byte { f.version = 1; f.commit(f.tree()); return f.file() }},
	{"commit: version 4", func(f *forge) []byte { f.version = 4; f.commit(f.tree()); return f.file() }},
	{"commit: version 2 without rev", func(f *forge) []byte { f.version = 2; return drop("rev")(f) }},
	{"commit: no did", drop("did")},
	{"commit: no data", drop("data")},
	{"commit: no prev", drop("prev")},
	{"commit: no version", drop("version")},
	{"commit: a field too many", withFields(func(v map[string][]byte, order *[]string) {
		v["nonsense"] = dag.AppendInt(nil, 1)
		*order = append(*order, "nonsense")
	})},
	{"commit: fields in another order", withFields(func(_ map[string][]byte, order *[]string) {
		*order = []string{"rev", "did", "sig", "data", "prev", "version"}
	})},
	{"commit: data is text", withFields(func(v map[string][]byte, _ *[]string) { v["data"] = dag.AppendText(nil, "x") })},
	{"commit: data is raw bytes", withFields(func(v map[string][]byte, _ *[]string) { v["data"] = dag.AppendCID(nil, dag.SumRaw(nil)) })},
	{"commit: of megabytes", withFields(func(v map[string][]byte, _ *[]string) { v["did"] = dag.AppendText(nil, strings.Repeat("a", 1<<20)) })},
	{"commit: bytes behind it", func(f *forge) []byte {
		f.commit(f.tree())
		last := f.blocks[2]
		f.blocks = f.blocks[:2]
		f.put(append(last.Data, 0))
		return f.file()
	}},
	{"commit: no signature", drop("sig")},
	{"commit: an empty signature", signedBy(func([]byte) []byte { return []byte{} })},
	{"commit: a short signature", signedBy(func(sig []byte) []byte { return sig[:63] })},
	{"commit: a long signature", signedBy(func(sig []byte) []byte { return append(sig, 0) })},
	{"commit: a signature of zeros", signedBy(func([]byte) []byte { return make([]byte, 64) })},
	{"commit: high S", signedBy(highS)},

	{"tree: a node is missing", lacking(1)},
	{"tree: a record is missing", lacking(0)},
	{"tree: the root is a record", ofRoot(func(f *forge) cid.Cid { return f.record() })},
	{"tree: keys in another order", ofRoot(func(f *forge) cid.Cid {
		r, a, b := f.record(), keyAt(0, 0), keyAt(0, 1)
		return f.node(cid.Undef, pair{suffix: b, value: r}, pair{prefix: len(a) - 1, suffix: a[len(a)-1:], value: r})
	})},
	{"tree: one key twice", ofRoot(func(f *forge) cid.Cid {
		r, a := f.record(), keyAt(0, 0)
		return f.node(cid.Undef, pair{suffix: a, value: r}, pair{prefix: len(a), value: r})
	})},
	{"tree: a prefix that could be longer", ofRoot(func(f *forge) cid.Cid {
		r := f.record()
		return f.node(cid.Undef, pair{suffix: keyAt(0, 0), value: r}, pair{suffix: keyAt(0, 1), value: r})
	})},
	{"tree: a prefix longer than the key", ofRoot(func(f *forge) cid.Cid {
		r := f.record()
		return f.node(cid.Undef, pair{suffix: keyAt(0, 0), value: r}, pair{prefix: 100, suffix: "x", value: r})
	})},
	{"tree: a prefix of the first key", ofRoot(func(f *forge) cid.Cid {
		return f.node(cid.Undef, pair{prefix: 1, suffix: keyAt(0, 0), value: f.record()})
	})},
	{"tree: keys of two heights in a node", ofRoot(func(f *forge) cid.Cid {
		r, a, b := f.record(), keyAt(0, 0), keyAt(1, 0)
		if a > b {
			a, b = b, a
		}
		n := 0
		for a[n] == b[n] {
			n++
		}
		return f.node(cid.Undef, pair{suffix: a, value: r}, pair{prefix: n, suffix: b[n:], value: r})
	})},
	{"tree: a child too deep", ofRoot(func(f *forge) cid.Cid {
		r := f.record()
		low := f.treeOf("app.bsky.feed.post/"+strings.TrimPrefix(keyAt(0, 0), "app.bsky.feed.post/"), r)
		return f.node(low, pair{suffix: after(keyAt(0, 0), 2), value: r})
	})},
	{"tree: a child out of its place", ofRoot(func(f *forge) cid.Cid {
		r := f.record()
		low := f.treeOf(keyAt(0, 200), r) // above the key that it stands in front of
		return f.node(low, pair{suffix: keyAt(1, 0), value: r})
	})},
	{"tree: an empty node inside", ofRoot(func(f *forge) cid.Cid { return f.node(f.node(cid.Undef), pair{suffix: keyAt(1, 0), value: f.record()}) })},
	{"tree: a root without keys", ofRoot(func(f *forge) cid.Cid { return f.node(f.tree()) })},
	{"tree: five thousand levels", ofRoot(func(f *forge) cid.Cid {
		c := f.tree()
		for range 5000 {
			c = f.node(c)
		}
		return c
	})},
	{"tree: a cycle", bent(func(f *forge, _ []byte) []byte { // which takes a wrong name
		loop := nodeBytes(f.blocks[1].CID, pair{suffix: keyAt(1, 0), value: f.blocks[0].CID})
		b := car.AppendHeader(nil, f.blocks[2].CID)
		b = car.AppendBlock(b, f.blocks[2].CID, f.blocks[2].Data)
		return append(b, section(f.blocks[1].CID.Bytes(), loop)...)
	})},
	{"tree: a node of megabytes", ofRoot(func(f *forge) cid.Cid { return f.put(make([]byte, 1<<20)) })},
	{"tree: a node with another member", ofRoot(func(f *forge) cid.Cid { return f.put(unhex("a3 6165 80 6161 00 616c f6")) })},
	{"tree: a node without entries", ofRoot(func(f *forge) cid.Cid { return f.put(unhex("a1 616c f6")) })},
	{"tree: a count without entries", ofRoot(func(f *forge) cid.Cid { return f.put(unhex("a2 6165 9b 00000000ffffffff 616c f6")) })},
	{"tree: a link to raw bytes", ofRoot(func(f *forge) cid.Cid { return f.treeOf(keyAt(0, 0), dag.SumRaw(nil)) })},

	{"key: no slash", ofKey("app.bsky.feed.post")},
	{"key: two slashes", ofKey("app.bsky.feed.post/a/b")},
	{"key: no record key", ofKey("app.bsky.feed.post/")},
	{"key: no collection", ofKey("/abc")},
	{"key: a space", ofKey("app.bsky.feed.post/a b")},
	{"key: not ASCII", ofKey("app.bsky.feed.post/ä")},
	{"key: a collection of one word", ofKey("item/abc")},
	{"key: a dot", ofKey("app.bsky.feed.post/.")},
	{"key: two dots", ofKey("app.bsky.feed.post/..")},
	{"key: a long record key", ofKey("app.bsky.feed.post/" + strings.Repeat("a", 513))},
	{"key: too long", ofKey("app.bsky.feed.post/" + strings.Repeat("a", 1100))},

	recordOf("empty", ""),
	recordOf("a list", "80"),
	recordOf("a number", "01"),
	recordOf("a float", "a1 6161 fb 3ff8000000000000"),
	recordOf("NaN", "a1 6161 fb 7ff8000000000000"),
	recordOf("minus zero", "a1 6161 fb 8000000000000000"),
	recordOf("a short float", "a1 6161 f9 3c00"),
	recordOf("text that is not UTF-8", "a1 6161 62 c328"),
	recordOf("an overlong integer", "a1 6161 18 05"),
	recordOf("an overlong length", "a1 6161 78 01 61"),
	recordOf("an integer beyond 64 bits", "a1 6161 3b ffffffffffffffff"),
	recordOf("a link without its zero", "a1 6161 d82a 58 24 01711220"+strings.Repeat("00", 32)),
	recordOf("another tag", "a1 6161 c0 00"),
	recordOf("an indefinite map", "bf 6161 01 ff"),
	recordOf("one key twice", "a2 6161 01 6161 02"),
	recordOf("keys in another order", "a2 6162 01 6161 02"),
	recordOf("a key that is a number", "a1 01 01"),
	recordOf("undefined", "a1 6161 f7"),
	recordOf("bytes behind it", "a1 6161 01 00"),
	recordOf("cut short", "a1 6161"),
	{"record: above a megabyte", func(f *forge) []byte {
		return ofRecord(f, dag.AppendText(dag.AppendText(dag.AppendMap(nil, 1), "a"), strings.Repeat("a", 1_000_001)))
	}},
	{"record: nested deep", func(f *forge) []byte {
		b := dag.AppendText(dag.AppendMap(nil, 1), "a")
		return ofRecord(f, append(append(b, bytes.Repeat([]byte{0x81}, 100_000)...), 0x80))
	}},
}

// after is the first key of a height behind another one.
func after(key string, height int) string {
	for i := 0; ; i++ {
		if k := keyAt(height, i); k > key {
			return k
		}
	}
}

// What is no repository of this account is refused by name, and changes nothing.
func TestHostileImports(t *testing.T) {
	w := open(t, t.TempDir(), 16)
	defer w.close()
	d := w.account(1)
	churn(w, d, 20, 3)
	before, events := exportCAR(w, d, ""), len(w.events(d))
	im := w.importer()
	seen := map[string]bool{}
	for _, h := range hostiles {
		if seen[h.name] {
			t.Errorf("two of the name %q", h.name)
		}
		seen[h.name] = true
		_, err := im.Import(t.Context(), d, bytes.NewReader(h.make(newForge(t, d))))
		if !errors.Is(err, repo.ErrInvalidRepo) {
			t.Errorf("%s: %v", h.name, err)
		}
	}
	if len(hostiles) < 60 {
		t.Errorf("only %d", len(hostiles))
	}
	if !bytes.Equal(exportCAR(w, d, ""), before) || len(w.events(d)) != events {
		t.Error("the repository is another one")
	}
	cleared(w, d)
	verifyExport(w, d, headCID(w, d))
}

// What the hostile ones are made from is taken, and so is what is merely unusual.
func TestUnusualImports(t *testing.T) {
	w := open(t, t.TempDir(), 16)
	defer w.close()
	d := w.account(1)
	for _, c := range []hostile{
		{"as it should be", ofKey(keyAt(0, 0))},
		{"a high tree", ofKey(keyAt(4, 0))},
		{"empty", ofRoot(func(f *forge) cid.Cid { return f.node(cid.Undef) })},
		{"every block twice", bent(func(f *forge, b []byte) []byte { return append(b, b[1+int(b[0]):]...) })},
		{"blocks of no use", bent(func(f *forge, b []byte) []byte { return car.AppendBlock(b, dag.SumRaw([]byte("x")), []byte("x")) })},
		{"version 2 with a rev", func(f *forge) []byte { f.version = 2; return drop("prev")(f) }},
		{"a minute ahead", func(f *forge) []byte {
			f.rev = syntax.NewTID(time.Now().Add(time.Minute).UnixMicro(), 1023).String()
			return ofKey(keyAt(0, 0))(f)
		}},
		{"an earlier commit before it", withFields(func(v map[string][]byte, _ *[]string) { v["prev"] = dag.AppendCID(nil, dag.Sum(nil)) })},
		{"an unknown key's signature", signedBy(func(sig []byte) []byte { return append(bytes.Repeat([]byte{7}, 32), sig[32:]...) })},
	} {
		f := newForge(t, d)
		made, err := w.importer().Import(t.Context(), d, bytes.NewReader(c.make(f)))
		if err != nil {
			t.Errorf("%s: %v", c.name, err)
			continue
		}
		if rev := syntax.TID(f.rev); made.Rev <= rev {
			t.Errorf("%s: rev %s is not above %s", c.name, made.Rev, rev)
		}
		verifyExport(w, d, made.CID.String())
		ask(w, d, writes(create(t, "", "goes on")))
	}
}

// A high S is known by the account's key too, where the curve leaves room.
func TestImportChecksTheSignature(t *testing.T) {
	w := open(t, t.TempDir(), 16)
	defer w.close()
	d := w.account(1)
	for _, c := range []struct {
		name string
		sign func([]byte) []byte
		bad  bool
	}{{"the key's", nil, false}, {"the key's, high", highS, true}} {
		f := newForge(t, d)
		f.sign = c.sign
		f.commit(f.tree())
		im := w.importer()
		im.Key = keyOf(f.key)
		if _, err := im.Import(t.Context(), d, bytes.NewReader(f.file())); errors.Is(err, repo.ErrInvalidRepo) != c.bad {
			t.Errorf("%s: %v", c.name, err)
		}
	}
}

// However much of a file arrives, the repository is the old one until it is all
// there.
func TestTruncatedImports(t *testing.T) {
	w := open(t, t.TempDir(), 16)
	defer w.close()
	d := w.account(1)
	ask(w, d, writes(create(t, "old", "stays")))
	head := headCID(w, d)
	f := newForge(t, d)
	f.commit(f.tree())
	whole := f.file()
	im := w.importer()
	for n := range whole {
		if _, err := im.Import(t.Context(), d, bytes.NewReader(whole[:n])); !errors.Is(err, repo.ErrInvalidRepo) {
			t.Errorf("%d of %d bytes: %v", n, len(whole), err)
		}
		broken := errors.New("connection reset")
		body := io.MultiReader(bytes.NewReader(whole[:n]), breaking{broken})
		if _, err := im.Import(t.Context(), d, body); !errors.Is(err, broken) || errors.Is(err, repo.ErrInvalidRepo) {
			t.Errorf("a connection that broke after %d bytes: %v", n, err)
		}
	}
	if headCID(w, d) != head {
		t.Error("a part of a file was imported")
	}
	w.importCAR(d, whole)
}

type breaking struct{ err error }

func (f breaking) Read([]byte) (int, error) { return 0, f.err }

// A small file may stand for a large repository; what counts is the latter. And
// no file makes more collections than anybody has.
func TestImportsAreBounded(t *testing.T) {
	w := open(t, t.TempDir(), 16)
	defer w.close()
	d := w.account(1)
	head := headCID(w, d)
	im := w.importer()
	im.Limit = 2 << 20
	f := newForge(t, d)
	large := f.put(dag.AppendText(dag.AppendText(dag.AppendMap(nil, 1), "a"), strings.Repeat("a", 900_000)))
	var pairs []pair
	last := ""
	for i := range 20 {
		key := keyAt(0, i)
		n := 0
		for n < len(last) && last[n] == key[n] {
			n++
		}
		pairs, last = append(pairs, pair{prefix: n, suffix: key[n:], value: large}), key
	}
	f.commit(f.node(cid.Undef, pairs...))
	if b := f.file(); len(b) > int(im.Limit) {
		t.Fatal("the file is too large by itself")
	} else if _, err := im.Import(t.Context(), d, bytes.NewReader(b)); !errors.Is(err, repo.ErrInvalidRepo) || !strings.Contains(fmt.Sprint(err), "room") {
		t.Error(err)
	}
	if headCID(w, d) != head {
		t.Error("it was imported")
	}
}
