package sequencer_test

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"log/slog"
	"net/http"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/bluesky-social/indigo/atproto/syntax"

	"troupe/actors/mailbox"
	"troupe/actors/sequencer"
	"troupe/sequencing"
)

// relay counts the notices it gets, by the time since the test began.
type relay struct {
	mu    sync.Mutex
	began time.Time
	at    []time.Duration
	fail  bool
}

func (r *relay) RoundTrip(q *http.Request) (*http.Response, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	body, _ := io.ReadAll(q.Body)
	var in struct{ Hostname string }
	if json.Unmarshal(body, &in); in.Hostname != "pds.example" || q.URL.String() != "https://relay.example/xrpc/com.atproto.sync.requestCrawl" {
		return nil, errors.New("unexpected request: " + q.URL.String() + " " + string(body))
	}
	r.at = append(r.at, time.Since(r.began))
	status := http.StatusOK
	if r.fail {
		status = http.StatusInternalServerError
	}
	return &http.Response{StatusCode: status, Body: io.NopCloser(strings.NewReader("{}"))}, nil
}

func (r *relay) notices() []time.Duration {
	r.mu.Lock()
	defer r.mu.Unlock()
	return append([]time.Duration(nil), r.at...)
}

// start runs a sequencer until the test's end.
func start(t *testing.T, crawler *relay) (*sequencer.Handle, func()) {
	t.Helper()
	quiet := slog.New(slog.DiscardHandler)
	sys := mailbox.NewSystem(quiet)
	h, err := sequencer.Spawn(t.Context(), sys, sequencer.Options{
		Path: filepath.Join(t.TempDir(), "sequencer.sqlite"), Hostname: "pds.example",
		Crawlers: []string{"https://relay.example/"}, Client: &http.Client{Transport: crawler}, Logger: quiet,
	})
	if err != nil {
		t.Fatal(err)
	}
	return h, func() {
		if err := h.Stop(context.Background()); err != nil {
			t.Error(err)
		}
		sys.Shutdown()
	}
}

// announce appends an #identity event of a DID that is new or known.
func announce(t *testing.T, h *sequencer.Handle, did syntax.DID, first bool) error {
	t.Helper()
	now := time.Now()
	account := sequencing.AccountFrame{DID: did, Active: true, Time: now}
	chain := sequencing.Append{DID: did, Entries: []sequencing.Entry{{
		Kind: sequencing.KindIdentity, Visibility: sequencing.Public, Frame: sequencing.IdentityFrame{DID: did, Time: now}.Encode(), Time: now,
	}}}
	if first {
		chain.Expect.New = true
		chain.Entries = []sequencing.Entry{{
			Kind: sequencing.KindAccount, Visibility: sequencing.Public, Frame: account.Encode(), Time: now,
			Next: sequencing.Change{Status: sequencing.StatusActive},
		}}
	}
	_, err := mailbox.Ask(t.Context(), h.Address(), sequencer.Append{Chain: chain})
	return err
}

func TestCrawlNotices(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := &relay{began: time.Now()}
		h, stop := start(t, r)
		defer stop()
		step := func(first bool) {
			t.Helper()
			if err := announce(t, h, "did:plc:ewvi7nxzyoun6zhxrhs64oiz", first); err != nil {
				t.Fatal(err)
			}
			synctest.Wait()
		}
		time.Sleep(time.Hour)
		if n := r.notices(); len(n) != 0 {
			t.Fatalf("notices without an event: %v", n)
		}
		step(true) // at once
		time.Sleep(5 * time.Minute)
		step(false) // schedules the end of the twenty minutes
		step(false)
		time.Sleep(16 * time.Minute)
		time.Sleep(time.Hour) // quiet: nothing more
		step(false)           // at once again
		synctest.Wait()
		want := []time.Duration{time.Hour, time.Hour + 20*time.Minute, 2*time.Hour + 21*time.Minute}
		got := r.notices()
		if len(got) != len(want) {
			t.Fatalf("notices at %v, want %v", got, want)
		}
		for i := range want {
			if got[i].Round(time.Second) != want[i] {
				t.Errorf("notice %d at %v, want %v", i, got[i], want[i])
			}
		}
	})
}

