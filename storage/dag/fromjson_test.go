package dag_test

import (
	"bytes"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/bluesky-social/indigo/atproto/syntax"
	"github.com/ipfs/go-cid"

	"troupe/storage/dag"
)

const (
	linkText = "bafyreidfayvfuwqa7qlnopdjiqrxzs6blmoeu4rujcjtnci5beludirz2a"
	blobText = "bafkreiccldh766hwcnuxnf2wh6jgzepf2nlu2lvcllt63eww5p6chi4ity"
	linkHex  = "d82a582500017112" + "2065062a5a5a00fc16d73c6944237ccbc15b1c4a7234489336891d091741a239d0"
)

func blobJSON(ref string) string {
	return fmt.Sprintf(`{"$type":"blob","ref":{"$link":"%s"},"mimeType":"image/jpeg","size":10000}`, ref)
}

// TestFromJSONBytes gives JSON and the exact bytes it has to become.
func TestFromJSONBytes(t *testing.T) {
	tests := []struct{ name, json, want string }{
		{"empty", `{}`, "a0"},
		{"white space", " \t\r\n{ \"a\" : [ 1 , 2 ] , \"b\" : { } }\n", "a2616182010261" + "62a0"},
		{"sorted by length, then bytes", `{"bb":1,"a":2,"b":3,"aa":4}`, "a4616102616203626161046262" + "6201"},
		{"words", `{"a":[null,true,false]}`, "a1616183f6f5f4"},
		{"unicode keys count bytes", `{"é":1,"zz":2,"z":3}`, "a3617a03627a7a0262c3a901"},

		{"-0", `{"a":-0}`, "a1616100"},
		{"-0.0", `{"a":-0.0}`, "a1616100"},
		{"1.0", `{"a":1.0}`, "a1616101"},
		{"1e2", `{"a":1e2}`, "a161611864"},
		{"1.5E1", `{"a":1.5E+1}`, "a161610f"},
		{"underflow is 0", `{"a":1e-400}`, "a1616100"},
		{"rounded like a double", `{"a":1.00000000000000000001}`, "a1616101"},
		{"-1", `{"a":-1}`, "a1616120"},
		{"head sizes", `{"a":[23,24,255,256,65535,65536,4294967295,4294967296,-24,-25]}`,
			"a161618a17181818ff19010019ffff1a000100001affffffff1b0000000100000000373818"},
		{"largest", `{"a":9007199254740991}`, "a161611b001fffffffffffff"},
		{"smallest", `{"a":-9007199254740991.0}`, "a161613b001ffffffffffffe"},

		{"escapes", `{"a":"\"\\\/\b\f\n\r\t\u0000A\u00e9"}`, "a161616c225c2f080c0a0d09" + "0041c3a9"},
		{"pair", `{"a":"\ud83d\ude00"}`, "a1616164f09f9880"},
		{"half a pair", `{"a":"\ud83d"}`, "a1616163efbfbd"},
		{"other half", `{"a":"\ude00x"}`, "a1616164efbfbd78"},
		{"half, then a pair", `{"a":"\ud83d\ud83d\ude00"}`, "a1616167efbfbdf09f9880"},
		{"half, then an escape", `{"a":"\ud83d\n"}`, "a1616164efbfbd0a"},
		{"NUL in a key", `{"\u0000":1}`, "a1610001"},
		{"escaped key sorts as what it is", `{"\u0062":1,"a":2}`, "a26161026162" + "01"},

		{"link", `{"a":{"$link":"` + linkText + `"}}`, "a16161" + linkHex},
		{"link, key escaped", `{"a":{"\u0024link":"` + linkText + `"}}`, "a16161" + linkHex},
		{"CIDv0", `{"a":{"$link":"QmYwAPJzv5CZsnA625s3Xf2nemtYgPpHdWEz79ojWnPbdG"}}`,
			"a16161d82a5823001220" + "9d6c2be50f706953479ab9df2ce3edca90b68053c00b3004b7f0accbe1e8eedf"},
		{"bytes", `{"a":{"$bytes":"AAE"}}`, "a16161420001"},
		{"bytes padded", `{"a":{"$bytes":"AAE="}}`, "a16161420001"},
		{"bytes, left-over bits", `{"a":{"$bytes":"AAF"}}`, "a16161420001"},
		{"no bytes", `{"a":{"$bytes":""}}`, "a1616140"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			rec, err := dag.FromJSON([]byte(tt.json), dag.RecordLimits)
			if err != nil {
				t.Fatal(err)
			}
			if got := hex.EncodeToString(rec.Bytes); got != tt.want {
				t.Errorf("got  %s\nwant %s", got, tt.want)
			}
			if rec.CID != dag.Sum(rec.Bytes) {
				t.Errorf("CID %v is not that of the bytes", rec.CID)
			}
			if err := dag.Check(rec.Bytes, dag.RecordLimits); err != nil {
				t.Errorf("own output: %v", err)
			}
		})
	}
}

