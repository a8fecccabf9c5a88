package dag_test

import (
	"bytes"
	"cmp"
	"encoding/json"
	"errors"
	"maps"
	"slices"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/ipfs/go-cid"

	"troupe/storage/dag"
)

func sorted(keys []string) []string {
	slices.SortFunc(keys, func(a, b string) int {
		return cmp.Or(cmp.Compare(len(a), len(b)), strings.Compare(a, b))
	})
	return keys
}

// appendValue is an encoder of its own for the values that tests have.
func appendValue(dst []byte, v any) []byte {
	switch v := v.(type) {
	case nil:
		return dag.AppendNull(dst)
	case bool:
		return dag.AppendBool(dst, v)
	case int64:
		return dag.AppendInt(dst, v)
	case string:
		return dag.AppendText(dst, v)
	case []byte:
		return dag.AppendBytes(dst, v)
	case cid.Cid:
		return dag.AppendCID(dst, v)
	case dag.Blob:
		return appendValue(dst, map[string]any{"$type": "blob", "ref": v.CID, "mimeType": v.MimeType, "size": v.Size})
	case []any:
		dst = dag.AppendArray(dst, len(v))
		for _, e := range v {
			dst = appendValue(dst, e)
		}
		return dst
	case map[string]any:
		dst = dag.AppendMap(dst, len(v))
		for _, k := range sorted(slices.Collect(maps.Keys(v))) {
			dst = appendValue(dag.AppendText(dst, k), v[k])
		}
		return dst
	}
	panic("unknown value")
}

// readValue is the inverse, with a Reader.
func readValue(t *testing.T, r *dag.Reader) any {
	var v any
	var err error
	switch r.Kind() {
	case dag.KindInt:
		v, err = r.Int()
	case dag.KindBytes:
		v, err = r.Bytes()
	case dag.KindText:
		v, err = r.Text()
	case dag.KindCID:
		v, err = r.CID()
	case dag.KindBool:
		v, err = r.Bool()
	case dag.KindNull:
		if !r.IsNull() {
			t.Fatal("a null that is none")
		}
	case dag.KindArray:
		var n int
		n, err = r.Array()
		list := make([]any, 0, n)
		for range n {
			list = append(list, readValue(t, r))
		}
		v = list
	case dag.KindMap:
		var n int
		n, err = r.Map()
		m := make(map[string]any)
		for range n {
			k, err := r.Key()
			if err != nil {
				t.Fatal(err)
			}
			m[k] = readValue(t, r)
		}
		v = m
	default:
		t.Fatal("nothing there")
	}
	if err != nil {
		t.Fatal(err)
	}
	return v
}

// FuzzFromJSON: what comes out is canonical, comes back, and was JSON; what is
// refused as malformed is so for the standard library too.
func FuzzFromJSON(f *testing.F) {
	for _, s := range []string{
		`{}`, `{"b":[1,-2.0,3e2,null,true,false],"a":{"c":"x\u00e9\ud83d\ude00\ud83d\n"}}`, `{"a":{"$link":"` + linkText + `"}}`,
		`{"a":{"$bytes":"AAE="},"b":` + blobJSON(blobText) + `}`, `{"a":1,"a":2}`, `{"a":1.5}`, `[[[[[[`, `{"a":"\ud83d"}`,
		`{"cid":"` + blobText + `","mimeType":"a/b"}`, `{"a":{"$link":"."}}`, "{\"a\":\"\xff\"}", `{"__proto__":0}`, `{"a":01}`,
	} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, src []byte) {
		given := bytes.Clone(src)
		rec, err := dag.FromJSON(src, dag.RecordLimits)
		if !bytes.Equal(src, given) {
			t.Fatal("the input changed")
		}
		if err != nil {
			if !errors.Is(err, dag.ErrInvalid) {
				t.Fatalf("%v does not wrap ErrInvalid", err)
			}
			if errors.Is(err, dag.ErrSyntax) && json.Valid(src) {
				t.Fatalf("%q is JSON: %v", src, err)
			}
			return
		}
		if !json.Valid(src) || !utf8.Valid(src) {
			t.Fatalf("%q is no JSON", src)
		}
		if err := dag.Check(rec.Bytes, dag.RecordLimits); err != nil {
			t.Fatalf("%q: own output %x: %v", src, rec.Bytes, err)
		}
		if !bytes.Equal(appendValue(nil, readValue(t, dag.NewReader(rec.Bytes))), rec.Bytes) {
			t.Fatalf("%q: %x is not canonical", src, rec.Bytes)
		}
		out, err := dag.AppendJSON(nil, rec.Bytes)
		if err != nil {
			t.Fatal(err)
		}
		again, err := dag.FromJSON(out, dag.RecordLimits)
		if err != nil || again.CID != rec.CID || len(again.Blobs) != len(rec.Blobs) {
			t.Fatalf("%q does not come back from %q: %v", src, out, err)
		}
	})
}

// FuzzCheck: every way to read agrees on what is canonical, and what is
// canonical is the one spelling that a writer makes of it.
func FuzzCheck(f *testing.F) {
	for _, h := range []string{
		"a0", "a2616102626262f6", "8301 20 3903e7", "d82a58250001711220" + strings.Repeat("00", 32), "a1616181fb3ff8000000000000",
		"9f01ff", "1817", "bbffffffffffffffff", "a2616101616102", "63eda080", "d82a41", "a4637265" + "66" + linkHex + "6473697a6501",
	} {
		f.Add(unhex(f, h))
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		err := dag.Check(b, dag.Limits{Depth: dag.MaxDepth})
		_, decodeErr := dag.Decode(b)
		out, jsonErr := dag.AppendJSON(nil, b)
		_, blobsErr := dag.Blobs(b)
		for _, other := range []error{decodeErr, jsonErr, blobsErr} {
			if (err == nil) != (other == nil) {
				t.Fatalf("%x: %v, but %v", b, err, other)
			}
		}
		if err != nil {
			if !errors.Is(err, dag.ErrInvalid) {
				t.Fatalf("%v does not wrap ErrInvalid", err)
			}
			return
		}
		if !json.Valid(out) {
			t.Fatalf("%x: %q is no JSON", b, out)
		}
		if again := appendValue(nil, readValue(t, dag.NewReader(b))); !bytes.Equal(again, b) {
			t.Fatalf("%x was taken, its spelling is %x", b, again)
		}
	})
}
