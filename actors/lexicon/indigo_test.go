package lexicon

import (
	"encoding/json"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/bluesky-social/indigo/atproto/atdata"
	"github.com/bluesky-social/indigo/atproto/syntax"
)

// indigoFile reads a file of the indigo module.
func indigoFile(t testing.TB, path ...string) []byte {
	t.Helper()
	dir, err := exec.Command("go", "list", "-m", "-f", "{{.Dir}}", "github.com/bluesky-social/indigo").Output()
	if err != nil {
		t.Fatal(err)
	}
	text, err := os.ReadFile(filepath.Join(append([]string{strings.TrimSpace(string(dir))}, path...)...))
	if err != nil {
		t.Fatal(err)
	}
	return text
}

type recordFixture struct {
	Name string           `json:"name"`
	RKey syntax.RecordKey `json:"rkey"`
	Data json.RawMessage  `json:"data"`
}

func fixtures(t *testing.T, name string) (c *Catalog, all []recordFixture) {
	t.Helper()
	c, err := Parse(indigoFile(t, "atproto", "lexicon", "testdata", "catalog", "record.json"))
	if err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(indigoFile(t, "atproto", "lexicon", "testdata", name), &all); err != nil {
		t.Fatal(err)
	}
	if len(all) == 0 {
		t.Fatal("no fixtures")
	}
	return c, all
}

func TestInteropRecordsValid(t *testing.T) {
	c, all := fixtures(t, "record-data-valid.json")
	for _, f := range all {
		v, err := atdata.UnmarshalJSON(f.Data)
		if err != nil {
			t.Fatalf("%s: %v", f.Name, err)
		}
		if err := c.CheckRecord("example.lexicon.record", f.RKey, v); err != nil {
			t.Errorf("%s: %v", f.Name, err)
		}
	}
}

func TestInteropRecordsInvalid(t *testing.T) {
	c, all := fixtures(t, "record-data-invalid.json")
	for _, f := range all {
		v, err := atdata.UnmarshalJSON(f.Data)
		if err != nil {
			t.Fatalf("%s: %v", f.Name, err)
		}
		err = c.CheckRecord("example.lexicon.record", f.RKey, v)
		var invalid ErrInvalid
		if !errors.As(err, &invalid) {
			t.Errorf("%s: got %v, want an ErrInvalid", f.Name, err)
		} else if !strings.HasPrefix(invalid.Path, "Record") || !strings.HasPrefix(invalid.Message, invalid.Path) {
			t.Errorf("%s: path %q, message %q", f.Name, invalid.Path, invalid.Message)
		}
	}
}

// One document of every kind compiles, those without methods or records included.
func TestInteropCatalog(t *testing.T) {
	c, err := Parse(
		indigoFile(t, "atproto", "lexicon", "testdata", "catalog", "query.json"),
		indigoFile(t, "atproto", "lexicon", "testdata", "catalog", "minimal-procedure.json"),
		indigoFile(t, "atproto", "lexicon", "testdata", "catalog", "subscription.json"),
		indigoFile(t, "atproto", "lexicon", "testdata", "catalog", "permission-set.json"),
		indigoFile(t, "atproto", "lexicon", "testdata", "catalog", "record.json"),
	)
	if err != nil {
		t.Fatal(err)
	}
	if n := len(c.Methods()); n != 3 {
		t.Errorf("%d methods, want 3", n)
	}
}