func TestFailedNoticeDisturbsNobody(t *testing.T) {
	r := &relay{began: time.Now(), fail: true}
	h, stop := start(t, r)
	defer stop()
	if err := announce(t, h, "did:plc:ewvi7nxzyoun6zhxrhs64oiz", true); err != nil {
		t.Fatal(err)
	}
}

func TestRefusalsPassThrough(t *testing.T) {
	h, stop := start(t, &relay{})
	defer stop()
	did := syntax.DID("did:plc:ewvi7nxzyoun6zhxrhs64oiz")
	if err := announce(t, h, did, true); err != nil {
		t.Fatal(err)
	}
	var refused sequencing.Refused
	if err := announce(t, h, did, true); !errors.As(err, &refused) || refused.Head.Status != sequencing.StatusActive {
		t.Errorf("a second creation: %v", err)
	}
	future := sequencing.Seq(1 << 40)
	if _, err := mailbox.Ask(t.Context(), h.Address(), sequencer.Subscribe{Cursor: &future}); !errors.Is(err, sequencing.ErrFutureCursor) {
		t.Errorf("cursor in the future: %v", err)
	}
}

func TestSubscriberSeesWhatIsAnswered(t *testing.T) {
	h, stop := start(t, &relay{})
	defer stop()
	sub, err := mailbox.Ask(t.Context(), h.Address(), sequencer.Subscribe{})
	if err != nil {
		t.Fatal(err)
	}
	defer sub.Close()
	if err := announce(t, h, "did:plc:ewvi7nxzyoun6zhxrhs64oiz", true); err != nil {
		t.Fatal(err)
	}
	frames, err := sub.Next(t.Context())
	if err != nil || len(frames) != 1 {
		t.Fatalf("%d frames, %v", len(frames), err)
	}
	if f, _, err := sequencing.DecodeFrame(frames[0]); err != nil {
		t.Error(err)
	} else if a, ok := f.(sequencing.AccountFrame); !ok || !a.Active {
		t.Errorf("got %+v", f)
	}
}

// What subscribers do not get is no reason to call anybody.
func TestInternalEventsTellNobody(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := &relay{began: time.Now()}
		h, stop := start(t, r)
		defer stop()
		chain := sequencing.Append{DID: "did:plc:ewvi7nxzyoun6zhxrhs64oiz", Expect: sequencing.Expect{New: true}, Entries: []sequencing.Entry{
			{Kind: sequencing.KindAccount, Next: sequencing.Change{Status: sequencing.StatusDeactivated}, Time: time.Now()},
		}}
		if _, err := mailbox.Ask(t.Context(), h.Address(), sequencer.Append{Chain: chain}); err != nil {
			t.Fatal(err)
		}
		synctest.Wait()
		if n := r.notices(); len(n) != 0 {
			t.Errorf("notices of an internal event: %v", n)
		}
	})
}

// Entries go once they are outside the window and every file has them.
func TestPruning(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h, stop := start(t, &relay{began: time.Now()})
		defer stop()
		left := func() int {
			t.Helper()
			events, err := h.Log().Events(t.Context(), 0, 100, 1<<20)
			if err != nil {
				t.Fatal(err)
			}
			return len(events)
		}
		const applied, behind = syntax.DID("did:plc:ewvi7nxzyoun6zhxrhs64oiz"), syntax.DID("did:plc:44ybard66vv44zksje25o7dz")
		for _, did := range []syntax.DID{applied, behind} {
			if err := announce(t, h, did, true); err != nil {
				t.Fatal(err)
			}
		}
		if err := h.Log().MarkAccounts(t.Context(), h.Log().Last()); err != nil {
			t.Fatal(err)
		}
		if err := h.Log().MarkApplied(t.Context(), []sequencing.Applied{{DID: applied, Seq: h.Log().Last()}}); err != nil {
			t.Fatal(err)
		}
		time.Sleep(sequencing.DefaultWindow)
		synctest.Wait()
		if n := left(); n != 2 {
			t.Errorf("%d events left inside window and grace, want 2", n)
		}
		time.Sleep(sequencing.PruneGrace + 2*time.Hour)
		synctest.Wait()
		if n := left(); n != 1 {
			t.Errorf("%d events left, want the one that a file still needs", n)
		}
	})
}
