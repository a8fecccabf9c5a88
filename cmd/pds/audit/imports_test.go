package audit

import (
	"go/parser"
	"go/token"
	"path/filepath"
	"strings"
	"testing"
)

// A checker that reads events with the code that writes them would agree with
// its mistakes.
func TestNothingIsSharedWithTheServer(t *testing.T) {
	files, err := filepath.Glob("*.go")
	if err != nil || len(files) == 0 {
		t.Fatal(files, err)
	}
	for _, name := range files {
		f, err := parser.ParseFile(token.NewFileSet(), name, nil, parser.ImportsOnly)
		if err != nil {
			t.Fatal(err)
		}
		for _, i := range f.Imports {
			if strings.HasPrefix(i.Path.Value, `"troupe/`) {
				t.Errorf("%s imports %s", name, i.Path.Value)
			}
		}
	}
}
