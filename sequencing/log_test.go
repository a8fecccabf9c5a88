package sequencing

import (
	"bytes"
	"errors"
	"fmt"
	"reflect"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/bluesky-social/indigo/atproto/syntax"
	"github.com/ipfs/go-cid"

	"troupe/storage/dag"
)

func TestAppendAndReadBack(t *testing.T) {
	path := logPath(t)
	l := openTest(t, path, LogOptions{})
	did := testDID(1)
	first := mustDo(t, l, firstCommit(did, 100))
	if !slices.Equal(first.Seqs, []Seq{1, 2, 3}) || first.Head.Seq != 3 || first.Head.Incarnation != 1 {
		t.Errorf("committed %+v", first)
	}
	next := nextCommit(first.Head, []byte("blocks"), Internal)
	next.Entries[0].Private = []byte("private")
	next.Entries[0].Effects.Blobs = []BlobRef{{Op: 0, Blob: dag.Blob{CID: dag.SumRaw([]byte("x")), MimeType: "image/png", Size: 12}}}
	second := mustDo(t, l, next)

	head, ok, err := l.Head(ctx, did)
	if err != nil || !ok || head != second.Head {
		t.Errorf("head %+v, %v, %v; want %+v", head, ok, err, second.Head)
	}
	if _, ok, err := l.Head(ctx, testDID(2)); ok || err != nil {
		t.Errorf("head of an unknown DID: %v, %v", ok, err)
	}
	if l.Last() != 4 {
		t.Errorf("last %d", l.Last())
	}

	public := history(t, l, 0)
	if len(public) != 3 || public[2].Kind != KindCommit || public[2].DID != did {
		t.Fatalf("public history %+v", public)
	}
	frame, seq, err := DecodeFrame(public[2].Frame)
	if err != nil || seq != 3 || frame.(CommitFrame).Rev != first.Head.Rev {
		t.Errorf("frame %+v, %d, %v", frame, seq, err)
	}

	var replayed []Event
	if err := l.Replay(ctx, did, 2, func(e Event) error { replayed = append(replayed, e); return nil }); err != nil {
		t.Fatal(err)
	}
	if len(replayed) != 2 {
		t.Fatalf("replayed %d entries", len(replayed))
	}
	got, e := replayed[1], next.Entries[0]
	if got.Visibility != Internal || !reflect.DeepEqual(got.Effects, e.Effects) || !bytes.Equal(got.Private, e.Private) ||
		got.Next != e.Next || !bytes.Equal(got.Frame, e.Frame.Wire(4)) || !got.Time.Equal(e.Time.Truncate(time.Microsecond)) {
		t.Errorf("replayed %+v\nwant %+v", got, e)
	}
	checkLog(t, path)
}

func TestChainIsAllOrNone(t *testing.T) {
	path := logPath(t)
	l := openTest(t, path, LogOptions{})
	h := mustDo(t, l, firstCommit(testDID(1), 10)).Head
	a := nextCommit(h, nil, Public)
	b := nextCommit(Head{DID: h.DID, Rev: a.Entries[0].Next.Rev, Data: a.Entries[0].Next.Data, Status: h.Status}, nil, Public)
	chain := Append{DID: h.DID, Expect: a.Expect, Entries: []Entry{a.Entries[0], b.Entries[0]}}

	stale := chain
	stale.Expect.Data = testCID("another tree")
	if _, err := do(l, stale); err == nil {
		t.Fatal("a stale chain was accepted")
	}
	if n := len(history(t, l, 0)); n != 3 {
		t.Fatalf("%d events after a refused chain", n)
	}
	c := mustDo(t, l, chain)
	if len(c.Seqs) != 2 || c.Seqs[1] != c.Seqs[0]+1 || c.Head.Rev != b.Entries[0].Next.Rev {
		t.Errorf("committed %+v", c)
	}
	checkLog(t, path)
}

// blockCommitter holds the committer until the returned function is called, so
// that what is appended meanwhile ends up in one batch.
func blockCommitter(t *testing.T, l *SQLiteLog) (release func()) {
	t.Helper()
	held, free := make(chan struct{}), make(chan struct{})
	if err := l.queue.putJob(func(*committer) { close(held); <-free }); err != nil {
		t.Fatal(err)
	}
	<-held
	return func() { close(free) }
}

