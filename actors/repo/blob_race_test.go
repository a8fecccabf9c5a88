package repo_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"sync"
	"testing"
	"time"

	"github.com/bluesky-social/indigo/atproto/syntax"
	"github.com/ipfs/go-cid"

	"troupe/actors/mailbox"
	"troupe/actors/repo"
	"troupe/storage/blob"
)

func remove(t *testing.T, paths ...string) {
	t.Helper()
	for _, p := range paths {
		if err := os.Remove(p); err != nil && !os.IsNotExist(err) {
			t.Fatal(err)
		}
	}
}

// A record that points at a blob is created while the last one that held it
// is deleted, in 400 rounds, with uploads of the same bytes and sweeps beside
// them: either the record stands and its bytes are there, or it was refused.
func TestABlobIsLostAndUsedAtOnce(t *testing.T) {
	g := openGallery(t, t.TempDir(), nil, nil)
	defer g.close()
	const accounts, rounds = 8, 50
	var all sync.WaitGroup
	won, lost := make([]int, accounts), make([]int, accounts)
	for a := range accounts {
		d := g.account(a)
		all.Go(func() {
			for i := range rounds {
				if g.race(d, i) {
					won[a]++
				} else {
					lost[a]++
				}
			}
		})
	}
	all.Wait()
	t.Logf("the record stood %v times and was refused %v times", won, lost)
}

// race plays one round and says whether the new record stands.
func (g *gallery) race(d syntax.DID, i int) bool {
	at := g.repos.Of(d.String())
	p := paint(fmt.Sprint("round ", i))
	old, fresh := fmt.Sprint("old", i), fmt.Sprint("new", i)
	if err := g.upload(d, p); err != nil {
		g.t.Error(err)
		return false
	}
	if _, err := mailbox.Ask(context.Background(), at, writes(album(old, p))); err != nil {
		g.t.Errorf("round %d: %v", i, err)
		return false
	}
	var all sync.WaitGroup
	var created error
	begin := make(chan struct{})
	all.Go(func() {
		<-begin
		if _, err := mailbox.Ask(context.Background(), at, writes(without(old))); err != nil {
			g.t.Errorf("round %d: delete: %v", i, err)
		}
	})
	all.Go(func() {
		<-begin
		if i%2 == 1 { // let the deletion go first, in part
			mailbox.Ask(context.Background(), at, repo.Flush{})
		}
		_, created = mailbox.Ask(context.Background(), at, writes(album(fresh, p)))
	})
	if i%3 == 0 {
		all.Go(func() {
			<-begin
			if err := g.upload(d, p); err != nil {
				g.t.Errorf("round %d: upload: %v", i, err)
			}
		})
	}
	if i%5 == 0 {
		all.Go(func() {
			<-begin
			if _, err := mailbox.Ask(context.Background(), at, repo.SweepBlobs{UploadedBefore: time.Now().Add(-time.Hour)}); err != nil {
				g.t.Errorf("round %d: sweep: %v", i, err)
			}
		})
	}
	close(begin)
	all.Wait()
	switch {
	case isMissing(created, p.CID):
		if _, err := mailbox.Ask(context.Background(), at, repo.GetRecord{Collection: albums, RKey: syntax.RecordKey(fresh)}); !errors.Is(err, repo.ErrRecordNotFound) {
			g.t.Errorf("round %d: refused, and there: %v", i, err)
		}
		return false
	case created != nil:
		g.t.Errorf("round %d: create: %v", i, created)
		return false
	}
	if _, err := mailbox.Ask(context.Background(), at, repo.GetBlob{CID: p.CID}); err != nil {
		g.t.Errorf("round %d: the record stands, its blob: %v", i, err)
	}
	if !g.has(d, p.CID) { // and once more when all is quiet: see close
		g.t.Errorf("round %d: the record stands without its bytes", i)
	}
	return true
}

// slow is a store that takes its time to delete.
type slow struct {
	blob.Store
	deleting, proceed chan struct{}
}

func (s slow) Delete(ctx context.Context, d syntax.DID, cids ...cid.Cid) error {
	s.deleting <- struct{}{}
	<-s.proceed
	return s.Store.Delete(ctx, d, cids...)
}

// While bytes are being deleted nobody may bring the same ones, however often
// the account is woken and asked; afterwards they stay.
func TestNoUploadMeetsADeletion(t *testing.T) {
	s := slow{deleting: make(chan struct{}, 10), proceed: make(chan struct{})}
	g := openGallery(t, t.TempDir(), func(store blob.Store) blob.Store { s.Store = store; return s }, nil)
	defer g.close()
	d := g.account(1)
	p := paint("here and gone")
	g.mustUpload(d, p)
	ask(g.world, d, writes(album("a", p)))
	ask(g.world, d, writes(without("a")))
	ask(g.world, d, repo.Flush{})
	<-s.deleting
	for range 3 {
		if err := refusal(g.world, d, repo.ReserveBlob{Blob: p.Blob}); !errors.Is(err, repo.ErrBlobBusy) {
			t.Errorf("an upload beside the deletion: %v", err)
		}
		ask(g.world, d, repo.SweepBlobs{UploadedBefore: time.Now()})
		g.asleep(d)
	}
	other := paint("another")
	g.mustUpload(d, other)
	s.proceed <- struct{}{}
	g.mustUpload(d, p)
	ask(g.world, d, writes(album("b", p)))
	g.asleep(d)
	ask(g.world, d, repo.SweepBlobs{UploadedBefore: time.Now().Add(-time.Hour)})
	ask(g.world, d, repo.GetBlob{CID: p.CID})
	select {
	case <-s.deleting:
		t.Error("something was deleted twice")
	default:
	}
}
