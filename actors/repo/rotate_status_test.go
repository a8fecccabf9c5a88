package repo_test

import (
	"context"
	"errors"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"troupe/actors/mailbox"
	"troupe/actors/repo"
	"troupe/sequencing"
	"troupe/storage/keys"
)

// How an account stands changes at any moment of a rotation, before the writes that
// wait for it, and the rotation ends under the status that it finds.
func TestStatusDuringARotation(t *testing.T) {
	const staged, refusing, restarted, renamed = "staged", "refusing", "restarted", "between key and chain"
	for _, at := range []string{staged, refusing, restarted, renamed} {
		for _, c := range []struct {
			name         string
			lifted, drop bool
			want         string
		}{
			{"taken down", false, false, "account (commit) identity account commit "},
			{"taken down, and lifted", true, false, "account account (commit) identity sync account commit "},
			{"taken down, and dropped", false, true, "account account commit "},
		} {
			if at == renamed && c.drop {
				continue
			}
			t.Run(at+", "+c.name, func(t *testing.T) {
				limit := time.Hour
				if at != staged {
					limit = time.Millisecond
				}
				dir := t.TempDir()
				w := openWith(t, dir, mailbox.RouterOptions{Live: 16, Shards: 4}, func(f *repo.Config) { f.HoldLimit = limit })
				defer func() { w.close() }()
				d := w.account(1)
				k, public := freshKey(t)
				ask(w, d, repo.StageKey{Key: k})
				held := make(chan error, 1)
				mailbox.Post(context.Background(), w.repos.Of(d.String()), writes(create(t, "held", "text")), func(_ repo.WriteResult, err error) { held <- err })
				if at != staged {
					if err := <-held; !errors.Is(err, repo.ErrRotating) {
						t.Fatalf("the write: %v", err)
					}
				}
				if at == restarted || at == renamed {
					w.close()
					if at == renamed {
						if err := w.vault.AdoptNextKey(keys.ActorDir(filepath.Join(dir, "actors"), d), d); err != nil {
							t.Fatal(err)
						}
					}
					w = open(t, dir, 16)
				}
				ask(w, d, repo.SetStatus{Status: sequencing.StatusTakendown})
				if c.lifted {
					ask(w, d, repo.SetStatus{Status: sequencing.StatusActive})
				}
				if c.drop {
					ask(w, d, repo.DropKey{})
				} else {
					ask(w, d, repo.AdoptKey{Public: public, Handle: "a.test"})
				}
				if at == staged {
					var refused repo.NotActive
					if err := <-held; errors.As(err, &refused) == c.lifted || c.lifted && err != nil {
						t.Errorf("the write that waited: %v", err)
					}
				}
				ask(w, d, repo.SetStatus{Status: sequencing.StatusActive})
				ask(w, d, writes(create(t, "after", "text")))
				want := born + c.want
				if at == staged && c.lifted { // the write that waited goes through
					want = born + "account account (commit) identity sync commit account commit "
				}
				if got := w.history(d); got != want {
					t.Errorf("told %q, want %q", got, want)
				}
				verifyExport(w, d, headCID(w, d))
			})
		}
	}
}

// Rulings that come while others are on their way, and while the rotation ends, are
// all answered, and none of them lets a write through too early.
func TestStatusRacesARotation(t *testing.T) {
	for _, close := range []bool{false, true} {
		w := open(t, t.TempDir(), 16)
		d := w.account(1)
		k, public := freshKey(t)
		ask(w, d, repo.StageKey{Key: k})
		var all sync.WaitGroup
		for i := range 32 {
			status := sequencing.StatusTakendown
			if i%2 == 0 {
				status = sequencing.StatusActive
			}
			all.Go(func() {
				if _, err := mailbox.Ask(context.Background(), w.repos.Of(d.String()), repo.SetStatus{Status: status}); err != nil && !close {
					t.Errorf("ruling %d: %v", i, err)
				}
			})
		}
		if close { // in the middle of it: what was taken is finished
			w.close()
			all.Wait()
			continue
		}
		ask(w, d, repo.AdoptKey{Public: public, Handle: "a.test"})
		all.Wait()
		ask(w, d, repo.SetStatus{Status: sequencing.StatusActive})
		ask(w, d, writes(create(t, "after", "text")))
		verifyExport(w, d, headCID(w, d))
		w.close()
	}
}
