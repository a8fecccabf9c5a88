package mst_test

import (
	"bufio"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"troupe/storage/mst"
)

func TestHeight(t *testing.T) {
	for key, want := range map[string]int{
		"":                                0,
		"asdf":                            0,
		"blue":                            1,
		"2653ae71":                        0,
		"88bfafc7":                        2,
		"2a92d355":                        4,
		"884976f5":                        6,
		"app.bsky.feed.post/454397e440ec": 4,
		"app.bsky.feed.post/9adeb165882c": 8,
		"R2/359107":                       2,
	} {
		if got := mst.Height(key); got != want {
			t.Errorf("Height(%q) = %d, want %d", key, got, want)
		}
	}
}

// The second character of each example key is its height.
func TestHeightOfExampleKeys(t *testing.T) {
	f, err := os.Open(filepath.Join(indigoDir(), "atproto/repo/mst/testdata/example_keys.txt"))
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	n := 0
	for lines := bufio.NewScanner(f); lines.Scan(); {
		key := lines.Text()
		if len(key) < 3 || key[0] == '#' {
			continue
		}
		n++
		if got, want := mst.Height(key), int(key[1]-'0'); got != want {
			t.Errorf("Height(%q) = %d, want %d", key, got, want)
		}
	}
	if n < 150 {
		t.Errorf("only %d keys", n)
	}
}

func TestValidKey(t *testing.T) {
	long := strings.Repeat("k", mst.MaxKey)
	for _, tt := range []struct {
		key string
		ok  bool
	}{
		{"app.bsky.feed.post/3jqfcqzm3fo2j", true},
		{"a/b", true},
		{"AZaz09_~.:-/AZaz09_~.:-", true},
		{"a/..", true}, // a rule of record keys, not of trees
		{"a/" + long[2:], true},
		{"a/" + long[1:], false},
		{"", false},
		{"/", false},
		{"a", false},
		{"a/", false},
		{"/a", false},
		{"a/b/c", false},
		{"a//b", false},
		{"a/b c", false},
		{"a/b\x00", false},
		{"a/jalapeño", false},
		{"a/\xff", false},
		{"a/b+c", false},
		{"a/b%20", false},
		{"a/b@c", false},
		{"a/[b]", false},
	} {
		err := mst.ValidKey(tt.key)
		if (err == nil) != tt.ok {
			t.Errorf("ValidKey(%q) = %v", tt.key, err)
		}
		if err != nil && (!errors.Is(err, mst.ErrKey) || !errors.Is(err, mst.ErrInvalid)) {
			t.Errorf("ValidKey(%q) = %v, which is not ErrKey", tt.key, err)
		}
		// What a tree may hold and what may be put into one are the same.
		if created := mst.Empty().Edit().Create(tt.key, record(1)); (created == nil) != tt.ok {
			t.Errorf("Create(%q): %v", tt.key, created)
		}
	}
}
