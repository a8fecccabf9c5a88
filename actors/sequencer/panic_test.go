package sequencer

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"path/filepath"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/bluesky-social/indigo/atproto/syntax"

	"troupe/actors/mailbox"
	"troupe/sequencing"
)

// haunted is a log that panics when it is told to.
type haunted struct {
	sequencing.Log
	victim   syntax.DID  // its appends panic at the door
	last     atomic.Bool // the next Last panics
	pruned   atomic.Int64
	unpruned int64 // the first so many prunings panic
}

func (h *haunted) Append(a sequencing.Append, done func(sequencing.Committed, error)) {
	if a.DID == h.victim {
		panic("injected")
	}
	h.Log.Append(a, done)
}

func (h *haunted) Last() sequencing.Seq {
	if h.last.CompareAndSwap(true, false) {
		panic("injected")
	}
	return h.Log.Last()
}

func (h *haunted) Prune(ctx context.Context, before time.Time, limit int) (int, error) {
	if h.pruned.Add(1) <= h.unpruned {
		panic("injected")
	}
	return h.Log.Prune(ctx, before, limit)
}

// haunt runs a sequencer over such a log. now is the instance that runs.
func haunt(t *testing.T, h *haunted, o Options) (at mailbox.Address[*Sequencer], now *atomic.Pointer[Sequencer]) {
	t.Helper()
	o.Logger = slog.New(slog.DiscardHandler)
	o = o.withDefaults()
	ring := sequencing.NewRing(0)
	log, err := sequencing.OpenLog(t.Context(), filepath.Join(t.TempDir(), "sequencer.sqlite"), sequencing.LogOptions{Ring: ring, Logger: o.Logger})
	if err != nil {
		t.Fatal(err)
	}
	h.Log = log
	sys := mailbox.NewSystem(o.Logger)
	now = new(atomic.Pointer[Sequencer])
	actor, err := mailbox.Spawn(sys, "sequencer", appendsAdmitted, func(self mailbox.Self) *Sequencer {
		now.Store(&Sequencer{o: o, self: self, log: h, ring: ring})
		return now.Load()
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := errors.Join(actor.Stop(context.Background()), log.Close()); err != nil {
			t.Error(err)
		}
		sys.Shutdown()
	})
	return actor.Address(), now
}

func testDID(i int) syntax.DID { return syntax.DID(fmt.Sprintf("did:plc:%024d", i)) }

// birth is a chain of a DID that is new.
func birth(did syntax.DID) sequencing.Append {
	now := time.Now()
	return sequencing.Append{DID: did, Expect: sequencing.Expect{New: true}, Entries: []sequencing.Entry{{
		Kind: sequencing.KindAccount, Visibility: sequencing.Public, Time: now,
		Frame: sequencing.AccountFrame{DID: did, Active: true, Time: now}.Encode(), Next: sequencing.Change{Status: sequencing.StatusActive},
	}}}
}

// A panic in a turn of the sequencer is answered at once, and every append of
// everybody else, also one under way at that moment, gets the log's own answer:
// nobody is left in doubt about a commit.
func TestAPanicLeavesAppendsTheirAnswers(t *testing.T) {
	h := &haunted{victim: testDID(0)}
	at, now := haunt(t, h, Options{})
	sub, err := mailbox.Ask(t.Context(), at, Subscribe{})
	if err != nil {
		t.Fatal(err)
	}
	defer sub.Close()
	quit := make(chan struct{})
	var others sync.WaitGroup
	var appended atomic.Int64
	for lane := range 32 {
		others.Go(func() {
			for i := 1; ; i++ {
				select {
				case <-quit:
					return
				default:
				}
				did := testDID(lane*1_000_000 + i)
				c, err := mailbox.Ask(context.Background(), at, Append{Chain: birth(did)})
				if err != nil {
					t.Errorf("another append: %v", err)
					return
				}
				if head, ok, err := h.Log.Head(context.Background(), did); err != nil || !ok || head.Seq != c.Seqs[0] {
					t.Errorf("acknowledged and not there: %+v, %v, %v", head, ok, err)
				}
				appended.Add(1)
			}
		})
	}
	for i := range 4 {
		before := appended.Load()
		if i%2 == 0 {
			if _, err := mailbox.Ask(context.Background(), at, Append{Chain: birth(h.victim)}); !errors.Is(err, mailbox.ErrCrashed) {
				t.Errorf("the asker was answered with %v", err)
			}
		} else {
			now.Load().self.Run(func() { panic("injected") })
		}
		for appended.Load() < before+40 && !t.Failed() { // it is at work again
			time.Sleep(time.Millisecond)
		}
	}
	close(quit)
	others.Wait()
	// A subscriber from before the panics has missed nothing.
	for seen := int64(0); seen < appended.Load(); {
		frames, err := sub.Next(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		seen += int64(len(frames))
	}
}

// What runs beside the turns does not take the process with it, and is done
// again when its time comes.
func TestPanicsBesideTheTurns(t *testing.T) {
	h := &haunted{unpruned: 2}
	var told atomic.Int64
	at, _ := haunt(t, h, Options{
		PruneEvery: time.Millisecond, Crawlers: []string{"https://relay.example"},
		Client: &http.Client{Transport: transport(func() { told.Add(1); panic("injected") })},
	})
	h.last.Store(true)
	zero := sequencing.Seq(0)
	if _, err := mailbox.Ask(context.Background(), at, Subscribe{Cursor: &zero}); !errors.Is(err, mailbox.ErrCrashed) {
		t.Errorf("a subscriber was answered with %v", err)
	}
	for i := range 10 {
		if _, err := mailbox.Ask(context.Background(), at, Append{Chain: birth(testDID(i))}); err != nil {
			t.Error(err)
		}
	}
	for told.Load() == 0 || h.pruned.Load() < 4 {
		time.Sleep(time.Millisecond)
	}
	sub, err := mailbox.Ask(context.Background(), at, Subscribe{Cursor: &zero})
	if err != nil {
		t.Fatal(err)
	}
	sub.Close()
}

// transport is a network of one function.
type transport func()

func (f transport) RoundTrip(*http.Request) (*http.Response, error) {
	f()
	return nil, errors.New("no such host")
}