// TestFromJSONPlain gives objects that look special and are not: they stay what
// they are, as in the reference.
func TestFromJSONPlain(t *testing.T) {
	for _, v := range []string{
		`{"$link":"."}`, `{"$link":""}`, `{"$link":1234}`, `{"$link":null}`,
		`{"$link":"` + linkText + `","other":"blah"}`,
		`{"$link":"` + strings.ToUpper(linkText) + `"}`, // base32 in upper case is another prefix
		`{"$link":"b` + strings.ToUpper(linkText[1:]) + `"}`,
		`{"$link":"` + linkText + `a"}`,                        // one character too many
		`{"$link":"` + linkText[:len(linkText)-1] + `b"}`,      // left-over bits
		`{"$link":"/ipfs/` + linkText + `"}`,                   // which go-cid would take
		`{"$link":"f01711220` + strings.Repeat("0", 64) + `"}`, // base16
		`{"$link":"b` + strings.Repeat("a", dag.MaxCIDText) + `"}`,
		`{"$link":"` + longCID(t) + `"}`,                                       // well-formed, and longer than is looked at
		`{"$link":"zQmYwAPJzv5CZsnA625s3Xf2nemtYgPpHdWEz79ojWnPbdG"}`,          // version 0 has no prefix
		`{"$link":"bciqj23bl4uhxa2kti6nltxzm4pw4vefwqbj4aczqas37blgl4huo5xy"}`, // the same one, prefixed
		`{"$link":{"$bytes":"` + inBase64(linkText) + `"}}`, `{"$bytes":{"$bytes":"AAE"}}`,
		`{"$bytes":[1,2,3]}`, `{"$bytes":"*"}`, `{"$bytes":"A"}`, `{"$bytes":"AA="}`,
		`{"$bytes":"AAE=="}`, `{"$bytes":"===="}`, `{"$bytes":"-_-_"}`, `{"$bytes":"AA\nE"}`,
		`{"$bytes":"AAE","other":"blah"}`, `{"$bytes":"AAE","$link":"` + linkText + `"}`,
		`{"$type":""}`, `{"$type":null}`, `{"$type":123}`, `{"$type":["blob"]}`,
		`{"cid":"` + blobText + `","mimeType":"a/b","more":1}`, `{"cid":"x","mimeType":"a/b"}`,
		`{"cid":"` + base58(t, blobText) + `","mimeType":"a/b"}`, // not its usual spelling
		`{"cid":"` + blobText + `","mimeType":""}`, `{"cid":"` + blobText + `","mimeType":5}`,
	} {
		src := `{"a":` + v + `}`
		rec, err := dag.FromJSON([]byte(src), dag.RecordLimits)
		if err != nil {
			t.Errorf("%s: %v", src, err)
			continue
		}
		r := dag.NewReader(rec.Bytes)
		r.Map()
		r.Key()
		if r.Kind() != dag.KindMap {
			t.Errorf("%s: became %v", src, r.Kind())
		}
		if len(rec.Blobs) != 0 {
			t.Errorf("%s: has blobs %v", src, rec.Blobs)
		}
	}
}

func inBase64(s string) string { return base64.RawStdEncoding.EncodeToString([]byte(s)) }

// longCID has a digest of 2000 bytes, which nothing forbids a CID to have.
func longCID(t *testing.T) string {
	c, err := cid.Cast(append([]byte{1, 0x71, 0x12, 0xd0, 0x0f}, make([]byte, 2000)...))
	if err != nil {
		t.Fatal(err)
	}
	return c.String()
}

func base58(t *testing.T, s string) string {
	out, err := cid.MustParse(s).StringOfBase('z')
	if err != nil {
		t.Fatal(err)
	}
	return out
}

