package sweeper

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"log/slog"
	"maps"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/bluesky-social/indigo/atproto/syntax"
	"github.com/ipfs/go-cid"
	"go.uber.org/goleak"

	"troupe/actors/account"
	"troupe/actors/mailbox"
	"troupe/actors/repo"
	"troupe/storage/blob"
	"troupe/storage/dag"
)

func TestMain(m *testing.M) {
	goleak.VerifyTestMain(m, goleak.IgnoreTopFunction("github.com/ipfs/go-log/writer.(*MirrorWriter).logRoutine"))
}

func did(i int) syntax.DID { return syntax.DID(fmt.Sprintf("did:plc:%024d", i)) }

func cidOf(i int) cid.Cid { return dag.Sum(fmt.Appendf(nil, "%d", i)) }

// owner is what an account's actor would know of its blobs.
type owner struct {
	rows  map[cid.Cid]time.Time // unused uploads
	kept  map[cid.Cid]bool
	bytes map[cid.Cid]time.Time
	fails error
}

// world holds accounts and counts what they are asked.
type world struct {
	blob.Store // nil: only what is below may be used

	t      *testing.T
	mu     sync.Mutex
	owners map[syntax.DID]*owner
	asked  map[syntax.DID]int
	atOnce int // owners that are being asked
	most   int
	takes  time.Duration // an owner's answer, whatever becomes of the question; 0: a moment
	panics int
	unseen bool // the store has nothing of anybody
	tokens int  // refresh tokens that ended, of which some
	piece  int  // go at a time
	trims  []int

	at      mailbox.Address[*Sweeper]
	options Options
}

func newWorld(t *testing.T) *world {
	return &world{t: t, owners: map[syntax.DID]*owner{}, asked: map[syntax.DID]int{}}
}

func (w *world) owner(d syntax.DID) *owner {
	o := w.owners[d]
	if o == nil {
		o = &owner{rows: map[cid.Cid]time.Time{}, kept: map[cid.Cid]bool{}, bytes: map[cid.Cid]time.Time{}}
		w.owners[d] = o
	}
	return o
}

// locked looks at or changes the world while nobody else does.
func (w *world) locked(fn func()) {
	w.mu.Lock()
	defer w.mu.Unlock()
	fn()
}

// upload is what a client's upload leaves; told says whether the sweeper hears of it.
func (w *world) upload(d syntax.DID, c cid.Cid, told bool) {
	w.mu.Lock()
	w.owner(d).rows[c] = time.Now()
	w.owner(d).bytes[c] = time.Now()
	w.mu.Unlock()
	if told {
		Tell(w.at)(d)
		synctest.Wait()
	}
}

// enter begins a question to an owner, which takes a moment.
func (w *world) enter(ctx context.Context, d syntax.DID) (*owner, func(), error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.asked[d]++
	w.atOnce++
	w.most = max(w.most, w.atOnce)
	leave := func() {
		w.mu.Lock()
		w.atOnce--
		w.mu.Unlock()
	}
	takes := max(w.takes, time.Millisecond)
	w.mu.Unlock()
	time.Sleep(takes)
	w.mu.Lock()
	if w.panics > 0 {
		w.panics--
		w.atOnce--
		panic("injected")
	}
	o := w.owners[d]
	if o == nil {
		return nil, leave, repo.ErrNotFound
	}
	return o, leave, errors.Join(o.fails, ctx.Err())
}

func (w *world) sweepBlobs(ctx context.Context, d syntax.DID, m repo.SweepBlobs) (n int64, err error) {
	o, leave, err := w.enter(ctx, d)
	defer leave()
	if err != nil {
		return 0, err
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	for c, at := range o.rows {
		if at.Before(m.UploadedBefore) {
			delete(o.rows, c)
			delete(o.bytes, c)
			n++
		}
	}
	return n, nil
}

func (w *world) orphanBlobs(ctx context.Context, d syntax.DID, m repo.OrphanBlobs) (gone []cid.Cid, err error) {
	o, leave, err := w.enter(ctx, d)
	defer leave()
	if err != nil {
		return nil, err
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, c := range m.CIDs {
		if _, row := o.rows[c]; !row && !o.kept[c] {
			delete(o.bytes, c)
			gone = append(gone, c)
		}
	}
	return gone, nil
}

// Accounts implements blob.Store.
func (w *world) Accounts(context.Context) iter.Seq2[syntax.DID, error] {
	w.mu.Lock()
	all := slices.Sorted(maps.Keys(w.owners))
	if w.unseen {
		all = nil
	}
	w.mu.Unlock()
	return func(yield func(syntax.DID, error) bool) {
		for _, d := range append(all, did(999_999)) { // bytes of nobody
			if !yield(d, nil) {
				return
			}
		}
	}
}

// List implements blob.Store.
func (w *world) List(_ context.Context, d syntax.DID, _ cid.Cid) iter.Seq2[blob.Stored, error] {
	w.mu.Lock()
	var all []blob.Stored
	for c, at := range w.owners[d].bytes {
		all = append(all, blob.Stored{CID: c, Modified: at})
	}
	w.mu.Unlock()
	return func(yield func(blob.Stored, error) bool) {
		for _, b := range all {
			if !yield(b, nil) {
				return
			}
		}
	}
}

func (w *world) sweepExpired(_ context.Context, m account.SweepExpired) (account.Expired, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	n := min(w.piece, w.tokens)
	w.tokens -= n
	x := account.Expired{RefreshTokens: int64(n)}
	if w.tokens > 0 {
		x.Next = m.After + "x"
	}
	return x, nil
}

func (w *world) trim(context.Context) (n int, err error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if len(w.trims) > 0 {
		n, w.trims = w.trims[0], w.trims[1:]
	}
	return n, nil
}

func (w *world) has(d syntax.DID, c cid.Cid) bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	_, ok := w.owners[d].bytes[c]
	return ok
}

func (w *world) asks(d syntax.DID) int {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.asked[d]
}

// inWorld runs test in a bubble of virtual time.
func inWorld(t *testing.T, test func(*world), change ...func(*Options)) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		w.options = Options{
			Blobs: w, SweepBlobs: w.sweepBlobs, OrphanBlobs: w.orphanBlobs, SweepExpired: w.sweepExpired, TrimIdentities: w.trim,
			Trash: t.TempDir(), Log: slog.New(slog.DiscardHandler),
		}
		for _, c := range change {
			c(&w.options)
		}
		system := mailbox.NewSystem(slog.New(slog.DiscardHandler))
		h, err := Spawn(system, w.options)
		if err != nil {
			t.Fatal(err)
		}
		w.at = h.Address()
		defer func() {
			if err := h.Stop(context.Background()); err != nil {
				t.Error(err)
			}
			system.Shutdown()
			w.locked(func() {
				if w.atOnce != 0 {
					t.Error("an owner is still being asked")
				}
			})
		}()
		test(w)
	})
}

// sweep asks for a chore and compares what it removed.
func (w *world) sweep(c Chore, want Report) {
	w.t.Helper()
	got, err := mailbox.Ask(context.Background(), w.at, Sweep{Chore: c})
	if err != nil || !maps.Equal(got, want) {
		w.t.Errorf("%s removed %v, %v; want %v", c, got, err, want)
	}
}
