package keys

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/bluesky-social/indigo/atproto/atcrypto"
	"github.com/bluesky-social/indigo/atproto/syntax"
)

const (
	alice = syntax.DID("did:plc:aaaaaaaaaaaaaaaaaaaaaaaa")
	bob   = syntax.DID("did:plc:bbbbbbbbbbbbbbbbbbbbbbbb")
)

func vault(t *testing.T) *Vault {
	t.Helper()
	v, created, err := OpenVault(filepath.Join(t.TempDir(), "keys", "kek"), true)
	if err != nil || !created {
		t.Fatalf("created=%v, %v", created, err)
	}
	return v
}

func newKey(t *testing.T) atcrypto.PrivateKeyExportable {
	t.Helper()
	k, err := atcrypto.GeneratePrivateKeyK256()
	if err != nil {
		t.Fatal(err)
	}
	return k
}

func mode(t *testing.T, path string) fs.FileMode {
	t.Helper()
	info, err := os.Stat(path)
	if err != nil {
		t.Fatal(err)
	}
	return info.Mode().Perm()
}

func TestVaultIsCreatedOnceAndForTheOwnerOnly(t *testing.T) {
	path := filepath.Join(t.TempDir(), "keys", "kek")
	if _, _, err := OpenVault(path, false); !errors.Is(err, fs.ErrNotExist) {
		t.Fatalf("no file, not to be created: %v", err)
	}
	first, created, err := OpenVault(path, true)
	if err != nil || !created {
		t.Fatalf("created=%v, %v", created, err)
	}
	if mode(t, path) != 0o600 || mode(t, filepath.Dir(path)) != 0o700 {
		t.Errorf("modes %v and %v", mode(t, path), mode(t, filepath.Dir(path)))
	}
	again, created, err := OpenVault(path, true)
	if err != nil || created {
		t.Fatalf("created=%v, %v", created, err)
	}
	if secret, err := again.Open("p", "d", first.Seal("p", "d", []byte("x"))); err != nil || string(secret) != "x" {
		t.Errorf("the same file opens what it sealed: %q, %v", secret, err)
	}
	if names, _ := filepath.Glob(filepath.Dir(path) + "/*"); len(names) != 1 {
		t.Errorf("left behind: %v", names)
	}
}

func TestVaultRefusesUnusableFilesAndLeavesThemAlone(t *testing.T) {
	raw := bytes.Repeat([]byte("0123456789abcdef"), 2)
	for name, c := range map[string]struct {
		content []byte
		mode    fs.FileMode
		want    error
	}{
		"empty":         {nil, 0o600, ErrBadKey},
		"short":         {raw[:31], 0o600, ErrBadKey},
		"long":          {append(bytes.Clone(raw), 1), 0o600, ErrBadKey},
		"zeros":         {make([]byte, 32), 0o600, ErrBadKey},
		"not hex":       {bytes.Repeat([]byte("zz"), 32), 0o600, ErrBadKey},
		"huge":          {make([]byte, 1<<20), 0o600, ErrBadKey},
		"group reads":   {raw, 0o640, ErrExposed},
		"others read":   {raw, 0o604, ErrExposed},
		"raw":           {raw, 0o600, nil},
		"read-only":     {raw, 0o400, nil},
		"hex, new line": {[]byte(fmt.Sprintf("%x\n", raw)), 0o600, nil},
	} {
		t.Run(name, func(t *testing.T) {
			path := filepath.Join(t.TempDir(), "kek")
			if err := os.WriteFile(path, c.content, c.mode); err != nil {
				t.Fatal(err)
			}
			if _, created, err := OpenVault(path, true); created || !errors.Is(err, c.want) {
				t.Errorf("created=%v, %v; want %v", created, err, c.want)
			}
			if now, _ := os.ReadFile(path); !bytes.Equal(now, c.content) {
				t.Error("the file was changed")
			}
		})
	}
}

func TestSealedSecretsAreBoundToPurposeDIDAndContent(t *testing.T) {
	v, other := vault(t), vault(t)
	sealed := v.Seal("signing", "did:a", []byte("secret"))
	if bytes.Contains(sealed, []byte("secret")) {
		t.Fatal("not sealed")
	}
	if got, err := v.Open("signing", "did:a", sealed); err != nil || string(got) != "secret" {
		t.Fatalf("%q, %v", got, err)
	}
	if bytes.Equal(sealed, v.Seal("signing", "did:a", []byte("secret"))) {
		t.Error("a nonce was used twice")
	}
	for name, open := range map[string]func() ([]byte, error){
		"another DID":      func() ([]byte, error) { return v.Open("signing", "did:b", sealed) },
		"another purpose":  func() ([]byte, error) { return v.Open("rotation", "did:a", sealed) },
		"a shifted border": func() ([]byte, error) { return v.Open("signingd", "id:a", sealed) },
		"another KEK":      func() ([]byte, error) { return other.Open("signing", "did:a", sealed) },
		"nothing":          func() ([]byte, error) { return v.Open("signing", "did:a", nil) },
	} {
		if got, err := open(); !errors.Is(err, ErrSealed) || got != nil {
			t.Errorf("%s: %q, %v", name, got, err)
		}
	}
	for i := range sealed {
		bad := bytes.Clone(sealed)
		bad[i] ^= 1
		if _, err := v.Open("signing", "did:a", bad); !errors.Is(err, ErrSealed) {
			t.Fatalf("byte %d changed: %v", i, err)
		}
		if _, err := v.Open("signing", "did:a", sealed[:i]); !errors.Is(err, ErrSealed) {
			t.Fatalf("cut at %d: %v", i, err)
		}
	}
}

