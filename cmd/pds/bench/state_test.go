package bench

import (
	"encoding/base64"
	"fmt"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/bluesky-social/indigo/atproto/syntax"
)

func TestStateIsKeptForItsServerOnly(t *testing.T) {
	path := stateFile(filepath.Join(t.TempDir(), "deep"), "http://localhost:2583")
	s, err := readState(path, "http://localhost:2583")
	if err != nil || len(s.Accounts) != 0 {
		t.Fatalf("%+v, %v", s, err)
	}
	s.Accounts = append(s.Accounts, &account{DID: "did:plc:abc", Handle: "abc.test", Seeded: 5})
	if err := s.write(path); err != nil {
		t.Fatal(err)
	}
	info, err := os.Stat(path)
	if err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("%v, %v: it holds passwords", info.Mode(), err)
	}
	s, err = readState(path, "http://localhost:2583")
	if err != nil || len(s.Accounts) != 1 || s.Accounts[0].Seeded != 5 {
		t.Errorf("%+v, %v", s, err)
	}
	if s, err = readState(path, "http://localhost:2584"); err != nil || len(s.Accounts) != 0 {
		t.Errorf("another server: %+v, %v", s, err)
	}
	if err := os.WriteFile(path, []byte("{half"), 0o600); err != nil {
		t.Fatal(err)
	}
	if s, err = readState(path, "http://localhost:2583"); err != nil || len(s.Accounts) != 0 {
		t.Errorf("broken: %+v, %v", s, err)
	}
}

func TestExpiryOfAToken(t *testing.T) {
	token := func(claims string) string { return "h." + base64.RawURLEncoding.EncodeToString([]byte(claims)) + ".s" }
	if got := expires(token(`{"exp":1700000000}`)); !got.Equal(time.Unix(1700000000, 0)) {
		t.Error(got)
	}
	for _, bad := range []string{"", "opaque", token("{}"), token("x"), "a.!.c"} {
		if got := expires(bad); !got.IsZero() {
			t.Errorf("%q expires %v", bad, got)
		}
	}
}

// The number that a reader finds in a frame is the one that the writer gave.
func TestKeysAreNumbered(t *testing.T) {
	k := newKeyRange()
	for _, i := range []int{0, 1, 31, 32, 99_999, keySpan - 1} {
		key := k.key(i)
		if _, err := syntax.ParseTID(key.String()); err != nil {
			t.Fatalf("key %d: %v", i, err)
		}
		frame := fmt.Appendf(nil, "head ops path %s/%s seq repo blocks %s/2222222222222", collection, key, collection)
		if got, ok := k.find(frame); !ok || got != i {
			t.Errorf("found %d, %v; want %d", got, ok, i)
		}
	}
	for _, frame := range []string{
		"", "#identity did:plc:x", collection + "/", collection + "/short", collection + "/UPPERCASE!!!!",
		collection + "/" + seedKey(3).String(), collection + "/" + k.key(keySpan).String(), collection + "/" + syntax.NewTIDFromInteger(k.first-1).String(),
	} {
		if got, ok := k.find([]byte(frame)); ok {
			t.Errorf("%q is number %d", frame, got)
		}
	}
}
