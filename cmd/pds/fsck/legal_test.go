package fsck_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/bluesky-social/indigo/atproto/atcrypto"
	"github.com/bluesky-social/indigo/atproto/syntax"

	"troupe/actors/repo"
	"troupe/cmd/pds/fsck"
	"troupe/sequencing"
	"troupe/storage/keys"
)

// What a crash, an upgrade or a story that is being told may leave is not a finding.
func TestWhatIsLegal(t *testing.T) {
	for _, c := range []struct {
		name   string
		change func(t *testing.T, dir string)
		behind int
		note   string // part of the only one; "": none
		unseen bool
	}{
		{"files behind the log", func(t *testing.T, dir string) {
			older := t.TempDir()
			copyTree(t, filepath.Dir(store(dir, alice)), filepath.Join(older, "a"))
			copyTree(t, filepath.Dir(store(dir, bob)), filepath.Join(older, "b"))
			s := start(t, dir)
			s.write(alice, 60, 20)
			s.write(bob, 4, 2)
			ask(s, bob, repo.SetStatus{Status: sequencing.StatusDeactivated}) // also behind: account.sqlite
			s.stop()
			removeDB(t, store(dir, alice))
			removeDB(t, store(dir, bob))
			copyTree(t, filepath.Join(older, "a"), filepath.Dir(store(dir, alice)))
			copyTree(t, filepath.Join(older, "b"), filepath.Dir(store(dir, bob)))
			// Neither had been flushed when the machine lost its power.
			sql(t, filepath.Join(dir, "sequencer.sqlite"), `UPDATE head SET applied_seq = 1 WHERE seq > applied_seq OR did IN (?, ?)`, alice.String(), bob.String())
		}, 2, "", false},
		{"a file that was never made", func(t *testing.T, dir string) {
			removeDB(t, store(dir, bob))
			sql(t, filepath.Join(dir, "sequencer.sqlite"), `UPDATE head SET applied_seq = 0 WHERE did = ?`, bob.String())
		}, 1, "", false},
		{"a file that was made and nothing more", func(t *testing.T, dir string) {
			removeDB(t, store(dir, bob))
			if err := os.WriteFile(store(dir, bob), nil, 0o600); err != nil {
				t.Fatal(err)
			}
			sql(t, filepath.Join(dir, "sequencer.sqlite"), `UPDATE head SET applied_seq = 0 WHERE did = ?`, bob.String())
		}, 1, "", false},
		{"a log that was pruned", func(t *testing.T, dir string) { forget(t, dir) }, 0, "", false},
		{"a sign-up under way", func(t *testing.T, dir string) {
			sql(t, filepath.Join(dir, "account.sqlite"), `INSERT INTO saga (id, kind, did, step, data, created_at, updated_at) VALUES ('s', 'sign-up', ?, 'reserved', x'7b7d', 1, 1)`, did(9).String())
			sql(t, filepath.Join(dir, "account.sqlite"), `INSERT INTO actor (did, created_at, status) VALUES (?, 1, 1)`, did(9).String())
			v, _, err := keys.OpenVault(filepath.Join(dir, "keys", "kek"), false)
			if err != nil {
				t.Fatal(err)
			}
			k, _ := atcrypto.GeneratePrivateKeyK256()
			if err := os.MkdirAll(filepath.Dir(store(dir, did(9))), 0o700); err != nil {
				t.Fatal(err)
			}
			if err := v.WriteSigningKey(filepath.Dir(store(dir, did(9))), did(9), k); err != nil {
				t.Fatal(err)
			}
		}, 0, "", false},
		{"an unsealed key of the reference", func(t *testing.T, dir string) {
			v, _, err := keys.OpenVault(filepath.Join(dir, "keys", "kek"), false)
			if err != nil {
				t.Fatal(err)
			}
			folder := filepath.Dir(store(dir, bob))
			k, err := v.ReadSigningKey(folder, bob)
			if err == nil {
				err = os.WriteFile(filepath.Join(folder, "key"), k.Bytes(), 0o600)
			}
			if err != nil {
				t.Fatal(err)
			}
		}, 0, "not sealed yet", false},
		{"a cache that was deleted", func(t *testing.T, dir string) { removeDB(t, filepath.Join(dir, "did_cache.sqlite")) }, 0, "", false},
		{"a file of a newer version", func(t *testing.T, dir string) {
			pragma(t, store(dir, bob), `PRAGMA user_version = 99`)
		}, 0, "newer", true},
		{"what waits to be unlinked", func(t *testing.T, dir string) {
			if err := os.MkdirAll(filepath.Join(dir, "actors", ".trash", "x"), 0o700); err != nil {
				t.Fatal(err)
			}
		}, 0, "", false},
	} {
		t.Run(strings.ReplaceAll(c.name, " ", "_"), func(t *testing.T) {
			t.Parallel()
			dir := sample(t)
			c.change(t, dir)
			summary, found, noted := run(t, options(dir))
			if len(found) > 0 {
				t.Errorf("found\n%s", lines(found))
			}
			if summary.Behind != c.behind {
				t.Errorf("%d files behind, want %d", summary.Behind, c.behind)
			}
			if len(noted) != min(1, len(c.note)) || len(noted) == 1 && (!strings.Contains(noted[0].Text, c.note) || noted[0].Unseen != c.unseen) {
				t.Errorf("noted %v", noted)
			}
			o := options(dir)
			o.DID = bob
			if _, found, _ := run(t, o); len(found) > 0 {
				t.Errorf("alone, found\n%s", lines(found))
			}
		})
	}
}

