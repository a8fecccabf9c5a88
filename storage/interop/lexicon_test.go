package interop

import (
	"encoding/json"
	"errors"
	"path/filepath"
	"reflect"
	"testing"

	"github.com/bluesky-social/indigo/atproto/lexicon"

	"troupe/storage/dag"
)

const recordSchema = "example.lexicon.record"

func TestLexicon(t *testing.T) {
	catalog := lexicon.NewBaseCatalog()
	if err := catalog.LoadDirectory(filepath.Join(fixtureDir(t, "lexicon"), "catalog")); err != nil {
		t.Fatal(err)
	}
	runAll(t, "lexicon", map[string]check{
		"lexicon-valid.json":                  schemas(true),
		"lexicon-invalid.json":                schemas(false),
		"record-data-valid.json":              recordData(catalog, true),
		"record-data-invalid.json":            recordData(catalog, false),
		"catalog/com_atproto_label_defs.json": catalogFile,
		"catalog/minimal-procedure.json":      catalogFile,
		"catalog/minimal-query.json":          catalogFile,
		"catalog/permission-set.json":         catalogFile,
		"catalog/procedure.json":              catalogFile,
		"catalog/query.json":                  catalogFile,
		"catalog/record.json":                 catalogFile,
		"catalog/subscription.json":           catalogFile,
	})
}

func parseSchema(b []byte) (s lexicon.SchemaFile, err error) {
	if err := json.Unmarshal(b, &s); err != nil {
		return s, err
	}
	if err := s.FinishParse(); err != nil {
		return s, err
	}
	return s, s.CheckSchema()
}

// schemas: a valid one loses nothing on the way through Go values.
func schemas(valid bool) check {
	return func(t *testing.T, content []byte) int {
		return items(t, content, func(t *testing.T, f struct {
			Name    string          `json:"name"`
			Lexicon json.RawMessage `json:"lexicon"`
		}) {
			_, err := parseSchema(f.Lexicon)
			if (err == nil) != valid {
				t.Errorf("%s: %v", f.Name, err)
			}
			if !valid {
				return
			}
			var schema lexicon.SchemaFile
			var before, after any
			err = errors.Join(json.Unmarshal(f.Lexicon, &schema), json.Unmarshal(f.Lexicon, &before))
			text, marshalErr := json.Marshal(schema)
			if err := errors.Join(err, marshalErr, json.Unmarshal(text, &after)); err != nil {
				t.Fatal(err)
			}
			if !reflect.DeepEqual(before, after) {
				t.Errorf("%s\ngot  %s\nwant %s", f.Name, text, f.Lexicon)
			}
		})
	}
}

func catalogFile(t *testing.T, content []byte) int {
	s, err := parseSchema(content)
	if err != nil {
		t.Error(err)
	}
	return len(s.Defs)
}

// recordData: records in the form in which they reach the schema, which is as
// package dag decodes what it made of the JSON.
func recordData(catalog lexicon.Catalog, valid bool) check {
	return func(t *testing.T, content []byte) int {
		return items(t, content, func(t *testing.T, f struct {
			Name string          `json:"name"`
			Data json.RawMessage `json:"data"`
		}) {
			rec, err := dag.FromJSON(f.Data, dag.RecordLimits)
			if err != nil {
				t.Errorf("%s is no data: %v", f.Name, err) // all are, only the schema refuses some
				return
			}
			value, err := dag.Decode(rec.Bytes)
			if err != nil {
				t.Fatal(err)
			}
			if err := lexicon.ValidateRecord(catalog, value, recordSchema, 0); (err == nil) != valid {
				t.Errorf("%s: %v", f.Name, err)
			}
		})
	}
}
