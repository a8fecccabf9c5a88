package repo_test

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"testing"

	"github.com/bluesky-social/indigo/atproto/syntax"
	"github.com/ipfs/go-cid"

	"troupe/actors/mailbox"
	"troupe/actors/repo"
)

// Races of an account: so many accounts at a time, rounds each, writers in each round.
const (
	racingAccounts = 8
	racingRounds   = 50
	racers         = 4
)

// Of all who create a record under the same key at the same time one does, and
// his record is the one that is there, in 400 rounds.
func TestOneCreatesAKey(t *testing.T) {
	runRaces(t, func(w *world, d syntax.DID, round int, _ cid.Cid) ([racers]repo.ApplyWrites, error) {
		var all [racers]repo.ApplyWrites
		for i := range all {
			all[i] = writes(create(t, fmt.Sprint("round", round), fmt.Sprint("racer ", i)))
		}
		return all, repo.ErrRecordExists
	})
}

// Of all who write on the condition that the repository is at the same commit
// one does, in 400 rounds.
func TestOneSwapsACommit(t *testing.T) {
	runRaces(t, func(w *world, d syntax.DID, round int, head cid.Cid) ([racers]repo.ApplyWrites, error) {
		var all [racers]repo.ApplyWrites
		for i := range all {
			all[i] = writes(create(t, fmt.Sprintf("round%d-%d", round, i), "x"))
			all[i].SwapCommit = head
		}
		return all, repo.ErrInvalidSwap
	})
}

// runRaces lets every round's writers loose and proves, in the repository and
// in what subscribers were told, that exactly one of them won.
func runRaces(t *testing.T, round func(w *world, d syntax.DID, round int, head cid.Cid) (all [racers]repo.ApplyWrites, refused error)) {
	w := open(t, t.TempDir(), racingAccounts)
	defer w.close()
	var all sync.WaitGroup
	var dids []syntax.DID
	for i := range racingAccounts {
		dids = append(dids, w.account(i))
	}
	for _, d := range dids {
		all.Go(func() {
			for i := range racingRounds {
				h, _, err := w.log.Head(context.Background(), d)
				if err != nil {
					t.Error(err)
					return
				}
				if all, refused := round(w, d, i, h.Commit); !w.oneWins(d, all, refused) {
					t.Errorf("%s, round %d", d, i)
				}
			}
		})
	}
	all.Wait()
	for _, d := range dids {
		if n := len(ask(w, d, repo.ListRecords{Collection: posts, Limit: 1000})); n != racingRounds {
			t.Errorf("%s has %d records after %d rounds", d, n, racingRounds)
		}
		verifyExport(w, d, headCID(w, d))
	}
	// The first commit of an account is empty.
	if n := verifyEvents(w); n != racingAccounts*(racingRounds+1) {
		t.Errorf("%d commits were told, want %d", n, racingAccounts*(racingRounds+1))
	}
}

// oneWins runs one round, and says whether one write was made and all others
// refused as they should be.
func (w *world) oneWins(d syntax.DID, all [racers]repo.ApplyWrites, refused error) bool {
	var (
		running sync.WaitGroup
		begin   = make(chan struct{})
		results [racers]repo.WriteResult
		errs    [racers]error
	)
	for i, m := range all {
		running.Go(func() {
			<-begin
			results[i], errs[i] = mailbox.Ask(context.Background(), w.repos.Of(d.String()), m)
		})
	}
	close(begin)
	running.Wait()
	winner := -1
	for i, err := range errs {
		switch {
		case err == nil && winner < 0:
			winner = i
		case err == nil:
			w.t.Errorf("two won: %+v and %+v", results[winner], results[i])
			return false
		case !errors.Is(err, refused):
			w.t.Errorf("refused with %v, want %v", err, refused)
			return false
		}
	}
	if winner < 0 {
		w.t.Error("nobody won")
		return false
	}
	made := results[winner].Results[0]
	h, _, err := w.log.Head(context.Background(), d)
	if err != nil || h.Commit != results[winner].Commit.CID {
		w.t.Errorf("the head is %s, the winner was told %s: %v", h.Commit, results[winner].Commit.CID, err)
		return false
	}
	for i, m := range all {
		key := m.Writes[0].RKey
		got, err := mailbox.Ask(context.Background(), w.repos.Of(d.String()), repo.GetRecord{Collection: posts, RKey: key})
		switch {
		case key == made.RKey && (err != nil || got.CID != made.CID):
			w.t.Errorf("%s is %s, the winner wrote %s: %v", key, got.CID, made.CID, err)
			return false
		case key != made.RKey && !errors.Is(err, repo.ErrRecordNotFound):
			w.t.Errorf("racer %d lost, and his record is there: %v", i, err)
			return false
		}
	}
	return true
}
