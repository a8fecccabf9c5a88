package dag_test

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"reflect"
	"strconv"
	"strings"
	"testing"

	"github.com/bluesky-social/indigo/atproto/atdata"
	"github.com/ipfs/go-cid"
	"pgregory.net/rapid"

	"troupe/storage/dag"
)

// A random value is made of nil, bool, int64, string, []any, map[string]any,
// []byte, cid.Cid and dag.Blob.

const maxSafe = 1<<53 - 1

func genValue(t *rapid.T, depth int) any {
	kinds := 9
	if depth == 0 {
		kinds = 7
	}
	switch rapid.IntRange(0, kinds-1).Draw(t, "kind") {
	case 0:
		return nil
	case 1:
		return rapid.Bool().Draw(t, "bool")
	case 2:
		return rapid.OneOf(rapid.Int64Range(-maxSafe, maxSafe), rapid.Int64Range(-300, 300)).Draw(t, "int")
	case 3:
		return rapid.String().Draw(t, "text")
	case 4:
		return rapid.SliceOfN(rapid.Byte(), 0, 40).Draw(t, "bytes")
	case 5:
		return genCID(t)
	case 6:
		return dag.Blob{CID: genCID(t), MimeType: "a/" + rapid.String().Draw(t, "mime"), Size: rapid.Int64Range(0, maxSafe).Draw(t, "size")}
	case 7:
		return genMap(t, depth-1)
	}
	out := make([]any, rapid.IntRange(0, 30).Draw(t, "len")/3)
	for i := range out {
		out[i] = genValue(t, depth-1)
	}
	return out
}

func genCID(t *rapid.T) cid.Cid {
	b := rapid.SliceOfN(rapid.Byte(), 0, 8).Draw(t, "content")
	if rapid.Bool().Draw(t, "raw") {
		return dag.SumRaw(b)
	}
	return dag.Sum(b)
}

// genMap avoids the keys that mean something: those have tables of their own.
func genMap(t *rapid.T, depth int) map[string]any {
	key := rapid.OneOf(rapid.String(), rapid.StringMatching(`[a-c]{0,3}`)).Filter(func(k string) bool {
		return !strings.HasPrefix(k, "$") && k != "__proto__" && k != "cid"
	})
	out := make(map[string]any)
	for _, k := range rapid.SliceOfNDistinct(key, 0, 30, rapid.ID[string]).Draw(t, "keys") {
		out[k] = genValue(t, depth)
	}
	return out
}

// writeJSON spells v in one of many ways: order of keys, spaces, escapes, forms
// of numbers, padding.
func writeJSON(t *rapid.T, w *bytes.Buffer, v any) {
	space := func() { w.WriteString(rapid.SampledFrom([]string{"", "", "", " ", "\n\t"}).Draw(t, "space")) }
	space()
	defer space()
	switch v := v.(type) {
	case nil, bool:
		fmt.Fprint(w, map[any]string{nil: "null", true: "true", false: "false"}[v])
	case int64:
		s := strconv.FormatInt(v, 10)
		switch rapid.IntRange(0, 5).Draw(t, "form") {
		case 0:
			s += ".0"
		case 1:
			if v%100 == 0 {
				s = strconv.FormatInt(v/100, 10) + "e2"
			}
		case 2:
			if v != 0 { // 00 is no number
				s += "0e-1"
			}
		}
		w.WriteString(s)
	case string:
		writeText(t, w, v)
	case []byte:
		enc := base64.RawStdEncoding
		fmt.Fprintf(w, `{"$bytes":"%s"}`, enc.EncodeToString(v))
	case cid.Cid:
		fmt.Fprintf(w, `{"$link":%q}`, v)
	case dag.Blob:
		writeJSON(t, w, map[string]any{"$type": "blob", "ref": v.CID, "mimeType": v.MimeType, "size": v.Size})
	case []any:
		w.WriteByte('[')
		for i, e := range v {
			if i > 0 {
				w.WriteByte(',')
			}
			writeJSON(t, w, e)
		}
		if space(); true {
			w.WriteByte(']')
		}
	case map[string]any:
		keys := make([]string, 0, len(v))
		for k := range v {
			keys = append(keys, k)
		}
		// Sorted first: a map's own order would not repeat when rapid does.
		keys = rapid.Permutation(sorted(keys)).Draw(t, "order")
		w.WriteByte('{')
		for i, k := range keys {
			if i > 0 {
				w.WriteByte(',')
			}
			space()
			writeText(t, w, k)
			space()
			w.WriteByte(':')
			writeJSON(t, w, v[k])
		}
		space()
		w.WriteByte('}')
	default:
		t.Fatalf("unknown %T", v)
	}
}