// A server that is killed while it starts for the first time leaves files that
// hold nothing.
func TestFirstStart(t *testing.T) {
	dir := t.TempDir()
	for _, name := range []string{"sequencer.sqlite", "account.sqlite", "did_cache.sqlite"} {
		if _, found, noted := run(t, withFile(t, dir, name)); len(found)+len(noted) > 0 {
			t.Errorf("%s: %v %v", name, found, noted)
		}
	}
	s := start(t, dir)
	s.stop()
	if _, found, noted := run(t, options(dir)); len(found)+len(noted) > 0 {
		t.Errorf("%v %v", found, noted)
	}
}

// withFile adds an empty file.
func withFile(t *testing.T, dir, name string) fsck.Options {
	t.Helper()
	if err := os.WriteFile(filepath.Join(dir, name), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	return options(dir)
}

// After a change of keys the log still holds what the old one signed.
func TestReplacedKeysVerifyOldEvents(t *testing.T) {
	dir := sample(t)
	s := start(t, dir)
	next, err := atcrypto.GeneratePrivateKeyK256()
	if err == nil {
		err = s.vault.WriteNextKey(s.folder(bob), bob, next)
	}
	if err == nil {
		err = s.vault.AdoptNextKey(s.folder(bob), bob)
	}
	if err != nil {
		t.Fatal(err)
	}
	s.write(bob, 4, 1) // the actor is not awake yet: it signs with the new key
	s.stop()
	if _, found, _ := run(t, options(dir)); len(found) > 0 {
		t.Errorf("found\n%s", lines(found))
	}
}

// One account is looked at alone, whatever the others suffer from.
func TestOneAccountAlone(t *testing.T) {
	dir := sample(t)
	sql(t, store(dir, alice), `DELETE FROM record WHERE rkey = 'k0050'`)
	sql(t, filepath.Join(dir, "sequencer.sqlite"), `UPDATE log SET time = time + 1 WHERE account = (SELECT id FROM head WHERE did = ?)`, carol.String())
	for d, want := range map[syntax.DID]fsck.Rule{alice: fsck.RuleStore, bob: "", carol: fsck.RuleLog, web: ""} {
		o := options(dir)
		o.DID = d
		_, found, _ := run(t, o)
		if (len(found) > 0) != (want != "") {
			t.Errorf("%s: found\n%s", d, lines(found))
		}
		for _, f := range found {
			if f.Rule != want || f.DID != d {
				t.Errorf("%s: %s", d, f)
			}
		}
	}
}
