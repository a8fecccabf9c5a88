package main

import (
	"io/fs"
	"path/filepath"
	"strings"
	"testing"

	"github.com/ncruces/go-sqlite3"
)

// checkFiles runs SQLite's own check on every database below dir.
func checkFiles(t *testing.T, dir string) {
	t.Helper()
	files := 0
	err := filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() || !strings.HasSuffix(path, ".sqlite") {
			return err
		}
		files++
		return checkFile(t, path)
	})
	if err != nil {
		t.Error(err)
	}
	t.Logf("integrity_check: %d databases", files)
}

func checkFile(t *testing.T, path string) error {
	db, err := sqlite3.Open("file:" + path)
	if err != nil {
		return err
	}
	defer db.Close()
	stmt, _, err := db.Prepare(`PRAGMA integrity_check`)
	if err != nil {
		return err
	}
	defer stmt.Close()
	for stmt.Step() {
		if s := stmt.ColumnText(0); s != "ok" {
			t.Errorf("%s: %s", path, s)
		}
	}
	return stmt.Err()
}
