package migrate

import (
	"archive/tar"
	"bytes"
	"context"
	"errors"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/bluesky-social/indigo/atproto/atcrypto"
)

// world is one server that has an account with three blobs.
type world struct {
	*fakePDS
	repo  []byte
	blobs map[string][]byte
	x     *Exporter
	said  []string
}

func newWorld(t *testing.T) *world {
	key, err := atcrypto.GeneratePrivateKeyK256()
	if err != nil {
		t.Fatal(err)
	}
	w := &world{fakePDS: newFakePDS(t), blobs: map[string][]byte{}}
	all := [][]byte{[]byte("one"), []byte("two"), bytes.Repeat([]byte("three"), 50_000)}
	w.repo = testRepo(t, key, all...)
	for _, b := range all {
		w.blobs[rawCID(b).String()] = b
	}
	w.answer["com.atproto.server.createSession"] = func(rw http.ResponseWriter, r *http.Request) {
		say(rw, 200, map[string]any{"did": testDID, "handle": "a.test", "accessJwt": "a", "refreshJwt": "r", "email": "a@example.com", "active": true})
	}
	w.answer["com.atproto.sync.getRepo"] = func(rw http.ResponseWriter, r *http.Request) { rw.Write(w.repo) }
	w.answer["com.atproto.sync.getBlob"] = func(rw http.ResponseWriter, r *http.Request) {
		b, ok := w.blobs[r.URL.Query().Get("cid")]
		if !ok {
			say(rw, 400, map[string]string{"error": "InvalidRequest", "message": "Blob not found"})
			return
		}
		rw.Header().Set("Content-Type", "text/plain")
		rw.Write(b)
	}
	w.answer["app.bsky.actor.getPreferences"] = func(rw http.ResponseWriter, r *http.Request) {
		say(rw, 200, map[string]any{"preferences": []any{map[string]any{"$type": "app.bsky.actor.defs#adultContentPref", "enabled": true}}})
	}
	w.x = &Exporter{
		Account: "a.test", Server: w.URL, PLC: fakePLC(t, key, w.URL), Folder: Folder(filepath.Join(t.TempDir(), "out")), Workers: 2,
		Ask: &Terminal{Given: map[Secret]string{SecretPassword: "p"}}, Say: func(s string) { w.said = append(w.said, s) },
	}
	return w
}

func TestExport(t *testing.T) {
	w := newWorld(t)
	m, err := w.x.Run(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if m.Repository.Records != 3 || m.Blobs.Count != 3 || m.Preferences != 1 || m.Repository.SignedBy == "" || m.Email != "a@example.com" {
		t.Errorf("%+v", m)
	}
	if _, err := Check(t.Context(), w.x.Folder, func(string) {}); err != nil {
		t.Error(err)
	}
	if left, _ := filepath.Glob(w.x.Folder.path("*" + partial)); len(left) > 0 {
		t.Errorf("left behind: %v", left)
	}
	// The same bytes, hidden from others.
	info, err := os.Stat(w.x.Folder.path(repoFile))
	if err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("%v, %v", info.Mode(), err)
	}
	if b, _ := os.ReadFile(w.x.Folder.path(repoFile)); !bytes.Equal(b, w.repo) {
		t.Error("other bytes in repo.car")
	}
}

// An export that was stopped in the middle has no manifest, and goes on.
func TestExportGoesOn(t *testing.T) {
	w := newWorld(t)
	real := w.answer["com.atproto.sync.getBlob"]
	calls := 0
	w.x.Workers = 1
	w.answer["com.atproto.sync.getBlob"] = func(rw http.ResponseWriter, r *http.Request) {
		if calls++; calls == 2 {
			say(rw, 401, map[string]string{"error": "AccountTakedown"})
			return
		}
		real(rw, r)
	}
	if _, err := w.x.Run(t.Context()); err == nil {
		t.Fatal("not stopped")
	}
	if exists(w.x.Folder.path(manifestFile)) {
		t.Error("an incomplete export has a manifest")
	}
	if _, err := Check(t.Context(), w.x.Folder, func(string) {}); err == nil || !strings.Contains(err.Error(), "no complete export") {
		t.Errorf("checked: %v", err)
	}
	before := w.count("com.atproto.sync.getBlob")
	if _, err := w.x.Run(t.Context()); err != nil {
		t.Fatal(err)
	}
	if n := w.count("com.atproto.sync.getBlob") - before; n != 2 {
		t.Errorf("%d blobs were fetched the second time", n)
	}
}

