package interop

import (
	"bytes"
	"encoding/json"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
)

// module is where indigo's files are.
var module = sync.OnceValues(func() (string, error) {
	out, err := exec.Command("go", "list", "-m", "-f", "{{.Dir}}", "github.com/bluesky-social/indigo").Output()
	return strings.TrimSpace(string(out)), err
})

func fixtureDir(t *testing.T, pkg string) string {
	t.Helper()
	dir, err := module()
	if err != nil || dir == "" {
		t.Fatalf("where is indigo? %q, %v", dir, err)
	}
	return filepath.Join(dir, "atproto", pkg, "testdata")
}

// check reads one file of fixtures and tells how many it has.
type check func(t *testing.T, content []byte) int

// runAll gives every file below the test data of an indigo package to its check.
// No file may be left over, on either side, and none may be without fixtures.
func runAll(t *testing.T, pkg string, checks map[string]check) {
	dir := fixtureDir(t, pkg)
	seen := 0
	err := filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		name, err := filepath.Rel(dir, path)
		if err != nil {
			return err
		}
		run, ok := checks[filepath.ToSlash(name)]
		if !ok {
			t.Errorf("nothing reads %s/%s", pkg, name)
			return nil
		}
		seen++
		content, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		t.Run(name, func(t *testing.T) {
			n := run(t, content)
			if n == 0 {
				t.Error("no fixture in it")
			}
			t.Logf("%d fixtures", n)
		})
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	if seen != len(checks) {
		t.Errorf("%d files of %s were read, there are checks for %d", seen, pkg, len(checks))
	}
}

// lines calls f with every line that is neither empty nor a comment. White space
// belongs to a line.
func lines(content []byte, f func(line string)) (n int) {
	for line := range bytes.Lines(content) {
		line = bytes.TrimRight(line, "\r\n")
		if len(line) == 0 || line[0] == '#' {
			continue
		}
		f(string(line))
		n++
	}
	return n
}

// items calls f with every element of a JSON array.
func items[T any](t *testing.T, content []byte, f func(t *testing.T, item T)) int {
	var all []T
	if err := json.Unmarshal(content, &all); err != nil {
		t.Fatal(err)
	}
	for _, item := range all {
		f(t, item)
	}
	return len(all)
}