func TestFromJSONErrors(t *testing.T) {
	tests := []struct {
		json string
		want error
	}{
		{``, dag.ErrSyntax}, {` `, dag.ErrSyntax}, {`{`, dag.ErrSyntax}, {`{"a"`, dag.ErrSyntax},
		{`{"a":`, dag.ErrSyntax}, {`{"a":1`, dag.ErrSyntax}, {`{"a":1,`, dag.ErrSyntax},
		{`{"a":1,}`, dag.ErrSyntax}, {`{,}`, dag.ErrSyntax}, {`{a:1}`, dag.ErrSyntax}, {`{'a':1}`, dag.ErrSyntax},
		{`{"a" 1}`, dag.ErrSyntax}, {`{"a":1 "b":2}`, dag.ErrSyntax}, {`{"a":[1,]}`, dag.ErrSyntax},
		{`{"a":[1 2]}`, dag.ErrSyntax}, {`{"a":[}`, dag.ErrSyntax}, {`{"a":]}`, dag.ErrSyntax},
		{`{} {}`, dag.ErrSyntax}, {`{}x`, dag.ErrSyntax}, {"\ufeff{}", dag.ErrKind},
		{`{"a":tru}`, dag.ErrSyntax}, {`{"a":nul`, dag.ErrSyntax}, {`{"a":undefined}`, dag.ErrSyntax},
		{`{"a":NaN}`, dag.ErrSyntax}, {`{"a":Infinity}`, dag.ErrSyntax}, {`{"a":-}`, dag.ErrSyntax},
		{`{"a":01}`, dag.ErrSyntax}, {`{"a":-01}`, dag.ErrSyntax}, {`{"a":+1}`, dag.ErrSyntax},
		{`{"a":.5}`, dag.ErrSyntax}, {`{"a":1.}`, dag.ErrSyntax}, {`{"a":1e}`, dag.ErrSyntax},
		{`{"a":1e+}`, dag.ErrSyntax}, {`{"a":0x10}`, dag.ErrSyntax}, {`{"a":1_000}`, dag.ErrSyntax},
		{`{"a":"x`, dag.ErrSyntax}, {`{"a":"\`, dag.ErrSyntax}, {`{"a":"\x41"}`, dag.ErrSyntax},
		{`{"a":"\u12g4"}`, dag.ErrSyntax}, {`{"a":"\u12"}`, dag.ErrSyntax}, {`{"a":"\ud83d\u12"}`, dag.ErrSyntax},
		{"{\"a\":\"\n\"}", dag.ErrSyntax}, {"{\"a\":\"\\t\x01\"}", dag.ErrSyntax}, {"{\x00}", dag.ErrSyntax},
		{`/**/{}`, dag.ErrKind},

		{`{"a":1.5}`, dag.ErrFloat}, {`{"a":1e400}`, dag.ErrFloat}, {`{"a":1e300}`, dag.ErrFloat},
		{`{"a":9007199254740992}`, dag.ErrFloat}, {`{"a":-9007199254740992}`, dag.ErrFloat},
		{`{"a":9007199254740993.0}`, dag.ErrFloat}, {`{"a":9e15}`, nil}, {`{"a":9.1e15}`, dag.ErrFloat},
		{`{"a":` + strings.Repeat("9", 400) + `}`, dag.ErrFloat}, {`{"a":1e-3}`, dag.ErrFloat},
		{`{"a":18446744073709551617}`, dag.ErrFloat}, {`{"a":1e18446744073709551617}`, dag.ErrFloat},

		{`"blah"`, dag.ErrKind}, {`[]`, dag.ErrKind}, {`1`, dag.ErrKind}, {`null`, dag.ErrKind},
		{`{"$link":"` + linkText + `"}`, dag.ErrKind}, {`{"$bytes":"AAE"}`, dag.ErrKind},

		{`{"a":1,"a":1}`, dag.ErrDuplicateKey}, {`{"a":1,"b":2,"\u0061":3}`, dag.ErrDuplicateKey},
		{`{"a":{"$link":"x","$link":"` + linkText + `"}}`, dag.ErrDuplicateKey},
		{`{"a":{"$type":"blob","$type":"x"}}`, dag.ErrDuplicateKey},
		{`{"\ud83d":1,"\ud83e":2}`, dag.ErrDuplicateKey}, // both are U+FFFD
		{`{"__proto__":1}`, dag.ErrKey}, {`{"a":[{"\u005f_proto__":{}}]}`, dag.ErrKey},

		{"{\"a\":\"\xff\"}", dag.ErrText}, {"{\"\xc3\":1}", dag.ErrText}, {"{\"a\":\"\\n\xe2\x82\"}", dag.ErrText},
		{"{\"a\":\"\xed\xa0\x80\"}", dag.ErrText}, {"{\"a\":\"\xc0\x80\"}", dag.ErrText},

		{`{"a":` + strings.Replace(blobJSON(blobText), "10000", `"10000"`, 1) + `}`, dag.ErrBlob},
		{`{"a":` + strings.Replace(blobJSON(blobText), "10000", `-1`, 1) + `}`, dag.ErrBlob},
		{`{"a":` + strings.Replace(blobJSON(blobText), "image/jpeg", `jpeg`, 1) + `}`, dag.ErrBlob},
		{`{"a":` + strings.Replace(blobJSON(blobText), `"size"`, `"alt":"","size"`, 1) + `}`, dag.ErrBlob},
		{`{"a":` + blobJSON(".") + `}`, dag.ErrBlob}, {`{"a":{"$type":"blob"}}`, dag.ErrBlob},
		{`{"a":[{"cid":"` + blobText + `","mimeType":"a/b"}]}`, dag.ErrLegacyBlob},
		{`{"a":[{"mimeType":"x","cid":"` + blobText + `"}]}`, dag.ErrBlob},
	}
	for _, tt := range tests {
		_, err := dag.FromJSON([]byte(tt.json), dag.RecordLimits)
		if !errors.Is(err, tt.want) {
			t.Errorf("%.80q: %v, want %v", tt.json, err, tt.want)
		}
		if err != nil && !errors.Is(err, dag.ErrInvalid) {
			t.Errorf("%.80q: %v does not wrap ErrInvalid", tt.json, err)
		}
	}
}

// TestFromJSONCut: no prefix of a record is one, and none makes it panic.
func TestFromJSONCut(t *testing.T) {
	src := []byte(`{"a":[1.5e1,-2,"x\ud83d\ude00\n"],"b":` + blobJSON(blobText) + `,"c":{"$bytes":"AAE"},"d":true}`)
	if _, err := dag.FromJSON(src, dag.RecordLimits); err != nil {
		t.Fatal(err)
	}
	for i := range src {
		if _, err := dag.FromJSON(src[:i:i], dag.RecordLimits); !errors.Is(err, dag.ErrInvalid) {
			t.Errorf("%q: %v", src[:i], err)
		}
	}
}

func TestFromJSONBlobs(t *testing.T) {
	src := `{"z":{"nested":[` + blobJSON(blobText) + `]},"a":` + blobJSON(linkText) + `}`
	rec, err := dag.FromJSON([]byte(src), dag.RecordLimits)
	if err != nil {
		t.Fatal(err)
	}
	want := []string{linkText, blobText} // in the order of the bytes
	if len(rec.Blobs) != len(want) {
		t.Fatalf("got %v", rec.Blobs)
	}
	for i, b := range rec.Blobs {
		if b.CID.String() != want[i] || b.MimeType != "image/jpeg" || b.Size != 10000 {
			t.Errorf("blob %d: %+v", i, b)
		}
	}
}

func TestFromJSONWithType(t *testing.T) {
	const nsid = syntax.NSID("com.example.note")
	want, err := dag.FromJSON([]byte(`{"$type":"com.example.note","text":"x","toolong":1}`), dag.RecordLimits)
	if err != nil {
		t.Fatal(err)
	}
	tests := []struct {
		json string
		want error
	}{
		{`{"text":"x","toolong":1}`, nil},
		{`{"toolong":1,"$type":"com.example.note","text":"x"}`, nil},
		{`{"$type":"com.example.other"}`, dag.ErrType},
		{`{"$type":"com.example.note2"}`, dag.ErrType},
		{`{"$type":{"$bytes":"` + inBase64("com.example.note") + `"}}`, dag.ErrType},
		{`{"$type":""}`, dag.ErrType}, {`{"$type":null}`, dag.ErrType}, {`{"$type":["com.example.note"]}`, dag.ErrType},
		{`{"$type":"com.example.note","$type":"com.example.note"}`, dag.ErrDuplicateKey},
		{`{"$link":"` + linkText + `"}`, dag.ErrKind},
		{`{"$bytes":"AAE"}`, dag.ErrKind},
	}
	for _, tt := range tests {
		rec, err := dag.FromJSONWithType([]byte(tt.json), nsid, dag.RecordLimits)
		if !errors.Is(err, tt.want) {
			t.Errorf("%s: %v, want %v", tt.json, err, tt.want)
		}
		if err == nil && !bytes.Equal(rec.Bytes, want.Bytes) {
			t.Errorf("%s: %x", tt.json, rec.Bytes)
		}
	}
	// Only the outermost object is a record.
	rec, err := dag.FromJSONWithType([]byte(`{"a":{"$type":"x"},"b":{}}`), nsid, dag.RecordLimits)
	if err != nil {
		t.Fatal(err)
	}
	if n := bytes.Count(rec.Bytes, []byte("$type")); n != 2 {
		t.Errorf("%d times $type in %q", n, rec.Bytes)
	}
}

func TestLimits(t *testing.T) {
	nested := func(n int, open, end string) []byte {
		return []byte(`{"a":` + strings.Repeat(open, n) + strings.Repeat(end, n) + `}`)
	}
	tests := []struct {
		name string
		src  []byte
		l    dag.Limits
		want error
	}{
		{"arrays at the limit", nested(63, "[", "]"), dag.RecordLimits, nil},
		{"arrays beyond", nested(64, "[", "]"), dag.RecordLimits, dag.ErrDepth},
		{"objects beyond", nested(64, `{"a":`, "}"), dag.RecordLimits, dag.ErrDepth},
		{"a million arrays", nested(1e6, "[", "]"), dag.RecordLimits, dag.ErrDepth},
		{"a million objects", nested(1e6, `{"a":`, "}"), dag.RecordLimits, dag.ErrDepth},
		{"a million unclosed", []byte(strings.Repeat(`{"":`, 1e6)), dag.RecordLimits, dag.ErrDepth},
		{"no limits means the usual", nested(64, "[", "]"), dag.Limits{}, dag.ErrDepth},
		{"a mad limit is cut", nested(1e6, "[", "]"), dag.Limits{Depth: 1e9}, dag.ErrDepth},

		{"size exact", []byte(`{"a":"` + strings.Repeat("x", 94) + `"}`), dag.Limits{Bytes: 99}, nil},
		{"size over by one", []byte(`{"a":"` + strings.Repeat("x", 94) + `"}`), dag.Limits{Bytes: 98}, dag.ErrTooLarge},
		{"base64 that fits when decoded", []byte(`{"a":{"$bytes":"` + strings.Repeat("AAAA", 30) + `"}}`), dag.Limits{Bytes: 95}, nil},
		{"one huge text", []byte(`{"a":"` + strings.Repeat("x", 3e6) + `"}`), dag.RecordLimits, dag.ErrTooLarge},
		{"many members", manyMembers(300_000), dag.RecordLimits, dag.ErrTooLarge},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if _, err := dag.FromJSON(tt.src, tt.l); !errors.Is(err, tt.want) {
				t.Errorf("%v, want %v", err, tt.want)
			}
		})
	}
	t.Run("head sizes of containers", func(t *testing.T) {
		for _, n := range []int{0, 1, 23, 24, 25, 255, 256, 257, 65535, 65536} {
			rec, err := dag.FromJSON(manyMembers(n), dag.RecordLimits)
			if err != nil {
				t.Fatal(n, err)
			}
			if err := dag.Check(rec.Bytes, dag.RecordLimits); err != nil {
				t.Error(n, err)
			}
			array := []byte(`{"a":[` + strings.TrimSuffix(strings.Repeat("1,", n), ",") + `]}`)
			if rec, err = dag.FromJSON(array, dag.RecordLimits); err != nil {
				t.Fatal(n, err)
			}
			if err := dag.Check(rec.Bytes, dag.RecordLimits); err != nil {
				t.Error(n, err)
			}
			if got, err := dag.AppendJSON(nil, rec.Bytes); err != nil || !bytes.Equal(got, array) {
				t.Error(n, "array does not come back", err)
			}
		}
	})
}

// manyMembers is an object of n members, in an order that is not canonical.
func manyMembers(n int) []byte {
	var b bytes.Buffer
	b.WriteByte('{')
	for i := n; i > 0; i-- {
		fmt.Fprintf(&b, `"%d":%d`, i, i%10)
		if i > 1 {
			b.WriteByte(',')
		}
	}
	b.WriteByte('}')
	return b.Bytes()
}

// TestFromJSONOwnsNothing: results outlive the buffers they were made in.
func TestFromJSONOwnsNothing(t *testing.T) {
	src := []byte(`{"b":"first","a":` + blobJSON(blobText) + `}`)
	rec, err := dag.FromJSON(src, dag.RecordLimits)
	if err != nil {
		t.Fatal(err)
	}
	before, mime := hex.EncodeToString(rec.Bytes), rec.Blobs[0].MimeType
	clear(src)
	for range 100 {
		if _, err := dag.FromJSON([]byte(`{"zzzzzz":"other","c":"`+strings.Repeat("y", 200)+`"}`), dag.RecordLimits); err != nil {
			t.Fatal(err)
		}
	}
	if hex.EncodeToString(rec.Bytes) != before || rec.Blobs[0].MimeType != mime || rec.CID != dag.Sum(rec.Bytes) {
		t.Error("a record changed after it was given out")
	}
}
