package interop

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"errors"
	"reflect"
	"testing"

	"github.com/bluesky-social/indigo/atproto/atdata"
	"github.com/bluesky-social/indigo/atproto/syntax"

	"troupe/storage/dag"
)

func TestData(t *testing.T) {
	runAll(t, "atdata", map[string]check{
		"data-model-fixtures.json": exactData,
		"data-model-valid.json":    validData,
		"data-model-invalid.json":  invalidData,
		"feedpost_record.cbor":     recordedPost,
	})
}

// exactData gives JSON, the bytes and the CID.
func exactData(t *testing.T, content []byte) int {
	return items(t, content, func(t *testing.T, f struct {
		JSON       json.RawMessage `json:"json"`
		CBORBase64 string          `json:"cbor_base64"`
		CID        string          `json:"cid"`
	}) {
		want, err := base64.RawStdEncoding.DecodeString(f.CBORBase64)
		if err != nil {
			t.Fatal(err)
		}
		rec, err := dag.FromJSON(f.JSON, dag.RecordLimits)
		if err != nil {
			t.Fatalf("%s: %v", f.JSON, err)
		}
		if !bytes.Equal(rec.Bytes, want) || rec.CID.String() != f.CID {
			t.Errorf("%s\ngot  %v %x\nwant %s %x", f.JSON, rec.CID, rec.Bytes, f.CID, want)
		}
		wantBack(t, want)
	})
}

// wantBack: canonical bytes pass the check, come back from JSON as they were,
// and decode to what indigo decodes them to.
func wantBack(t *testing.T, cbor []byte) {
	t.Helper()
	if err := dag.Check(cbor, dag.RecordLimits); err != nil {
		t.Error(err)
	}
	text, err := dag.AppendJSON(nil, cbor)
	if err != nil {
		t.Fatal(err)
	}
	again, err := dag.FromJSON(text, dag.RecordLimits)
	if err != nil || !bytes.Equal(again.Bytes, cbor) {
		t.Errorf("%s does not come back: %v", text, err)
	}
	want, err := atdata.UnmarshalCBOR(cbor)
	if err != nil {
		t.Fatal(err)
	}
	if got, err := dag.Decode(cbor); err != nil || !reflect.DeepEqual(got, any(want)) {
		t.Errorf("got  %#v, %v\nwant %#v", got, err, want)
	}
	blobs, err := dag.Blobs(cbor)
	if err != nil || len(blobs) != len(atdata.ExtractBlobs(want)) {
		t.Errorf("blobs %v, %v", blobs, err)
	}
}

func validData(t *testing.T, content []byte) int {
	return items(t, content, func(t *testing.T, f struct {
		Note string          `json:"note"`
		JSON json.RawMessage `json:"json"`
	}) {
		rec, err := dag.FromJSON(f.JSON, dag.RecordLimits)
		if err != nil {
			t.Errorf("%s: %v", f.Note, err)
			return
		}
		wantBack(t, rec.Bytes)
	})
}

// lenient are the invalid fixtures that are taken nevertheless, because the
// reference server takes them: it reads JSON leniently. A malformed $link or
// $bytes stays the object it was written as, and $type inside a record is the
// schema's concern.
var lenient = map[string]bool{
	"record with $type null":         true,
	"record with $type wrong type":   true,
	"record with empty $type string": true,
	"bytes with wrong field type":    true,
	"bytes with extra fields":        true,
	"link with wrong field type":     true,
	"link with bogus CID":            true,
	"link with extra fields":         true,
}

func invalidData(t *testing.T, content []byte) int {
	used := 0
	n := items(t, content, func(t *testing.T, f struct {
		Note string          `json:"note"`
		JSON json.RawMessage `json:"json"`
	}) {
		rec, err := dag.FromJSON(f.JSON, dag.RecordLimits)
		if !lenient[f.Note] {
			if !errors.Is(err, dag.ErrInvalid) {
				t.Errorf("%s was taken: %v", f.Note, err)
			}
			return
		}
		used++
		if err != nil {
			t.Errorf("%s is refused now, take it off the list: %v", f.Note, err)
			return
		}
		// Taken means kept to the letter: nothing of it became a link or bytes.
		text, err := dag.AppendJSON(nil, rec.Bytes)
		if err != nil {
			t.Fatal(err)
		}
		var got, want any
		if err := errors.Join(json.Unmarshal(text, &got), json.Unmarshal(f.JSON, &want)); err != nil {
			t.Fatal(err)
		}
		if !reflect.DeepEqual(got, want) {
			t.Errorf("%s\ngot  %s\nwant %s", f.Note, text, f.JSON)
		}
	})
	if used != len(lenient) {
		t.Errorf("%d of %d exceptions were needed", used, len(lenient))
	}
	return n
}

// recordedPost is one record as a server stored it.
func recordedPost(t *testing.T, content []byte) int {
	if len(content) == 0 {
		return 0
	}
	wantBack(t, content)
	text, err := dag.AppendJSON(nil, content)
	if err != nil {
		t.Fatal(err)
	}
	rec, err := dag.FromJSONWithType(text, "app.bsky.feed.post", dag.RecordLimits)
	if err != nil || !bytes.Equal(rec.Bytes, content) {
		t.Errorf("%s: %v", text, err)
	}
	if _, err := dag.FromJSONWithType(text, syntax.NSID("app.bsky.feed.like"), dag.RecordLimits); !errors.Is(err, dag.ErrType) {
		t.Errorf("as another type: %v", err)
	}
	return 1
}
