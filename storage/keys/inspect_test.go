package keys

import (
	"bytes"
	"errors"
	"os"
	"path/filepath"
	"testing"

	"github.com/bluesky-social/indigo/atproto/atcrypto"
)

// Looking at keys opens every one of them and changes none.
func TestInspectLeavesKeysAsTheyAre(t *testing.T) {
	const did = "did:plc:aaaaaaaaaaaaaaaaaaaaaaaa"
	dir := filepath.Join(t.TempDir(), "a [folder]*?")
	v, _, err := OpenVault(filepath.Join(t.TempDir(), "kek"), true)
	if err == nil {
		err = os.Mkdir(dir, 0o700)
	}
	if err != nil {
		t.Fatal(err)
	}
	unsealed, _ := atcrypto.GeneratePrivateKeyK256()
	next, _ := atcrypto.GeneratePrivateKeyP256()
	for name, content := range map[string][]byte{
		"key": unsealed.Bytes(), "key.next": v.Seal(purposeSigning, did, []byte(next.Multibase())),
		"key.old.x": v.Seal(purposeSigning, "did:plc:other", []byte(next.Multibase())), "key.tmp": []byte("half"), "keys": []byte("not one"),
	} {
		if err := os.WriteFile(filepath.Join(dir, name), content, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	all, err := v.Inspect(dir, did)
	if err != nil || len(all) != 3 {
		t.Fatalf("%d keys, %v", len(all), err)
	}
	public, _ := unsealed.PublicKey()
	if k := all[0]; !k.Signs() || k.Sealed || k.Err != nil || !k.Public.Equal(public) {
		t.Errorf("key: %+v", k)
	}
	if k := all[1]; k.Name != "key.next" || k.Signs() || !k.Sealed || k.Err != nil {
		t.Errorf("key.next: %+v", k)
	}
	if k := all[2]; k.Name != "key.old.x" || !errors.Is(k.Err, ErrSealed) {
		t.Errorf("key.old: %+v", k)
	}
	if raw, err := os.ReadFile(filepath.Join(dir, "key")); err != nil || !bytes.Equal(raw, unsealed.Bytes()) {
		t.Errorf("the unsealed key was changed: %v", err)
	}
}
