package dag_test

import (
	"encoding/json"
	"reflect"
	"strings"
	"testing"

	"github.com/bluesky-social/indigo/atproto/atdata"
	"github.com/ipfs/go-cid"

	"troupe/storage/dag"
)

func TestAppendJSON(t *testing.T) {
	tests := []struct{ in, want string }{
		{`{}`, `{}`},
		{`{"bb":1,"a":[],"c":{}}`, `{"a":[],"c":{},"bb":1}`},
		{`{"a":[null,true,false,-5,9007199254740991]}`, `{"a":[null,true,false,-5,9007199254740991]}`},
		{`{"a":"<>&\u2028é😀\u007f"}`, `{"a":"<>&` + "\u2028é😀\u007f" + `"}`},
		{`{"a":"\"\\\/\b\f\n\r\t\u0000\u001f"}`, `{"a":"\"\\/\b\f\n\r\t\u0000\u001f"}`},
		{`{"\n\"":1}`, `{"\n\"":1}`},
		{`{"a":{"$bytes":"AAE="}}`, `{"a":{"$bytes":"AAE"}}`},
		{`{"a":{"$bytes":""}}`, `{"a":{"$bytes":""}}`},
		{`{"a":{"$link":"` + linkText + `"}}`, `{"a":{"$link":"` + linkText + `"}}`},
		{`{"a":{"$link":"QmYwAPJzv5CZsnA625s3Xf2nemtYgPpHdWEz79ojWnPbdG"}}`, `{"a":{"$link":"QmYwAPJzv5CZsnA625s3Xf2nemtYgPpHdWEz79ojWnPbdG"}}`},
		{`{"a":{"$link":"."}}`, `{"a":{"$link":"."}}`},
	}
	for _, tt := range tests {
		rec, err := dag.FromJSON([]byte(tt.in), dag.RecordLimits)
		if err != nil {
			t.Errorf("%s: %v", tt.in, err)
			continue
		}
		got, err := dag.AppendJSON([]byte("before "), rec.Bytes)
		if err != nil {
			t.Errorf("%s: %v", tt.in, err)
			continue
		}
		got = got[len("before "):]
		if string(got) != tt.want {
			t.Errorf("%s\ngot  %s\nwant %s", tt.in, got, tt.want)
		}
		if !json.Valid(got) {
			t.Errorf("not JSON: %s", got)
		}
		again, err := dag.FromJSON(got, dag.RecordLimits)
		if err != nil || again.CID != rec.CID {
			t.Errorf("%s does not come back: %v", got, err)
		}
	}
}

// TestLinkSpellings: a CID may be written in three bases, and is given out in one.
func TestLinkSpellings(t *testing.T) {
	c := cid.MustParse(linkText)
	for _, base := range "bzk" {
		var text string
		var err error
		switch base { // constants, as the type of a base is another module's
		case 'b':
			text, err = c.StringOfBase('b')
		case 'z':
			text, err = c.StringOfBase('z')
		case 'k':
			text, err = c.StringOfBase('k')
		}
		if err != nil {
			t.Fatal(err)
		}
		rec, err := dag.FromJSON([]byte(`{"a":{"$link":"`+text+`"}}`), dag.RecordLimits)
		if err != nil {
			t.Fatal(err)
		}
		got, err := dag.AppendJSON(nil, rec.Bytes)
		if want := `{"a":{"$link":"` + linkText + `"}}`; err != nil || string(got) != want {
			t.Errorf("%s: %s, %v", text, got, err)
		}
	}
}

// TestEveryByteQuoted compares the escapes with those of the standard library.
func TestEveryByteQuoted(t *testing.T) {
	for c := rune(0); c < 0x200; c++ {
		got, err := dag.AppendJSON(nil, dag.AppendText(nil, "a"+string(c)+"b"))
		if err != nil {
			t.Fatal(err)
		}
		var back string
		if err := json.Unmarshal(got, &back); err != nil || back != "a"+string(c)+"b" {
			t.Errorf("%U: %q, %v", c, got, err)
		}
	}
}

