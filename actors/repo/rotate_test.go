package repo_test

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"github.com/bluesky-social/indigo/atproto/atcrypto"
	"github.com/bluesky-social/indigo/atproto/syntax"

	"troupe/actors/mailbox"
	"troupe/actors/repo"
	"troupe/sequencing"
	"troupe/storage/keys"
)

func freshKey(t testing.TB) (atcrypto.PrivateKeyExportable, string) {
	t.Helper()
	k, err := atcrypto.GeneratePrivateKeyK256()
	if err != nil {
		t.Fatal(err)
	}
	p, err := k.PublicKey()
	if err != nil {
		t.Fatal(err)
	}
	return k, p.DIDKey()
}

// history tells the events of an account, those that nobody is sent in brackets.
func (w *world) history(d syntax.DID) (all string) {
	w.t.Helper()
	err := w.log.Replay(w.t.Context(), d, 0, func(e sequencing.Event) error {
		if e.Visibility == sequencing.Public {
			all += e.Kind.String() + " "
		} else {
			all += "(" + e.Kind.String() + ") "
		}
		return nil
	})
	if err != nil {
		w.t.Fatal(err)
	}
	return all
}

const born = "identity account commit sync "

// Writes that come during a rotation are held, and signed by the new key.
func TestRotation(t *testing.T) {
	w := open(t, t.TempDir(), 16)
	defer w.close()
	d := w.account(1)
	ask(w, d, writes(create(t, "before", "text")))
	old := ask(w, d, repo.SigningKey{})
	k, public := freshKey(t)
	ask(w, d, repo.StageKey{Key: k})
	ask(w, d, repo.StageKey{Key: k}) // again: the answer may have been lost
	other, _ := freshKey(t)
	if err := refusal(w, d, repo.StageKey{Key: other}); !errors.Is(err, repo.ErrRotating) {
		t.Errorf("another key: %v", err)
	}
	var all sync.WaitGroup
	for i := range 8 {
		all.Go(func() { ask(w, d, writes(create(t, fmt.Sprintf("during%d", i), "text"))) })
	}
	// Reads go on meanwhile, and nothing is appended.
	ask(w, d, repo.GetRecord{Collection: posts, RKey: "before"})
	if now := ask(w, d, repo.SigningKey{}); now != old {
		t.Errorf("signs with %s already", now)
	}
	if err := refusal(w, d, repo.AdoptKey{Public: "did:key:zQ3other"}); !errors.Is(err, repo.ErrNoStagedKey) {
		t.Errorf("a key that is not there: %v", err)
	}
	if got := w.history(d); got != born+"commit " {
		t.Errorf("during: %s", got)
	}
	head := ask(w, d, repo.AdoptKey{Public: public, Handle: "a.test"})
	all.Wait()
	if now := ask(w, d, repo.SigningKey{}); now != public || head.Status != sequencing.StatusActive {
		t.Errorf("signs with %s, head %+v", now, head)
	}
	const want = born + "commit (commit) identity sync "
	if got := w.history(d); len(got) < len(want) || got[:len(want)] != want {
		t.Errorf("after: %s", got)
	}
	if n := len(ask(w, d, repo.ListRecords{Collection: posts, Limit: 100})); n != 9 {
		t.Errorf("%d records", n)
	}
	verifyExport(w, d, headCID(w, d))
	held, err := w.vault.Inspect(keys.ActorDir(filepath.Join(w.dir, "actors"), d), d)
	if err != nil || len(held) != 2 { // the key, and the one before
		t.Errorf("keys %+v, %v", held, err)
	}
}

// What is still staged when an actor starts holds back every signature.
func TestRotationOutlivesItsActor(t *testing.T) {
	dir := t.TempDir()
	w := open(t, dir, 16)
	d := w.account(1)
	k, public := freshKey(t)
	ask(w, d, repo.StageKey{Key: k})
	w.close()

	w = open(t, dir, 16)
	if err := refusal(w, d, writes(create(t, "held", "text"))); !errors.Is(err, repo.ErrRotating) {
		t.Errorf("a write: %v", err)
	}
	ask(w, d, repo.AdoptKey{Public: public, Handle: "a.test"})
	ask(w, d, writes(create(t, "after", "text")))
	w.close()

	// Nobody heard the answer: all that is left is to say it again.
	w = open(t, dir, 16)
	defer w.close()
	before := headCID(w, d)
	ask(w, d, repo.AdoptKey{Public: public, Handle: "a.test"})
	if headCID(w, d) != before {
		t.Error("signed again what the new key had signed")
	}
	if got := w.history(d); got != born+"(commit) identity sync commit identity sync " {
		t.Error(got)
	}
	verifyExport(w, d, before)
}