func TestWhatAServerDoesNotHave(t *testing.T) {
	w := newWorld(t)
	gone := rawCID([]byte("two")).String()
	delete(w.blobs, gone)
	delete(w.answer, "app.bsky.actor.getPreferences")
	m, err := w.x.Run(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if !slices.Equal(m.Blobs.Missing, []string{gone}) || m.Blobs.Count != 2 || len(m.Without) != 2 {
		t.Errorf("%+v", m)
	}
	if _, err := Check(t.Context(), w.x.Folder, func(string) {}); err != nil {
		t.Error(err)
	}
}

// A server, or whoever sits between, that sends other bytes is found out.
func TestLies(t *testing.T) {
	for name, lie := range map[string]func(*world){
		"a changed record":  func(w *world) { w.repo[len(w.repo)-5] ^= 1 },
		"half a repository": func(w *world) { w.repo = w.repo[:len(w.repo)-70] },
		"no repository":     func(w *world) { w.repo = []byte("<html>") },
		"a changed blob":    func(w *world) { w.blobs[rawCID([]byte("one")).String()] = []byte("One") },
		"half a blob":       func(w *world) { w.blobs[rawCID([]byte("one")).String()] = []byte("on") },
		"another repository": func(w *world) {
			w.repo = bytes.ReplaceAll(w.repo, []byte(testDID), []byte("did:plc:aaaaaaaaaaaaaaaaaaaaaaaa"))
		},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			lie(w)
			w.x.Pause = func(context.Context) error { return nil }
			if m, err := w.x.Run(t.Context()); err == nil {
				t.Errorf("taken: %+v", m)
			}
			if exists(w.x.Folder.path(manifestFile)) {
				t.Error("it has a manifest")
			}
		})
	}
}

func TestSomebodyElsesKey(t *testing.T) {
	w := newWorld(t)
	other, err := atcrypto.GeneratePrivateKeyK256()
	if err != nil {
		t.Fatal(err)
	}
	w.x.PLC = fakePLC(t, other, w.URL)
	m, err := w.x.Run(t.Context())
	if err != nil || m.Repository.SignedBy != "" {
		t.Errorf("%v, signed by %q", err, m.Repository.SignedBy)
	}
	if !slices.ContainsFunc(w.said, func(s string) bool { return strings.Contains(s, "not signed by the key") }) {
		t.Errorf("nobody was warned: %q", w.said)
	}
}

func TestDamageOnDisk(t *testing.T) {
	for name, damage := range map[string]func(*world) error{
		"a blob": func(w *world) error {
			return os.WriteFile(w.x.Folder.blob(rawCID([]byte("one"))), []byte("0ne"), 0o600)
		},
		"a blob is missing": func(w *world) error { return os.Remove(w.x.Folder.blob(rawCID([]byte("one")))) },
		"the repository":    func(w *world) error { return os.Truncate(w.x.Folder.path(repoFile), 300) },
		"preferences":       func(w *world) error { return os.WriteFile(w.x.Folder.path(preferencesFile), []byte("{}"), 0o600) },
		"no document":       func(w *world) error { return os.Remove(w.x.Folder.path(documentFile)) },
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			if _, err := w.x.Run(t.Context()); err != nil {
				t.Fatal(err)
			}
			if err := damage(w); err != nil {
				t.Fatal(err)
			}
			if _, err := Check(t.Context(), w.x.Folder, func(string) {}); err == nil {
				t.Error("not found")
			}
		})
	}
}

func TestKeysAreSealed(t *testing.T) {
	key, err := atcrypto.GeneratePrivateKeyK256()
	if err != nil {
		t.Fatal(err)
	}
	b, err := SealKeys(testDID, key, "correct horse")
	if err != nil {
		t.Fatal(err)
	}
	if bytes.Contains(b, []byte(key.Multibase())) {
		t.Error("the key can be read")
	}
	back, err := OpenKeys(b, testDID, "correct horse")
	if err != nil || !bytes.Equal(back.Bytes(), key.Bytes()) {
		t.Errorf("opened as %v, %v", back, err)
	}
	if _, err := OpenKeys(b, testDID, "correct house"); !errors.Is(err, ErrPassphrase) {
		t.Errorf("a wrong passphrase: %v", err)
	}
	if _, err := OpenKeys(b, "did:plc:aaaaaaaaaaaaaaaaaaaaaaaa", "correct horse"); err == nil {
		t.Error("opened for another account")
	}
}

// What is packed is what is in the folder, and nothing half-done.
func TestPack(t *testing.T) {
	w := newWorld(t)
	path := filepath.Join(t.TempDir(), "out.tar")
	if err := w.x.Folder.Pack(path); err == nil || exists(path) {
		t.Errorf("packed without an export: %v", err)
	}
	if _, err := w.x.Run(t.Context()); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(w.x.Folder.path("x"+partial), []byte("half"), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := w.x.Folder.Pack(path); err != nil {
		t.Fatal(err)
	}
	f, err := os.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	again := t.TempDir()
	for in := tar.NewReader(f); ; {
		h, err := in.Next()
		if err == io.EOF {
			break
		}
		if err != nil {
			t.Fatal(err)
		}
		if filepath.Ext(h.Name) == partial || h.Mode != 0o600 {
			t.Errorf("%s, mode %o", h.Name, h.Mode)
		}
		to := filepath.Join(again, filepath.FromSlash(h.Name))
		if err := os.MkdirAll(filepath.Dir(to), 0o700); err != nil {
			t.Fatal(err)
		}
		if _, err := writeFile(to, in); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := Check(t.Context(), Folder(filepath.Join(again, "out")), func(string) {}); err != nil {
		t.Error(err)
	}
}