func TestDecode(t *testing.T) {
	link := atdata.CIDLink(cid.MustParse(linkText))
	blob := atdata.CIDLink(cid.MustParse(blobText))
	tests := []struct {
		json string
		want any
	}{
		{`{}`, map[string]any{}},
		{`{"a":[1,-1,"x",true,false,null]}`, map[string]any{"a": []any{int64(1), int64(-1), "x", true, false, nil}}},
		{`{"a":[]}`, map[string]any{"a": []any{}}},
		{`{"a":{"$bytes":"AAE"}}`, map[string]any{"a": atdata.Bytes{0, 1}}},
		{`{"a":{"$bytes":""}}`, map[string]any{"a": atdata.Bytes{}}},
		{`{"a":{"$link":"` + linkText + `"}}`, map[string]any{"a": link}},
		{`{"a":` + blobJSON(blobText) + `}`, map[string]any{"a": atdata.Blob{Ref: blob, MimeType: "image/jpeg", Size: 10000}}},
		{`{"a":{"$link":"."}}`, map[string]any{"a": map[string]any{"$link": "."}}},
	}
	for _, tt := range tests {
		rec, err := dag.FromJSON([]byte(tt.json), dag.RecordLimits)
		if err != nil {
			t.Fatal(err)
		}
		got, err := dag.Decode(rec.Bytes)
		if err != nil || !reflect.DeepEqual(got, tt.want) {
			t.Errorf("%s: %#v, %v", tt.json, got, err)
		}
	}
}

// TestDecodeCopies: the values do not change with the bytes they came from.
func TestDecodeCopies(t *testing.T) {
	b := dag.AppendArray(nil, 2)
	b = dag.AppendBytes(b, []byte{1, 2})
	b = dag.AppendText(b, "x")
	got, err := dag.Decode(b)
	clear(b)
	if err != nil || !reflect.DeepEqual(got, []any{atdata.Bytes{1, 2}, "x"}) {
		t.Errorf("%#v, %v", got, err)
	}
}

// legacyRecord is {"a": {cid, mimeType}}, which FromJSON does not make any more.
func legacyRecord(ref, mime string) []byte {
	b := dag.AppendMap(nil, 1)
	b = dag.AppendText(b, "a")
	b = dag.AppendMap(b, 2)
	b = dag.AppendText(b, "cid")
	b = dag.AppendText(b, ref)
	b = dag.AppendText(b, "mimeType")
	return dag.AppendText(b, mime)
}

func TestLegacyBlobsAreRead(t *testing.T) {
	b := legacyRecord(blobText, "image/png")
	want := dag.Blob{CID: cid.MustParse(blobText), MimeType: "image/png", Size: -1}
	if got, err := dag.Blobs(b); err != nil || len(got) != 1 || got[0] != want {
		t.Errorf("Blobs: %v, %v", got, err)
	}
	got, err := dag.Decode(b)
	if err != nil || !reflect.DeepEqual(got, map[string]any{"a": atdata.Blob{Ref: atdata.CIDLink(want.CID), MimeType: "image/png", Size: -1}}) {
		t.Errorf("Decode: %#v, %v", got, err)
	}
	for _, b := range [][]byte{legacyRecord("x", "image/png"), legacyRecord(blobText, ""), legacyRecord(strings.ToUpper(blobText), "a/b")} {
		if got, err := dag.Blobs(b); err != nil || len(got) != 0 {
			t.Errorf("%q: %v, %v", b, got, err)
		}
	}
}

// TestBlobs counts references at every kind of place, and what only looks like one.
func TestBlobs(t *testing.T) {
	rec, err := dag.FromJSON([]byte(`{"a":`+blobJSON(blobText)+`,"b":[[`+blobJSON(blobText)+`,1],{"x":`+blobJSON(linkText)+
		`}],"c":{"ref":{"$link":"`+linkText+`"},"size":1,"$type":"blob2","mimeType":"a/b"},"d":"blob"}`), dag.RecordLimits)
	if err != nil {
		t.Fatal(err)
	}
	got, err := dag.Blobs(rec.Bytes)
	if err != nil || len(got) != 3 || !reflect.DeepEqual(got, rec.Blobs) {
		t.Fatalf("%v, %v", got, err)
	}
	// Alone, and as a member of a map whose first bytes are those of a blob.
	one := unhex(t, "a4 63726566"+linkHex+"6473697a65 01 652474797065 64626c6f62 686d696d6554797065 63612f62")
	if got, err := dag.Blobs(one); err != nil || len(got) != 1 {
		t.Errorf("%v, %v", got, err)
	}
	for name, h := range map[string]string{
		"negative size": "a4 63726566" + linkHex + "6473697a65 20 652474797065 64626c6f62 686d696d6554797065 63612f62",
		"no slash":      "a4 63726566" + linkHex + "6473697a65 01 652474797065 64626c6f62 686d696d6554797065 63616162",
		"no blob":       "a4 63726566" + linkHex + "6473697a65 01 652474797065 64626c6f63 686d696d6554797065 63612f62",
		"other key":     "a4 63726566" + linkHex + "6473697a65 01 652474797065 64626c6f62 686d696d6554797066 63612f62",
	} {
		if got, err := dag.Blobs(unhex(t, h)); err != nil || len(got) != 0 {
			t.Errorf("%s: %v, %v", name, got, err)
		}
	}
}
