package plcwatch

import (
	"context"
	"errors"
	"log/slog"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/bluesky-social/indigo/atproto/atcrypto"
	"github.com/bluesky-social/indigo/atproto/syntax"
	"github.com/did-method-plc/go-didplc/didplc"

	"troupe/actors/account"
	"troupe/actors/identity/plc"
	"troupe/actors/repo"
	"troupe/sequencing"
)

const alice = syntax.DID("did:plc:aaaaaaaaaaaaaaaaaaaaaaaa")

// quiet is a watch of which everything but the round is left out.
func quiet(o Options) *Watch {
	o.Logger = slog.New(slog.DiscardHandler)
	return New(o)
}

// A round is once a day, at its pace, over the DIDs that the directory knows; one
// account's trouble is its own, and a directory that is down is left in peace.
func TestRounds(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var mu sync.Mutex
		var looked []syntax.DID
		last := error(errors.New("of this account alone"))
		w := quiet(Options{
			Each: slices.Values([]syntax.DID{"did:plc:a", "did:web:b.test", "did:plc:c", "did:plc:d", "did:plc:e"}),
			Account: func(did syntax.DID) (account.Account, bool) {
				mu.Lock()
				looked = append(looked, did)
				mu.Unlock()
				if did == "did:plc:d" {
					panic("injected")
				}
				return account.Account{DID: did}, did != "did:plc:e"
			},
			Known: func(context.Context, syntax.DID) (string, error) { return "", nil },
			Last: func(context.Context, syntax.DID) (didplc.Operation, error) {
				mu.Lock()
				defer mu.Unlock()
				return nil, last
			},
		})
		ctx, cancel := context.WithCancel(t.Context())
		done := make(chan struct{})
		go func() { defer close(done); w.Run(ctx) }()
		look := func(after time.Duration, want int) {
			t.Helper()
			time.Sleep(after)
			mu.Lock()
			defer mu.Unlock()
			if len(looked) != want {
				t.Errorf("looked at %v, want %d", looked, want)
			}
		}
		look(14*time.Minute, 0)
		look(time.Minute+500*time.Millisecond, 1)
		look(time.Second, 2)
		look(time.Minute, 4)
		look(23*time.Hour, 4)
		mu.Lock()
		last = plc.ErrUnavailable
		mu.Unlock()
		look(time.Hour, 5)
		look(24*time.Hour, 6)
		cancel()
		<-done
	})
}

// operations makes a DID's first operation and one that follows.
func operations(t *testing.T) (first, next didplc.Operation, rotation string) {
	t.Helper()
	key, err := atcrypto.GeneratePrivateKeyK256()
	if err != nil {
		t.Fatal(err)
	}
	pub, _ := key.PublicKey()
	_, raw, err := plc.Genesis(key, plc.GenesisInput{Handle: "alice.test", Endpoint: "https://pds.test", SigningKey: pub})
	if err != nil {
		t.Fatal(err)
	}
	if first, err = plc.Parse(raw); err != nil {
		t.Fatal(err)
	}
	op, err := plc.Next(first)
	if err != nil {
		t.Fatal(err)
	}
	op.Services[plc.ServiceID] = didplc.OpService{Type: plc.ServiceType, Endpoint: "https://other.test"}
	raw, err = plc.Sign(op, key)
	if err != nil {
		t.Fatal(err)
	}
	if next, err = plc.Parse(raw); err != nil {
		t.Fatal(err)
	}
	return first, next, pub.DIDKey()
}

// A story that changes the DID while it is looked at is not taken for somebody else,
// wherever it is; and a failure anywhere leaves the change to the next look.
func TestLookBesideAStory(t *testing.T) {
	first, next, key := operations(t)
	boom := errors.New("boom")
	for name, c := range map[string]struct {
		known    func(n int) string // of the n-th question
		note     error
		announce error
		changed  bool
		want     error
		mails    int
	}{
		"somebody else":            {func(int) string { return first.CID().String() }, nil, nil, true, nil, 1},
		"noted meanwhile":          {func(n int) string { return []string{first.CID().String(), next.CID().String()}[n] }, nil, nil, false, nil, 0},
		"still told":               {func(int) string { return first.CID().String() }, account.ErrUnderWay, nil, false, nil, 1},
		"known":                    {func(int) string { return next.CID().String() }, nil, nil, false, nil, 0},
		"nobody could be told":     {func(int) string { return first.CID().String() }, nil, boom, false, boom, 0},
		"it could not be noted":    {func(int) string { return first.CID().String() }, boom, nil, false, boom, 1},
		"never looked at, strange": {func(int) string { return "" }, nil, nil, true, nil, 1},
	} {
		t.Run(name, func(t *testing.T) {
			asked, mails, announced := 0, 0, 0
			w := quiet(Options{
				Account: func(did syntax.DID) (account.Account, bool) {
					return account.Account{DID: did, Handle: "alice.test", Status: sequencing.StatusActive}, true
				},
				Rotation: key, Endpoint: "https://pds.test",
				Known:    func(context.Context, syntax.DID) (string, error) { asked++; return c.known(asked - 1), nil },
				Last:     func(context.Context, syntax.DID) (didplc.Operation, error) { return next, nil },
				Key:      func(context.Context, syntax.DID) (string, error) { return key, nil },
				Refresh:  func(context.Context, syntax.DID) error { return nil },
				Announce: func(context.Context, syntax.DID, repo.AnnounceIdentity) error { announced++; return c.announce },
				Note: func(_ context.Context, m account.NoteOperation) error {
					if len(m.Notice) > 0 {
						if announced == 0 {
							t.Error("noted before it was announced: a crash would lose that")
						}
						mails++
					}
					return c.note
				},
			})
			changed, err := w.Look(t.Context(), alice)
			if changed != c.changed || !errors.Is(err, c.want) || mails != c.mails {
				t.Errorf("changed %v, %v, %d notices", changed, err, mails)
			}
		})
	}
}