// A crash behind the rename and before the chain: the next answer does the rest.
func TestRotationCrashesBetweenKeyAndChain(t *testing.T) {
	dir := t.TempDir()
	w := open(t, dir, 16)
	d := w.account(1)
	k, public := freshKey(t)
	ask(w, d, repo.StageKey{Key: k})
	w.close()
	if err := w.vault.AdoptNextKey(keys.ActorDir(filepath.Join(dir, "actors"), d), d); err != nil {
		t.Fatal(err)
	}
	w = open(t, dir, 16)
	defer w.close()
	ask(w, d, repo.AdoptKey{Public: public, Handle: "a.test"})
	if got := w.history(d); got != born+"(commit) identity sync " {
		t.Error(got)
	}
	verifyExport(w, d, headCID(w, d))
}

func TestRotationIsDropped(t *testing.T) {
	w := open(t, t.TempDir(), 16)
	defer w.close()
	d := w.account(1)
	old := ask(w, d, repo.SigningKey{})
	k, public := freshKey(t)
	ask(w, d, repo.DropKey{}) // nothing is staged
	ask(w, d, repo.StageKey{Key: k})
	done := make(chan error, 1)
	go func() {
		_, err := mailbox.Ask(context.Background(), w.repos.Of(d.String()), writes(create(t, "held", "text")))
		done <- err
	}()
	ask(w, d, repo.Wake{})
	ask(w, d, repo.DropKey{})
	if err := <-done; err != nil {
		t.Error(err)
	}
	if now := ask(w, d, repo.SigningKey{}); now != old {
		t.Errorf("signs with %s", now)
	}
	if err := refusal(w, d, repo.AdoptKey{Public: public}); !errors.Is(err, repo.ErrNoStagedKey) {
		t.Errorf("adopted all the same: %v", err)
	}
	ask(w, d, writes(create(t, "after", "text")))
	verifyExport(w, d, headCID(w, d))
}

// Clients do not hang while a directory is down.
func TestRotationThatTakesLongRefusesWrites(t *testing.T) {
	w := openWith(t, t.TempDir(), mailbox.RouterOptions{Live: 16, Shards: 4}, func(c *repo.Config) { c.HoldLimit = time.Millisecond })
	defer w.close()
	d := w.account(1)
	k, public := freshKey(t)
	ask(w, d, repo.StageKey{Key: k})
	if err := refusal(w, d, writes(create(t, "held", "text"))); !errors.Is(err, repo.ErrRotating) {
		t.Errorf("a write: %v", err)
	}
	if err := refusal(w, d, repo.Activate{Handle: "a.test"}); !errors.Is(err, repo.ErrRotating) {
		t.Errorf("an activation: %v", err)
	}
	ask(w, d, repo.AdoptKey{Public: public})
	ask(w, d, writes(create(t, "after", "text")))
}

// An account that is not shown gets its new key without a sync.
func TestRotationOfInactiveAccounts(t *testing.T) {
	w := open(t, t.TempDir(), 16)
	defer w.close()
	d := w.account(1)
	ask(w, d, repo.SetStatus{Status: sequencing.StatusDeactivated})
	k, public := freshKey(t)
	ask(w, d, repo.StageKey{Key: k})
	ask(w, d, repo.AdoptKey{Public: public, Handle: "a.test"})
	if got := w.history(d); got != born+"account (commit) identity " {
		t.Error(got)
	}
	if err := refusal(w, did(9), repo.StageKey{Key: k}); !errors.Is(err, repo.ErrNotFound) {
		t.Errorf("nobody's: %v", err)
	}
}
