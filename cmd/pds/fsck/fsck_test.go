package fsck_test

import (
	"crypto/sha256"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"testing"

	"troupe/cmd/pds/fsck"
)

// state is every file with its content and mode, except what SQLite makes anew
// in order to read.
func state(t testing.TB, dir string) map[string]string {
	t.Helper()
	all := map[string]string{}
	err := filepath.Walk(dir, func(path string, info os.FileInfo, err error) error {
		if err != nil || info.IsDir() {
			return err
		}
		b, err := os.ReadFile(path)
		if filepath.Ext(path) == ".sqlite-shm" {
			b = nil
		}
		all[path] = fmt.Sprintf("%v %x", info.Mode(), sha256.Sum256(b))
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return all
}

func TestCleanDirectory(t *testing.T) {
	dir := sample(t)
	before := state(t, dir)
	summary, found, noted := run(t, options(dir))
	for _, f := range found {
		t.Error(f)
	}
	for _, n := range noted {
		t.Error(n)
	}
	if summary.Accounts != 5 || summary.Folders != 5 || summary.Files != 5 || summary.Commits != 5+60+4+3 || summary.Entries != summary.Commits+15+3 {
		t.Errorf("looked at %+v", summary)
	}
	after := state(t, dir)
	for path, is := range after {
		if before[path] != is {
			t.Errorf("%s was changed or made", path)
		}
	}
	if len(after) != len(before) {
		t.Errorf("%d files, were %d", len(after), len(before))
	}
	o := options(dir)
	o.DID = alice
	if summary, found, _ := run(t, o); len(found) > 0 || summary.Accounts != 1 || summary.Commits != 61 {
		t.Errorf("alone: %+v %v", summary, found)
	}
}

// A copy of the databases without the files beside them is left without them.
func TestLeavesNothingBehind(t *testing.T) {
	dir := sample(t)
	for _, suffix := range []string{"*-shm", "*/*/*-shm"} {
		all, err := filepath.Glob(filepath.Join(dir, suffix))
		if err != nil {
			t.Fatal(err)
		}
		deeper, _ := filepath.Glob(filepath.Join(dir, "actors", suffix))
		for _, path := range append(all, deeper...) {
			if err := os.Remove(path); err != nil {
				t.Fatal(err)
			}
		}
	}
	before := len(state(t, dir))
	if _, found, _ := run(t, options(dir)); len(found) > 0 {
		t.Error(found)
	}
	if after := len(state(t, dir)); after != before {
		t.Errorf("%d files, were %d", after, before)
	}
}

func TestNothingToLookAt(t *testing.T) {
	dir := t.TempDir()
	if _, err := fsck.Check(t.Context(), options(dir)); !errors.Is(err, fsck.ErrNothing) {
		t.Error(err)
	}
	if left, _ := os.ReadDir(dir); len(left) > 0 {
		t.Errorf("it made %v", left)
	}
	o := options(sample(t))
	o.DID = did(20)
	if _, err := fsck.Check(t.Context(), o); !errors.Is(err, fsck.ErrNoAccount) {
		t.Error(err)
	}
}