func TestBatchRefusesOneAndKeepsTheRest(t *testing.T) {
	path := logPath(t)
	ring := NewRing(0)
	l := openTest(t, path, LogOptions{Ring: ring})
	h := mustDo(t, l, firstCommit(testDID(1), 10)).Head

	commits := batches(t)
	release := blockCommitter(t, l)
	// In one batch: a commit, one that expects the same head, one on top of the
	// first, one of a stranger, and a new account.
	a := nextCommit(h, []byte("a"), Public)
	next := a.Entries[0].Next
	onTop := nextCommit(Head{DID: h.DID, Rev: next.Rev, Data: next.Data, Commit: next.Commit, Status: h.Status}, []byte("c"), Public)
	appends := []Append{a, nextCommit(h, []byte("b"), Public), onTop, nextCommit(Head{DID: testDID(9), Status: StatusActive, Rev: h.Rev, Data: h.Data}, nil, Public), firstCommit(testDID(2), 10)}
	var mu sync.Mutex
	var order []int
	errs := make([]error, len(appends))
	heads := make([]Head, len(appends))
	var wg sync.WaitGroup
	for i, ap := range appends {
		wg.Add(1)
		l.Append(ap, func(c Committed, err error) {
			mu.Lock()
			order, errs[i], heads[i] = append(order, i), err, c.Head
			mu.Unlock()
			wg.Done()
		})
	}
	release()
	wg.Wait()
	if got := batches(t) - commits; got != 1 {
		t.Errorf("%d commits for one batch", got)
	}
	if !slices.Equal(order, []int{0, 1, 2, 3, 4}) {
		t.Errorf("answered in the order %v", order)
	}
	for _, i := range []int{0, 2, 4} {
		if errs[i] != nil {
			t.Errorf("append %d: %v", i, errs[i])
		}
	}
	if r, ok := refusedWith(errs[1]); !ok || !r.Exists || r.Head != heads[0] {
		t.Errorf("the loser got %v, want the winner's head %+v", errs[1], heads[0])
	}
	if r, ok := refusedWith(errs[3]); !ok || r.Exists {
		t.Errorf("the stranger got %v", errs[3])
	}
	if got := len(history(t, l, 3)); got != 5 {
		t.Errorf("%d events", got)
	}
	checkLog(t, path)
}

func TestOfConcurrentAppendsOneWins(t *testing.T) {
	path := logPath(t)
	l := openTest(t, path, LogOptions{HeadCache: 2}) // too small to hold every head: rows are read again
	heads := make([]Head, 5)
	for i := range heads {
		heads[i] = mustDo(t, l, firstCommit(testDID(i), 10)).Head
	}
	for round := range 20 {
		var wg sync.WaitGroup
		var mu sync.Mutex
		won := make([]int, len(heads))
		for i, h := range slices.Clone(heads) {
			for racer := range 4 {
				wg.Add(1)
				a := nextCommit(h, fmt.Append(nil, racer), Public)
				go l.Append(a, func(c Committed, err error) {
					defer wg.Done()
					mu.Lock()
					defer mu.Unlock()
					if err == nil {
						won[i]++
						heads[i] = c.Head
					} else if _, ok := refusedWith(err); !ok {
						t.Errorf("loser got %v", err)
					}
				})
			}
		}
		wg.Wait()
		for i, n := range won {
			if n != 1 {
				t.Fatalf("round %d: %d winners for account %d", round, n, i)
			}
		}
	}
	checkLog(t, path)
}

func TestInvalidIsRefusedAtTheDoor(t *testing.T) {
	l := openTest(t, logPath(t), LogOptions{})
	if _, err := do(l, Append{DID: testDID(1)}); !errors.Is(err, ErrInvalid) {
		t.Errorf("got %v", err)
	}
}

func TestQueueIsBoundedByBytes(t *testing.T) {
	l := openTest(t, logPath(t), LogOptions{QueueBytes: 64 << 10})
	release := blockCommitter(t, l)
	answers := make(chan error, 100)
	refused := 0
	for i := range 20 {
		l.Append(firstCommit(testDID(i), 10_000), func(_ Committed, err error) { answers <- err })
	}
	// The refused are answered at once, on this goroutine.
	for len(answers) > 0 {
		if err := <-answers; !errors.Is(err, ErrQueueFull) {
			t.Fatalf("answered with %v while the committer was held", err)
		}
		refused++
	}
	if refused < 13 || refused > 16 {
		t.Errorf("%d of 20 appends of 10 kB refused by a queue of 64 kB", refused)
	}
	release()
	for range 20 - refused {
		if err := <-answers; err != nil {
			t.Errorf("admitted, then %v", err)
		}
	}
	// Once answered, the bytes are free again; one larger than the whole queue passes alone.
	mustDo(t, l, firstCommit(testDID(50), 100_000))
}

