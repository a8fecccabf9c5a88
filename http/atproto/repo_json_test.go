package atproto

import (
	"encoding/json"
	"strings"
	"testing"

	"troupe/storage/dag"
)

// Answers that write themselves say what encoding/json would.
func TestAppendJSON(t *testing.T) {
	rec, err := dag.FromJSON([]byte(`{"$type":"a.b.c","text":"<b>\"é\u2028\n","n":[1,null,true],"b":{"$bytes":"AAE"}}`), dag.RecordLimits)
	if err != nil {
		t.Fatal(err)
	}
	value, err := dag.AppendJSON(nil, rec.Bytes)
	if err != nil {
		t.Fatal(err)
	}
	type record struct {
		URI   string          `json:"uri"`
		CID   string          `json:"cid"`
		Value json.RawMessage `json:"value"`
	}
	type page struct {
		Cursor  string   `json:"cursor,omitempty"`
		Records []record `json:"records"`
	}
	const at = "at://did:web:a.com/a.b.c/self"
	view := RecordView{URI: at, CID: rec.CID, Record: rec.Bytes}
	plain := record{at, rec.CID.String(), value}
	meta := &CommitMeta{CID: rec.CID.String(), Rev: "3jzfcijpj2z2a"}
	type out RecordOut // without the method
	for _, c := range []struct {
		appender interface {
			AppendJSON([]byte) ([]byte, error)
		}
		want any
	}{
		{view, plain},
		{ListRecordsOut{}, page{Records: []record{}}},
		{ListRecordsOut{Cursor: "self", Records: []RecordView{view, view}}, page{"self", []record{plain, plain}}},
		{RecordOut{URI: at, CID: "b"}, out{URI: at, CID: "b"}},
		{RecordOut{URI: at, CID: "b", Commit: meta, ValidationStatus: "valid"}, out{URI: at, CID: "b", Commit: meta, ValidationStatus: "valid"}},
	} {
		var want strings.Builder
		enc := json.NewEncoder(&want)
		enc.SetEscapeHTML(false)
		if err := enc.Encode(c.want); err != nil {
			t.Fatal(err)
		}
		got, err := c.appender.AppendJSON([]byte("x"))
		if err != nil || string(got)+"\n" != "x"+want.String() {
			t.Errorf("%T: %v\ngot  %s\nwant %s", c.appender, err, got, want.String())
		}
	}
	if _, err := (RecordView{CID: rec.CID, Record: []byte{0xff}}).AppendJSON(nil); err == nil {
		t.Error("a record that is none was answered")
	}
}