func writeText(t *rapid.T, w *bytes.Buffer, s string) {
	switch rapid.IntRange(0, 2).Draw(t, "spelling") {
	case 0:
		b, _ := json.Marshal(s)
		w.Write(b)
	case 1: // all escaped
		w.WriteByte('"')
		for _, r := range s {
			if r > 0xffff {
				r -= 0x10000
				fmt.Fprintf(w, `\u%04x\u%04X`, 0xd800+r>>10, 0xdc00+r&0x3ff)
				continue
			}
			fmt.Fprintf(w, `\u%04X`, r)
		}
		w.WriteByte('"')
	default: // as little as possible
		b, _ := dag.AppendJSON(nil, dag.AppendText(nil, s))
		w.Write(b)
	}
}

// TestAgainstAtdata: on any value that both read, both make the same bytes, the
// same Go values and equal JSON.
func TestAgainstAtdata(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		var src bytes.Buffer
		value := genMap(t, 4)
		writeJSON(t, &src, value)
		rec, err := dag.FromJSON(src.Bytes(), dag.RecordLimits)
		if err != nil {
			t.Fatalf("%s: %v", src.Bytes(), err)
		}
		want, err := atdata.UnmarshalJSON(src.Bytes())
		if err != nil {
			t.Fatalf("oracle: %s: %v", src.Bytes(), err)
		}
		wantCBOR, err := atdata.MarshalCBOR(want)
		if err != nil {
			t.Fatalf("oracle: %v", err)
		}
		if !bytes.Equal(rec.Bytes, wantCBOR) {
			t.Fatalf("%s\ngot  %x\nwant %x", src.Bytes(), rec.Bytes, wantCBOR)
		}
		if err := dag.Check(rec.Bytes, dag.RecordLimits); err != nil {
			t.Fatal(err)
		}
		if got, err := dag.Decode(rec.Bytes); err != nil || !reflect.DeepEqual(got, any(want)) {
			t.Fatalf("Decode: %v\ngot  %#v\nwant %#v", err, got, want)
		}
		if got, err := dag.Blobs(rec.Bytes); err != nil || len(got) != len(atdata.ExtractBlobs(want)) || !reflect.DeepEqual(got, rec.Blobs) {
			t.Fatalf("blobs: %v, %v, %v", got, rec.Blobs, err)
		}
		out, err := dag.AppendJSON(nil, rec.Bytes)
		if err != nil {
			t.Fatal(err)
		}
		wantJSON, err := json.Marshal(want)
		if err != nil {
			t.Fatal(err)
		}
		if got, want := generic(t, out), generic(t, wantJSON); !reflect.DeepEqual(got, want) {
			t.Fatalf("JSON\ngot  %s\nwant %s", out, wantJSON)
		}
		again, err := dag.FromJSON(out, dag.RecordLimits)
		if err != nil || !bytes.Equal(again.Bytes, rec.Bytes) || again.CID != rec.CID {
			t.Fatalf("does not come back: %s: %v", out, err)
		}
	})
}

// TestWriterAgainstAtdata: values built with the Append functions and read with
// a Reader, against the oracle's decoder.
func TestWriterAgainstAtdata(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		value := genMap(t, 3)
		b := appendValue(nil, value)
		if err := dag.Check(b, dag.RecordLimits); err != nil {
			t.Fatal(err)
		}
		want, err := atdata.UnmarshalCBOR(b)
		if err != nil {
			t.Fatalf("oracle: %x: %v", b, err)
		}
		if got, err := dag.Decode(b); err != nil || !reflect.DeepEqual(got, notNil(want)) {
			t.Fatalf("%v\ngot  %#v\nwant %#v", err, got, want)
		}
	})
}

func generic(t *rapid.T, b []byte) (v any) {
	d := json.NewDecoder(bytes.NewReader(b))
	d.UseNumber()
	if err := d.Decode(&v); err != nil {
		t.Fatalf("%s: %v", b, err)
	}
	return v
}

// notNil makes empty bytes of nil ones: the oracle's decoder gives nil, which its
// encoder refuses.
func notNil(v any) any {
	switch v := v.(type) {
	case atdata.Bytes:
		return append(atdata.Bytes{}, v...)
	case []any:
		for i := range v {
			v[i] = notNil(v[i])
		}
	case map[string]any:
		for k := range v {
			v[k] = notNil(v[k])
		}
	}
	return v
}