func TestCloseAnswersWhatIsQueued(t *testing.T) {
	path := logPath(t)
	l := openTest(t, path, LogOptions{})
	release := blockCommitter(t, l)
	answers := make(chan error, 10)
	for i := range 10 {
		l.Append(firstCommit(testDID(i), 10), func(_ Committed, err error) { answers <- err })
	}
	closed := make(chan struct{})
	go func() { l.Close(); close(closed) }()
	release()
	<-closed
	for range 10 {
		if err := <-answers; err != nil {
			t.Errorf("queued before Close: %v", err)
		}
	}
	if _, err := do(l, firstCommit(testDID(20), 10)); !errors.Is(err, ErrClosed) {
		t.Errorf("after Close: %v", err)
	}
	if _, _, err := l.Head(ctx, testDID(1)); !errors.Is(err, ErrClosed) {
		t.Errorf("read after Close: %v", err)
	}
	if err := l.MarkAccounts(ctx, 1); !errors.Is(err, ErrClosed) {
		t.Errorf("mark after Close: %v", err)
	}
	checkLog(t, path)
}

func TestDeletionLeavesATombstone(t *testing.T) {
	path := logPath(t)
	ring := NewRing(0)
	l := openTest(t, path, LogOptions{Ring: ring})
	other := mustDo(t, l, firstCommit(testDID(2), 10))
	h := mustDo(t, l, firstCommit(testDID(1), 10)).Head
	h = mustDo(t, l, nextCommit(h, []byte("x"), Public)).Head
	gone := mustDo(t, l, deletion(h))

	if left := history(t, l, other.Head.Seq); len(left) != 1 || left[0].Seq != gone.Seqs[0] {
		t.Errorf("left of a deleted account: %+v", left)
	}
	for _, item := range ring.view.Load().items {
		if item.did == h.DID && item.seq != gone.Seqs[0] {
			t.Errorf("number %d of a deleted account is still handed out", item.seq)
		}
	}
	head, ok, err := l.Head(ctx, h.DID)
	if err != nil || !ok || head.Status != StatusDeleted || head.Rev != h.Rev {
		t.Errorf("tombstone %+v, %v, %v", head, ok, err)
	}
	for name, a := range map[string]Append{
		"commit":   nextCommit(h, nil, Public),
		"identity": {DID: h.DID, Entries: []Entry{entryOf(KindIdentity, Public, Change{})}},
	} {
		if _, err := do(l, a); err == nil {
			t.Errorf("%s after deletion was accepted", name)
		}
	}

	again := mustDo(t, l, firstCommit(h.DID, 10)).Head
	if again.Incarnation != 2 || again.Rev <= h.Rev || !again.CreatedAt.After(h.CreatedAt) {
		t.Errorf("second incarnation %+v after %+v", again, h)
	}
	stored, _, err := l.Head(ctx, h.DID)
	if err != nil || stored != again {
		t.Errorf("stored %+v, %v; want %+v", stored, err, again)
	}
	mustDo(t, l, nextCommit(again, nil, Public))
	checkLog(t, path)
}

// The whole life of an account in one batch.
func TestDeletionInTheBatchOfItsCommits(t *testing.T) {
	path := logPath(t)
	ring := NewRing(0)
	l := openTest(t, path, LogOptions{Ring: ring})
	live, err := Subscribe(l, ring, nil, SubscribeOptions{})
	if err != nil {
		t.Fatal(err)
	}
	release := blockCommitter(t, l)
	create := firstCommit(testDID(1), 10)
	var wg sync.WaitGroup
	wg.Add(3)
	h := Head{DID: testDID(1)}
	for i := range create.Entries {
		h.change(create.Entries[i].Next)
	}
	for _, a := range []Append{create, deletion(h), firstCommit(testDID(1), 20)} {
		l.Append(a, func(_ Committed, err error) {
			if err != nil {
				t.Error(err)
			}
			wg.Done()
		})
	}
	release()
	wg.Wait()
	left := history(t, l, 0)
	if len(left) != 4 || left[0].Seq != 4 {
		t.Errorf("history %+v", left)
	}
	batch, err := live.Next(ctx)
	if err != nil || len(batch) != 4 {
		t.Errorf("%d live events, %v", len(batch), err)
	}
	checkLog(t, path)
}

