package repo_test

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/bluesky-social/indigo/atproto/syntax"

	"troupe/actors/mailbox"
	"troupe/actors/repo"
	"troupe/sequencing"
	"troupe/storage/repodb"
	"troupe/storage/sqlite/faultvfs"
)

const stormy = "storm"

// far is a time-out that is far off: whoever runs into it was lost.
const far = 10 * time.Minute

// storm is a log below actors that panic in every place, and the file system
// that their files lie on.
type storm struct {
	sequencing.Log
	fs      *faultvfs.FS
	raging  atomic.Bool
	panics  atomic.Int64
	doubles atomic.Int64 // an actor started while somebody had its file open
	starts  atomic.Int64
}

func (s *storm) strike(oneIn int) {
	if s.raging.Load() && rand.IntN(oneIn) == 0 {
		s.panics.Add(1)
		panic("injected")
	}
}

// Head is the first thing that a starting actor asks for.
func (s *storm) Head(ctx context.Context, d syntax.DID) (sequencing.Head, bool, error) {
	s.starts.Add(1)
	if s.fs.Opened(d.String()+"/"+repodb.FileName) > 0 {
		s.doubles.Add(1)
	}
	s.strike(50)
	return s.Log.Head(ctx, d)
}

func (s *storm) Append(a sequencing.Append, done func(sequencing.Committed, error)) {
	s.strike(50)
	s.Log.Append(a, done)
	s.strike(50)
}

// fail breaks the disk under some file now and then: what is applied or flushed
// at that moment, also by an actor that leaves, panics.
func (s *storm) fail(quit <-chan struct{}) {
	for {
		select {
		case <-quit:
			s.fs.Clear()
			return
		case <-time.After(time.Duration(5+rand.IntN(20)) * time.Millisecond):
			s.fs.Set(faultvfs.Fault{At: 1 + rand.IntN(20), Ops: faultvfs.Write | faultvfs.Sync, Suffix: "-wal", Action: faultvfs.EIO})
		}
	}
}

// Real repositories go through an LRU far too small for them, with panics in
// starts, turns and stops, retirements, quarantines and askers who leave: no
// file has two owners, every request is answered, nothing acknowledged is lost.
func TestStorm(t *testing.T) {
	accounts, length := 120, 500*time.Millisecond
	if long := os.Getenv("TROUPE_STRESS"); long != "" {
		var err error
		if length, err = time.ParseDuration(long); err != nil {
			t.Fatal(err)
		}
		accounts = 300
	}
	s := &storm{fs: faultvfs.New(stormy)}
	w := openWith(t, t.TempDir(), mailbox.RouterOptions{Live: 24, Shards: 4, Crashes: 2, Window: 2 * time.Second}, func(c *repo.Config) {
		s.Log, c.Log, c.Append, c.VFS = c.Log, s, s.Append, stormy
	})
	defer w.close()
	each(accounts, func(i int) { w.account(i) })
	s.raging.Store(true)
	var all, beside sync.WaitGroup
	quit := make(chan struct{})
	beside.Go(func() { s.fail(quit) })
	beside.Go(func() { w.retireSome(accounts, quit) })
	acked := make([]map[string]bool, accounts)
	var mu sync.Mutex
	outcomes := map[string]int{}
	var crashed atomic.Bool
	end := time.Now().Add(length)
	for n := range 64 {
		all.Go(func() {
			for i := 0; time.Now().Before(end) || !crashed.Load() && !t.Failed(); i++ {
				a := int(float64(accounts) * rand.Float64() * rand.Float64()) // skewed
				key := fmt.Sprintf("k%d-%d", n, i)
				what := w.stormyWrite(did(a), key)
				mu.Lock()
				if what == "crashed" {
					crashed.Store(true)
				}
				if outcomes[what]++; what == "done" {
					if acked[a] == nil {
						acked[a] = map[string]bool{}
					}
					acked[a][key] = true
				}
				mu.Unlock()
			}
		})
	}
	all.Wait()
	close(quit)
	beside.Wait()
	s.raging.Store(false)
	if n := s.doubles.Load(); n != 0 {
		t.Errorf("%d files had two owners", n)
	}
	if outcomes["done"] == 0 || outcomes["crashed"] == 0 || s.panics.Load() == 0 {
		t.Error("nothing happened")
	}
	t.Logf("%v; %d panics, %d starts, %+v", outcomes, s.panics.Load(), s.starts.Load(), w.repos.Stats())
	each(accounts, func(i int) {
		usable(w, did(i))
		there := map[string]bool{}
		for _, r := range ask(w, did(i), repo.ListRecords{Collection: posts, Limit: 1_000_000}) {
			there[r.RKey.String()] = true
		}
		for key := range acked[i] {
			if !there[key] {
				t.Errorf("account %d: acknowledged %s is lost", i, key)
			}
		}
	})
	for i := range min(accounts, 20) { // the busiest ones
		verifyExport(w, did(i), headCID(w, did(i)))
	}
}

// stormyWrite creates a record and says what became of it. Some askers leave
// early; nobody else may hear of a time-out.
func (w *world) stormyWrite(d syntax.DID, key string) string {
	patience := far
	if rand.IntN(8) == 0 {
		patience = time.Duration(rand.IntN(3000)) * time.Microsecond
	}
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	_, err := mailbox.Ask(ctx, w.repos.Of(d.String()), writes(create(w.t, key, "text")))
	switch {
	case err == nil:
		return "done"
	case patience < far && errors.Is(err, context.DeadlineExceeded):
		return "left"
	case errors.Is(err, mailbox.ErrCrashed):
		return "crashed"
	case errors.Is(err, mailbox.ErrQuarantined):
		return "quarantined"
	case errors.Is(err, mailbox.ErrRetired):
		return "retired"
	case errors.Is(err, mailbox.ErrBusy):
		return "busy"
	case errors.Is(err, repo.ErrUnavailable):
		return "unavailable"
	}
	w.t.Errorf("%s: %v", d, err)
	return "wrong"
}

func (w *world) retireSome(accounts int, quit <-chan struct{}) {
	for {
		select {
		case <-quit:
			return
		case <-time.After(2 * time.Millisecond):
		}
		ctx, cancel := context.WithTimeout(context.Background(), far)
		release, err := w.repos.Retire(ctx, did(rand.IntN(accounts)).String())
		cancel()
		if err != nil {
			w.t.Errorf("retire: %v", err)
			return
		}
		release()
	}
}

// each calls f for all of n, some at a time.
func each(n int, f func(int)) {
	var all sync.WaitGroup
	for lane := range 16 {
		all.Go(func() {
			for i := lane; i < n; i += 16 {
				f(i)
			}
		})
	}
	all.Wait()
}
