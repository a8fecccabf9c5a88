package keys

import (
	"bytes"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/bluesky-social/indigo/atproto/syntax"
)

func TestReserveIsOneKeyPerDID(t *testing.T) {
	root := t.TempDir()
	r := vault(t).Reserved(root, 100)
	var mu sync.Mutex
	seen := map[string]int{}
	var all sync.WaitGroup
	for range 16 {
		all.Go(func() {
			k, err := r.Reserve(alice)
			mu.Lock()
			defer mu.Unlock()
			if err != nil {
				t.Error(err)
				return
			}
			seen[k.DIDKey()]++
		})
	}
	all.Wait()
	if len(seen) != 1 {
		t.Errorf("%d keys for one DID", len(seen))
	}
	for public := range seen {
		k, err := r.Find(alice, public)
		if p, err := publicOf(k, err); err != nil || p.DIDKey() != public {
			t.Errorf("found %v, %v", p, err)
		}
		if _, err := r.Find(bob, public); !errors.Is(err, ErrNoKey) {
			t.Errorf("for another DID: %v", err)
		}
		raw, err := os.ReadFile(filepath.Join(root, ReservedDir, alice.String()))
		if err != nil || bytes.Contains(raw, []byte(k.Multibase())) || bytes.Contains(raw, k.Bytes()) {
			t.Errorf("the key is not sealed, %v", err)
		}
		if mode(t, filepath.Join(root, ReservedDir)) != 0o700 || mode(t, filepath.Join(root, ReservedDir, alice.String())) != 0o600 {
			t.Error("others may read it")
		}
		if err := r.Clear(alice, "did:key:zQ3another"); err != nil {
			t.Error(err)
		}
		if _, err := r.For(alice); err != nil {
			t.Errorf("another key was cleared, and this one went: %v", err)
		}
		if err := r.Clear(alice, public); err != nil {
			t.Error(err)
		}
	}
	if _, err := r.For(alice); !errors.Is(err, ErrNoKey) {
		t.Errorf("cleared: %v", err)
	}
}

func TestReserveForNobody(t *testing.T) {
	r := vault(t).Reserved(t.TempDir(), 100)
	one, err := r.Reserve("")
	if err != nil {
		t.Fatal(err)
	}
	if two, err := r.Reserve(""); err != nil || two.Equal(one) {
		t.Errorf("the same key twice, %v", err)
	}
	if k, err := r.Find(alice, one.DIDKey()); err != nil {
		t.Error(err)
	} else if p, _ := k.PublicKey(); !p.Equal(one) {
		t.Error("another key")
	}
	if err := r.Clear(alice, one.DIDKey()); err != nil {
		t.Error(err)
	}
	if _, err := r.Find(alice, one.DIDKey()); !errors.Is(err, ErrNoKey) {
		t.Errorf("cleared: %v", err)
	}
}

// What strangers ask for is bounded, ends, and stays in its folder.
func TestReservedIsBounded(t *testing.T) {
	root := t.TempDir()
	r := vault(t).Reserved(root, 3)
	hostile := []syntax.DID{"did:web:..%2f..%2fx", "did:example:" + syntax.DID(strings.Repeat("a", 2000)), "did:key:zQ3shReserved"}
	for _, did := range hostile {
		if _, err := r.Reserve(did); err != nil {
			t.Errorf("%.40s: %v", did, err)
		}
	}
	if _, err := r.Reserve(""); !errors.Is(err, ErrReservedFull) {
		t.Errorf("one too many: %v", err)
	}
	if _, err := r.Reserve(hostile[0]); err != nil {
		t.Errorf("one that is there: %v", err)
	}
	for _, name := range []string{"../../etc/passwd", "..", ".new-x", strings.Repeat("x", 5000)} {
		if _, err := r.Find(alice, name); !errors.Is(err, ErrNoKey) {
			t.Errorf("%.20q: %v", name, err)
		}
		if err := r.Clear(alice, name); err != nil {
			t.Errorf("%.20q: %v", name, err)
		}
	}
	all, err := os.ReadDir(root)
	if err != nil || len(all) != 1 {
		t.Errorf("beside the folder: %v, %v", all, err)
	}
	if n, err := r.Sweep(time.Now().Add(-time.Hour)); n != 0 || err != nil {
		t.Errorf("young ones: %d, %v", n, err)
	}
	if n, err := r.Sweep(time.Now().Add(time.Hour)); n != 3 || err != nil {
		t.Errorf("old ones: %d, %v", n, err)
	}
	if _, err := r.Reserve(""); err != nil {
		t.Error(err)
	}
}

// A key of the reference server, and one of another key-encryption key.
func TestReservedByOthers(t *testing.T) {
	root := t.TempDir()
	r := vault(t).Reserved(root, 100)
	k := newKey(t)
	if err := os.Mkdir(filepath.Join(root, ReservedDir), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(root, ReservedDir, alice.String()), k.Bytes(), 0o600); err != nil {
		t.Fatal(err)
	}
	if got, err := r.For(alice); err != nil || !got.Equal(k) {
		t.Errorf("unsealed: %v", err)
	}
	if _, err := vault(t).Reserved(root, 100).Reserve(bob); err != nil {
		t.Fatal(err)
	}
	if _, err := r.Reserve(bob); !errors.Is(err, ErrSealed) {
		t.Errorf("sealed by another: %v", err)
	}
}