func TestHeadsPageByCreationAndDID(t *testing.T) {
	now := time.UnixMicro(1_000_000)
	var mu sync.Mutex
	l := openTest(t, logPath(t), LogOptions{Now: func() time.Time { mu.Lock(); defer mu.Unlock(); return now }})
	var want []syntax.DID
	for i := range 23 {
		// Groups of three share their time, and come in reverse order of DIDs.
		did := testDID(i/3*3 + 2 - i%3)
		if i%3 == 0 {
			mu.Lock()
			now = now.Add(time.Microsecond)
			mu.Unlock()
		}
		mustDo(t, l, firstCommit(did, 1))
		want = append(want, did)
	}
	slices.Sort(want)
	var got []syntax.DID
	var cursor HeadCursor
	for {
		page, err := l.Heads(ctx, cursor, 4)
		if err != nil {
			t.Fatal(err)
		}
		if len(page) == 0 {
			break
		}
		for _, h := range page {
			got = append(got, h.DID)
		}
		last := page[len(page)-1]
		cursor = HeadCursor{last.CreatedAt, last.DID}
	}
	if !slices.Equal(got, want) {
		t.Errorf("got\n%v\nwant\n%v", got, want)
	}
}

func TestReplayKinds(t *testing.T) {
	l := openTest(t, logPath(t), LogOptions{})
	for i := range 300 { // more than a page
		mustDoLater(t, l, firstCommit(testDID(i), 1))
	}
	h := mustDo(t, l, firstCommit(testDID(1000), 1)).Head
	c := mustDo(t, l, nextCommit(h, nil, Internal))
	var n int
	last := Seq(0)
	count := func(e Event) error {
		if e.Seq <= last || e.Kind != KindIdentity && e.Kind != KindAccount {
			return fmt.Errorf("unexpected %v %d after %d", e.Kind, e.Seq, last)
		}
		last = e.Seq
		n++
		return nil
	}
	if err := l.ReplayKinds(ctx, 30, []Kind{KindIdentity, KindAccount}, count); err != nil {
		t.Fatal(err)
	}
	if want := 2 * 291; n != want {
		t.Errorf("%d identity and account entries, want %d", n, want)
	}
	var commits int
	if err := l.ReplayKinds(ctx, 0, []Kind{KindCommit}, func(e Event) error { commits++; last = e.Seq; return nil }); err != nil {
		t.Fatal(err)
	}
	if commits != 302 || last != c.Head.Seq {
		t.Errorf("%d commits up to %d", commits, last)
	}
	stop := errors.New("enough")
	if err := l.Replay(ctx, h.DID, 0, func(Event) error { return stop }); err != stop {
		t.Errorf("replay ended with %v", err)
	}
	if err := l.Replay(ctx, testDID(5000), 0, func(Event) error { return stop }); err != nil {
		t.Errorf("replay of an unknown DID: %v", err)
	}
}

// mustDoLater appends without waiting; Cleanup closes the log, which answers.
func mustDoLater(t testing.TB, l Log, a Append) {
	l.Append(a, func(_ Committed, err error) {
		if err != nil {
			t.Errorf("append: %v", err)
		}
	})
}

func TestEventsPageIsBoundedByBytes(t *testing.T) {
	l := openTest(t, logPath(t), LogOptions{})
	h := mustDo(t, l, firstCommit(testDID(1), 10)).Head
	for range 5 {
		h = mustDo(t, l, nextCommit(h, make([]byte, 10_000), Public)).Head
	}
	page, err := l.Events(ctx, 3, 100, 25_000)
	if err != nil || len(page) != 2 {
		t.Errorf("%d events in 25 kB, %v", len(page), err)
	}
	page, err = l.Events(ctx, 3, 100, 1)
	if err != nil || len(page) != 1 {
		t.Errorf("%d events in one byte, %v; want the first whatever its size", len(page), err)
	}
}

func TestEffectsRoundTrip(t *testing.T) {
	many := make([]cid.Cid, 300)
	for i := range many {
		many[i] = testCID(i)
	}
	for _, e := range []Effects{
		{},
		{New: many[:1]},
		{Removed: many},
		{New: many, Removed: many[3:9], Blobs: []BlobRef{{Op: 199, Blob: dag.Blob{CID: dag.SumRaw(nil), MimeType: "*/*", Size: 1 << 40}}, {Blob: dag.Blob{CID: testCID("b")}}}},
	} {
		for _, private := range [][]byte{nil, []byte("p")} {
			b := encodeEffects(&e, private)
			got, p, err := decodeEffects(b)
			if err != nil || !reflect.DeepEqual(got, e) || !bytes.Equal(p, private) {
				t.Fatalf("got %+v %q %v, want %+v %q", got, p, err, e, private)
			}
			for i := 1; i < len(b); i++ {
				if _, _, err := decodeEffects(b[:i]); !errors.Is(err, ErrCorrupt) {
					t.Fatalf("%d of %d bytes: %v", i, len(b), err)
				}
			}
		}
	}
}
