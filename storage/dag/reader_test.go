package dag_test

import (
	"encoding/hex"
	"errors"
	"math"
	"slices"
	"strings"
	"testing"

	"github.com/ipfs/go-cid"

	"troupe/storage/dag"
)

func unhex(t testing.TB, s string) []byte {
	t.Helper()
	b, err := hex.DecodeString(strings.ReplaceAll(s, " ", ""))
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// TestReader writes one of everything with the Append functions and reads it back.
func TestReader(t *testing.T) {
	link := dag.Sum([]byte("x"))
	b := dag.AppendMap(nil, 3)
	b = dag.AppendText(b, "a")
	b = dag.AppendArray(b, 7)
	b = dag.AppendInt(b, math.MinInt64)
	b = dag.AppendInt(b, math.MaxInt64)
	b = dag.AppendBytes(b, []byte{1, 2})
	b = dag.AppendText(b, "é")
	b = dag.AppendBool(b, true)
	b = dag.AppendNull(b)
	b = dag.AppendCID(b, link)
	b = dag.AppendText(b, "b")
	b = dag.AppendNull(b)
	b = dag.AppendText(b, "cc")
	b = dag.AppendMap(b, 0)
	b = dag.AppendBool(b, false) // a second value, as in an event frame

	r := dag.NewReader(b)
	var failed error
	note := func(err error) {
		if failed == nil {
			failed = err
		}
	}
	expect := func(got, want any) {
		t.Helper()
		if got != want {
			t.Errorf("%v, want %v", got, want)
		}
	}
	n, err := r.Map()
	note(err)
	expect(n, 3)
	expect(r.Kind(), dag.KindText)
	key, err := r.Key()
	note(err)
	expect(key, "a")
	expect(r.IsNull(), false)
	n, err = r.Array()
	note(err)
	expect(n, 7)
	i, err := r.Int()
	note(err)
	expect(i, int64(math.MinInt64))
	i, err = r.Int()
	note(err)
	expect(i, int64(math.MaxInt64))
	bs, err := r.Bytes()
	note(err)
	expect(string(bs), "\x01\x02")
	expect(cap(bs), len(bs)) // an append to an alias must not write into the input
	s, err := r.Text()
	note(err)
	expect(s, "é")
	yes, err := r.Bool()
	note(err)
	expect(yes, true)
	expect(r.Kind(), dag.KindNull)
	expect(r.IsNull(), true)
	expect(r.Kind(), dag.KindCID)
	c, err := r.CID()
	note(err)
	expect(c, link)
	key, err = r.Key()
	note(err)
	expect(key, "b")
	expect(r.IsNull(), true)
	key, err = r.Key()
	note(err)
	expect(key, "cc")
	expect(r.Done(), false)
	raw, err := r.Raw()
	note(err)
	expect(string(raw), "\xa0")
	expect(r.Done(), false)
	expect(string(r.Rest()), "\xf4")
	yes, err = r.Bool()
	note(err)
	expect(yes, false)
	expect(r.Done(), true)
	expect(r.Kind(), dag.KindNone)
	if failed != nil {
		t.Error(failed)
	}
	_, err = r.Int()
	if !errors.Is(err, dag.ErrSyntax) {
		t.Error("behind the end:", err)
	}
}

// TestReaderMisuse: what is asked for and what stands there must agree.
func TestReaderMisuse(t *testing.T) {
	ask := map[dag.Kind]func(*dag.Reader) error{
		dag.KindInt:   func(r *dag.Reader) error { _, err := r.Int(); return err },
		dag.KindBytes: func(r *dag.Reader) error { _, err := r.Bytes(); return err },
		dag.KindText:  func(r *dag.Reader) error { _, err := r.Text(); return err },
		dag.KindArray: func(r *dag.Reader) error { _, err := r.Array(); return err },
		dag.KindMap:   func(r *dag.Reader) error { _, err := r.Map(); return err },
		dag.KindCID:   func(r *dag.Reader) error { _, err := r.CID(); return err },
		dag.KindBool:  func(r *dag.Reader) error { _, err := r.Bool(); return err },
	}
	values := map[dag.Kind]string{
		dag.KindInt: "20", dag.KindBytes: "41 00", dag.KindText: "6161", dag.KindArray: "80",
		dag.KindMap: "a0", dag.KindCID: linkHex, dag.KindBool: "f5", dag.KindNull: "f6",
	}
	for stands, h := range values {
		for asked, read := range ask {
			r := dag.NewReader(unhex(t, h))
			if r.Kind() != stands {
				t.Errorf("%s is %v", h, r.Kind())
			}
			want := dag.ErrKind
			if asked == stands {
				want = nil
			}
			if err := read(r); !errors.Is(err, want) {
				t.Errorf("%v asked where %v stands: %v", asked, stands, err)
			}
		}
	}
	m := unhex(t, "a1 6161 6162")
	r := dag.NewReader(m)
	r.Map()
	if _, err := r.Text(); !errors.Is(err, dag.ErrKind) {
		t.Error("a value where a key stands:", err)
	}
	if err := r.Skip(); !errors.Is(err, dag.ErrKind) {
		t.Error("skip a key:", err)
	}
	r = dag.NewReader(m)
	r.Map()
	r.Key()
	if r.Done() {
		t.Error("done in the middle")
	}
	if _, err := r.Key(); !errors.Is(err, dag.ErrKind) {
		t.Error("a key where a value stands:", err)
	}
	if _, err := dag.NewReader(m).Key(); !errors.Is(err, dag.ErrKind) {
		t.Error("a key without a map:", err)
	}
	if dag.NewReader(nil).IsNull() || !dag.NewReader(nil).Done() {
		t.Error("the empty input")
	}
}

// TestReaderDeep goes deeper than the levels that a Reader holds in place, up,
// and down and up again.
func TestReaderDeep(t *testing.T) {
	const n = 20
	deep := deepMaps(n)
	r := dag.NewReader(slices.Concat(dag.AppendArray(nil, 2), deep, deep))
	r.Array()
	for range 2 {
		readDeepMaps(t, r, n)
	}
	if !r.Done() {
		t.Error("not done")
	}
}

// deepMaps is a map in an array in a map …, each with something behind it.
func deepMaps(n int) (b []byte) {
	for range n {
		b = dag.AppendMap(b, 2)
		b = dag.AppendText(b, "a")
		b = dag.AppendArray(b, 2)
		b = dag.AppendInt(b, 1)
	}
	b = dag.AppendNull(b)
	for i := range n {
		b = dag.AppendText(b, "b")
		b = dag.AppendInt(b, int64(i))
	}
	return b
}

func readDeepMaps(t *testing.T, r *dag.Reader, n int) {
	t.Helper()
	for range n {
		r.Map()
		r.Key()
		r.Array()
		r.Int()
	}
	if !r.IsNull() {
		t.Fatal("no null at the bottom")
	}
	for i := range n {
		key, err := r.Key()
		if err != nil || key != "b" {
			t.Fatal(i, key, err)
		}
		if v, err := r.Int(); err != nil || v != int64(i) {
			t.Fatal(i, v, err)
		}
	}
}

func TestSum(t *testing.T) {
	// The empty repository tree, a value that every implementation knows.
	if got := dag.Sum(unhex(t, "a2616580616cf6")).String(); got != "bafyreie5737gdxlw5i64vzichcalba3z2v5n6icifvx5xytvske7mr3hpm" {
		t.Error(got)
	}
	for _, b := range [][]byte{nil, []byte("blob"), make([]byte, 1000)} {
		builder := cid.V1Builder{Codec: cid.Raw, MhType: 0x12}
		want, err := builder.Sum(b)
		if err != nil {
			t.Fatal(err)
		}
		if got := dag.SumRaw(b); got != want {
			t.Errorf("%v, want %v", got, want)
		}
	}
}