func TestSigningKeysComeBackAsTheyWere(t *testing.T) {
	v := vault(t)
	p256, err := atcrypto.GeneratePrivateKeyP256()
	if err != nil {
		t.Fatal(err)
	}
	for _, k := range []atcrypto.PrivateKeyExportable{newKey(t), p256} {
		dir := t.TempDir()
		if _, err := v.ReadSigningKey(dir, alice); !errors.Is(err, ErrNoKey) {
			t.Fatalf("before: %v", err)
		}
		if err := v.WriteSigningKey(dir, alice, k); err != nil {
			t.Fatal(err)
		}
		if got, err := v.ReadSigningKey(dir, alice); err != nil || !got.Equal(k) {
			t.Fatalf("%T: %v", k, err)
		}
		raw, _ := os.ReadFile(filepath.Join(dir, "key"))
		if mode(t, filepath.Join(dir, "key")) != 0o600 || bytes.Contains(raw, k.Bytes()) {
			t.Error("the key lies open")
		}
	}
}

func TestAnotherKeyIsNeverOverwritten(t *testing.T) {
	v, dir, k := vault(t), t.TempDir(), newKey(t)
	path := filepath.Join(dir, "key")
	if err := v.WriteSigningKey(dir, alice, k); err != nil {
		t.Fatal(err)
	}
	before, _ := os.ReadFile(path)
	if err := v.WriteSigningKey(dir, alice, k); err != nil {
		t.Errorf("the same key again: %v", err)
	}
	if err := v.WriteSigningKey(dir, alice, newKey(t)); !errors.Is(err, ErrKeyExists) {
		t.Errorf("another key: %v", err)
	}
	if err := v.WriteSigningKey(dir, bob, k); !errors.Is(err, ErrKeyExists) {
		t.Errorf("another account's folder: %v", err)
	}
	if err := vault(t).WriteSigningKey(dir, alice, k); !errors.Is(err, ErrKeyExists) || !errors.Is(err, ErrSealed) {
		t.Errorf("a key this KEK does not open: %v", err)
	}
	if now, _ := os.ReadFile(path); !bytes.Equal(now, before) {
		t.Error("the file was changed")
	}
	// A file of another's making, a half-written one included, stays too.
	if err := os.WriteFile(path, []byte("TRPK"), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := v.WriteSigningKey(dir, alice, k); !errors.Is(err, ErrKeyExists) {
		t.Errorf("damaged: %v", err)
	}
}

func TestWhatACrashLeftBesideTheKeyIsNoHindrance(t *testing.T) {
	v, dir, k := vault(t), t.TempDir(), newKey(t)
	if err := os.WriteFile(filepath.Join(dir, "key.tmp"), []byte("half"), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := v.WriteSigningKey(dir, alice, k); err != nil {
		t.Fatal(err)
	}
	if names, _ := filepath.Glob(dir + "/*"); len(names) != 1 {
		t.Errorf("left behind: %v", names)
	}
}

func TestReferenceKeysAreSealedInPlace(t *testing.T) {
	v, dir, k := vault(t), t.TempDir(), newKey(t)
	path := filepath.Join(dir, "key")
	if err := os.WriteFile(path, k.Bytes(), 0o644); err != nil {
		t.Fatal(err)
	}
	for range 2 {
		if got, err := v.ReadSigningKey(dir, alice); err != nil || !got.Equal(k) {
			t.Fatal(err)
		}
		raw, _ := os.ReadFile(path)
		if !strings.HasPrefix(string(raw), magic) || bytes.Contains(raw, k.Bytes()) || mode(t, path) != 0o600 {
			t.Fatal("still open")
		}
	}
	for _, bad := range [][]byte{make([]byte, 32), bytes.Repeat([]byte{0xff}, 32)} { // not scalars of the curve
		if err := os.WriteFile(path, bad, 0o600); err != nil {
			t.Fatal(err)
		}
		if _, err := v.ReadSigningKey(dir, alice); !errors.Is(err, ErrBadKey) {
			t.Errorf("%x: %v", bad[:2], err)
		}
		if now, _ := os.ReadFile(path); !bytes.Equal(now, bad) {
			t.Error("the file was changed")
		}
	}
}

func TestRotationSwitchesOnceAndKeepsTheOldKey(t *testing.T) {
	v, dir, first, second := vault(t), t.TempDir(), newKey(t), newKey(t)
	if err := v.AdoptNextKey(dir, alice); !errors.Is(err, ErrNoKey) {
		t.Fatalf("nothing to adopt: %v", err)
	}
	if err := errors.Join(v.WriteSigningKey(dir, alice, first), v.WriteNextKey(dir, alice, second)); err != nil {
		t.Fatal(err)
	}
	if got, err := v.ReadSigningKey(dir, alice); err != nil || !got.Equal(first) {
		t.Fatalf("before the switch: %v", err)
	}
	if got, err := v.ReadNextKey(dir, alice); err != nil || !got.Equal(second) {
		t.Fatalf("the next key: %v", err)
	}
	// A crash between keeping the old key and the switch is repeated whole.
	pub, _ := first.PublicKey()
	kept := filepath.Join(dir, "key.old."+pub.Multibase())
	if err := os.Link(filepath.Join(dir, "key"), kept); err != nil {
		t.Fatal(err)
	}
	if err := v.AdoptNextKey(dir, alice); err != nil {
		t.Fatal(err)
	}
	if got, err := v.ReadSigningKey(dir, alice); err != nil || !got.Equal(second) {
		t.Fatalf("after the switch: %v", err)
	}
	raw, err := os.ReadFile(kept)
	if err != nil {
		t.Fatal(err)
	}
	if secret, err := v.Open(purposeSigning, string(alice), raw); err != nil || string(secret) != first.Multibase() {
		t.Errorf("the old key: %v", err)
	}
}

func TestADamagedNextKeyDoesNotReplaceAGoodOne(t *testing.T) {
	v, dir, k := vault(t), t.TempDir(), newKey(t)
	if err := v.WriteSigningKey(dir, alice, k); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(dir, "key.next"), []byte("damaged"), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := v.AdoptNextKey(dir, alice); !errors.Is(err, ErrSealed) {
		t.Errorf("%v", err)
	}
	if got, err := v.ReadSigningKey(dir, alice); err != nil || !got.Equal(k) {
		t.Error("the good key is gone")
	}
}

func TestStartIsRefusedWithTheWrongKEK(t *testing.T) {
	v, root := vault(t), filepath.Join(t.TempDir(), "actors")
	if err := v.CheckSealed(root, 4); err != nil {
		t.Fatalf("nothing stored yet: %v", err)
	}
	if any, err := AnySealed(root); any || err != nil {
		t.Fatalf("nothing stored yet: %v, %v", any, err)
	}
	write := func(v *Vault, did syntax.DID) {
		dir := ActorDir(root, did)
		if err := os.MkdirAll(dir, 0o700); err != nil {
			t.Fatal(err)
		}
		if err := v.WriteSigningKey(dir, did, newKey(t)); err != nil {
			t.Fatal(err)
		}
	}
	// An unsealed key, a damaged one and a folder without one say nothing.
	for did, content := range map[syntax.DID]string{"did:web:a.example": strings.Repeat("k", 32), "did:web:b.example": "?"} {
		dir := ActorDir(root, did)
		if err := errors.Join(os.MkdirAll(dir, 0o700), os.WriteFile(filepath.Join(dir, "key"), []byte(content), 0o600)); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.MkdirAll(ActorDir(root, "did:web:c.example"), 0o700); err != nil {
		t.Fatal(err)
	}
	if any, err := AnySealed(root); any || err != nil {
		t.Fatalf("nothing sealed yet: %v, %v", any, err)
	}
	write(v, alice)
	if any, err := AnySealed(root); !any || err != nil {
		t.Fatalf("one sealed: %v, %v", any, err)
	}
	if err := v.CheckSealed(root, 4); err != nil {
		t.Errorf("the right KEK: %v", err)
	}
	if err := vault(t).CheckSealed(root, 4); !errors.Is(err, ErrSealed) {
		t.Errorf("the wrong KEK: %v", err)
	}
	write(vault(t), bob)
	if err := v.CheckSealed(root, 0); !errors.Is(err, ErrSealed) || !strings.Contains(err.Error(), string(bob)) {
		t.Errorf("one foreign key among good ones: %v", err)
	}
}

func TestAVaultDoesNotPrintItsKey(t *testing.T) {
	path := filepath.Join(t.TempDir(), "kek")
	v, _, err := OpenVault(path, true)
	if err != nil {
		t.Fatal(err)
	}
	for _, verb := range []string{"%v", "%+v", "%#v", "%s"} {
		if got, want := fmt.Sprintf(verb, v), "keys.Vault("+v.Fingerprint()+")"; got != want {
			t.Errorf("%s prints %s", verb, got)
		}
	}
}
