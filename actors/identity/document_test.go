package identity

import (
	"context"
	"encoding/json"
	"errors"
	"os"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/bluesky-social/indigo/atproto/syntax"

	"troupe/actors/mailbox"
	"troupe/storage/diddb"
)

var broken = errors.New("connection reset")

func TestStaleness(t *testing.T) {
	inWorld(t, func(s *server) {
		url := plcURL(alice)
		s.plc(alice, ok(docOf(alice, "one")))
		s.wantDID(alice, false, "one", nil)
		s.plc(alice, ok(docOf(alice, "two")))

		time.Sleep(59 * time.Minute)
		s.wantDID(alice, false, "one", nil)
		s.wantAsked(url, 1) // fresh: nobody was asked

		time.Sleep(2 * time.Minute)
		s.wantDID(alice, false, "one", nil) // stale: served, and refreshed meanwhile
		synctest.Wait()
		s.wantAsked(url, 2)
		s.wantDID(alice, false, "two", nil)
		s.wantAsked(url, 2)

		s.plc(alice, ok(docOf(alice, "three")))
		time.Sleep(24 * time.Hour)
		s.wantDID(alice, false, "three", nil) // too old: the asker waits
		s.wantAsked(url, 3)

		s.plc(alice, ok(docOf(alice, "four")))
		s.wantDID(alice, true, "four", nil) // forced
		s.wantAsked(url, 4)
		s.wantDID(alice, false, "four", nil)
		s.wantAsked(url, 4)
	})
}

// A failing network costs freshness, never an answer that is at hand; and it is not
// asked again by every request.
func TestStaleWhileTheNetworkIsDown(t *testing.T) {
	inWorld(t, func(s *server) {
		url := plcURL(alice)
		s.plc(alice, ok(docOf(alice, "one")))
		s.wantDID(alice, false, "one", nil)
		s.plc(alice, answer{err: broken})
		time.Sleep(2 * time.Hour)
		for range 10 {
			s.wantDID(alice, false, "one", nil)
			synctest.Wait()
		}
		s.wantAsked(url, 2)
		time.Sleep(restAfterFailure)
		s.wantDID(alice, false, "one", nil)
		synctest.Wait()
		s.wantAsked(url, 3)

		s.plc(alice, answer{status: 500})
		s.wantDID(alice, true, "", ErrUnavailable)
		s.wantDID(alice, false, "one", nil) // the copy survives a failed refresh

		time.Sleep(24 * time.Hour)
		s.wantDID(alice, false, "", ErrUnavailable)
		s.plc(alice, ok(docOf(alice, "two")))
		s.wantDID(alice, false, "two", nil) // no failure is remembered for those who wait
	})
}

func TestNotFoundClearsTheCache(t *testing.T) {
	for status, want := range map[int]error{404: ErrNotFound, 410: ErrDeactivated} {
		inWorld(t, func(s *server) {
			s.plc(alice, ok(docOf(alice, "one")))
			s.wantDID(alice, false, "one", nil)
			s.plc(alice, answer{status: status})
			s.wantDID(alice, true, "", ErrNotFound)
			s.wantDID(alice, false, "", want)
			s.wantAsked(plcURL(alice), 3)
			s.plc(alice, ok(docOf(alice, "back")))
			s.wantDID(alice, false, "back", nil)
		})
	}
}

// 64 who ask at once cause one request, and all get its answer.
func TestOneFlightPerDID(t *testing.T) {
	inWorld(t, func(s *server) {
		s.plc(alice, slow(ok(docOf(alice, "one")), time.Second))
		var all sync.WaitGroup
		for range 64 {
			all.Go(func() {
				if got, err := s.did(alice, false); got != "one" || err != nil {
					s.t.Errorf("%q, %v", got, err)
				}
			})
		}
		all.Wait()
		s.wantAsked(plcURL(alice), 1)
	})
}

// A forced refresh does not join a lookup that began before it: that one may have
// read what the refresh wants to get rid of. All that come meanwhile share the next.
func TestForcedRefreshBeginsAfterTheQuestion(t *testing.T) {
	inWorld(t, func(s *server) {
		s.plc(alice, slow(ok(docOf(alice, "old")), time.Second))
		var all sync.WaitGroup
		ask := func(fresh bool, want string) {
			all.Go(func() {
				if got, err := s.did(alice, fresh); got != want || err != nil {
					s.t.Errorf("fresh %v: %q, %v; want %q", fresh, got, err, want)
				}
			})
		}
		ask(false, "old")
		time.Sleep(time.Second / 2)
		s.plc(alice, slow(ok(docOf(alice, "new")), time.Second))
		for range 20 {
			ask(true, "new")
			ask(false, "old")
		}
		all.Wait()
		s.wantAsked(plcURL(alice), 2)
		s.wantDID(alice, false, "new", nil)
	})
}

// A host that does not answer delays those who ask for it and nobody else.
func TestSlowHostDelaysNobodyElse(t *testing.T) {
	inWorld(t, func(s *server) {
		s.plc(alice, slow(ok(docOf(alice, "a")), time.Hour))
		s.plc(bob, ok(docOf(bob, "b")))
		start := time.Now()
		var slowly sync.WaitGroup
		slowly.Go(func() {
			if _, err := s.did(alice, false); !errors.Is(err, ErrUnavailable) {
				s.t.Errorf("%v, want ErrUnavailable", err)
			}
			if took := time.Since(start); took != 3*time.Second {
				s.t.Errorf("gave up after %s, want 3s", took)
			}
		})
		synctest.Wait()
		s.wantDID(bob, false, "b", nil)
		if took := time.Since(start); took != 0 {
			s.t.Errorf("the other DID took %s", took)
		}
		slowly.Wait()
	})
}

// Lookups at a time are bounded; who comes too many is told at once.
func TestTooManyFlights(t *testing.T) {
	inWorld(t, func(s *server) {
		s.plc(alice, slow(ok(docOf(alice, "a")), time.Second))
		s.plc(bob, ok(docOf(bob, "b")))
		var first sync.WaitGroup
		first.Go(func() { s.did(alice, false) })
		synctest.Wait()
		s.wantDID(bob, false, "", mailbox.ErrBusy)
		first.Wait()
		s.wantDID(bob, false, "b", nil)
	}, func(o *Options) { o.Flights = 1 })
}

// A caller who leaves takes nothing along.
func TestImpatientCaller(t *testing.T) {
	inWorld(t, func(s *server) {
		s.plc(alice, slow(ok(docOf(alice, "a")), 2*time.Second))
		ctx, cancel := context.WithTimeout(context.Background(), time.Second)
		defer cancel()
		if _, err := mailbox.Ask(ctx, s.at, ResolveDID{DID: alice}); !errors.Is(err, context.DeadlineExceeded) {
			s.t.Errorf("%v, want a deadline", err)
		}
		time.Sleep(2 * time.Second)
		synctest.Wait()
		s.wantDID(alice, false, "a", nil)
		s.wantAsked(plcURL(alice), 1)
	})
}

func TestDocumentsThatAreRefused(t *testing.T) {
	for name, c := range map[string]struct {
		says answer
		want error
	}{
		"another DID":   {ok(docOf(bob, "x")), ErrDocument},
		"no DID":        {ok(`{}`), ErrDocument},
		"not JSON":      {ok(`<html>`), ErrDocument},
		"array":         {ok(`[]`), ErrDocument},
		"deeply nested": {ok(strings.Repeat(`{"a":`, 100_000)), ErrDocument},
		"giant":         {ok(`{"id":"` + strings.Repeat("x", 2<<20) + `"}`), ErrUnavailable},
		"redirect":      {answer{status: 302}, ErrUnavailable},
		"server error":  {answer{status: 503}, ErrUnavailable},
	} {
		t.Run(name, func(t *testing.T) {
			inWorld(t, func(s *server) {
				s.plc(alice, c.says)
				s.wantDID(alice, false, "", c.want)
				s.plc(alice, ok(docOf(alice, "a")))
				s.wantDID(alice, false, "a", nil) // nothing of it was kept
			})
		})
	}
}

func TestDIDWeb(t *testing.T) {
	const did = syntax.DID("did:web:example.com")
	const url = "https://example.com/.well-known/did.json"
	inWorld(t, func(s *server) {
		s.wantDID(did, false, "", ErrNotFound) // no such name
		s.set(s.web, url, ok(docOf(did, "web")))
		s.wantDID(did, false, "web", nil)
		for says, want := range map[int]error{404: ErrNotFound, 410: ErrDeactivated, 301: ErrUnavailable, 500: ErrUnavailable} {
			s.set(s.web, url, answer{status: says})
			s.wantDID(did, true, "", want)
		}
		s.set(s.web, url, ok(docOf(did, strings.Repeat("x", maxDocument))))
		s.wantDID(did, true, "", ErrUnavailable)
	})
}

// What is no atproto identity is refused before anything is asked.
func TestUnsupportedDIDs(t *testing.T) {
	dids := []syntax.DID{
		"", "did:key:zQ3sh", "did:example:1", "did:plc:short", "did:plc:ALICEAAAAAAAAAAAAAAAAAAA",
		"did:plc:alice0000000000000000000", "did:plc:../../../../../etc/passwd", "did:plc:aliceaaaaaaaaaaaaaaaaaaa/log",
		"did:web:localhost", "did:web:localhost%3A1234", "did:web:example.com%3A8443", "did:web:example.com:user:x",
		"did:web:example.com/x", "did:web:example.com#x", "did:web:127.0.0.1", "did:web:[::1]", "did:web:10.0.0.1",
		"did:web:user@example.com", "did:web:example", "did:web:x.local", "did:web:x.internal", "did:web:x.onion",
		"did:web:..%2f..", "did:web:a%00.com", "did:web:example.com.", "did:web:-a.com", "did:web:ex ample.com",
		syntax.DID("did:web:" + strings.Repeat("a.", 2000) + "com"),
	}
	inWorld(t, func(s *server) {
		for _, did := range dids {
			s.wantDID(did, false, "", ErrUnsupported)
		}
		if len(s.asked) != 0 {
			s.t.Errorf("asked %v", s.asked)
		}
	})
}

func TestLocalhostInDevelopment(t *testing.T) {
	const did = syntax.DID("did:web:localhost%3A2583")
	inWorld(t, func(s *server) {
		s.set(s.web, "http://localhost:2583/.well-known/did.json", ok(docOf(did, "dev")))
		s.wantDID(did, false, "dev", nil)
		for _, bad := range []syntax.DID{"did:web:localhost%3A1%3A2", "did:web:localhost%2Fx", "did:web:localhost%3A", "did:web:localhost%3A70000", "did:web:localhost%3a80", "did:web:localhost%3A1%2Fx"} {
			s.wantDID(bad, false, "", ErrUnsupported)
		}
	}, func(o *Options) { o.Dev = true })
}

// The JSON comes out as it came in, also from the cache.
func TestRaw(t *testing.T) {
	inWorld(t, func(s *server) {
		s.plc(alice, ok(docOf(alice, "one")))
		for range 2 {
			raw, err := mailbox.Ask(context.Background(), s.at, ResolveDIDRaw{DID: alice})
			if err != nil || string(raw) != docOf(alice, "one") || !json.Valid(raw) {
				s.t.Errorf("%s, %v", raw, err)
			}
		}
		s.wantAsked(plcURL(alice), 1)
	})
}

func TestForget(t *testing.T) {
	inWorld(t, func(s *server) {
		s.plc(alice, ok(docOf(alice, "one")))
		s.set(s.txt, "_atproto.a.example.com", ok("did="+alice.String()))
		s.wantDID(alice, false, "one", nil)
		s.wantHandle("a.example.com", alice, nil)
		if _, err := mailbox.Ask(context.Background(), s.at, Forget{DID: alice, Handle: "A.example.com"}); err != nil {
			s.t.Fatal(err)
		}
		s.wantDID(alice, false, "one", nil)
		s.wantHandle("a.example.com", alice, nil)
		s.wantAsked(plcURL(alice), 2)
		s.wantAsked("_atproto.a.example.com", 2)
	})
}

// The cache survives a restart; a file that is no cache is replaced.
func TestRestart(t *testing.T) {
	for name, c := range map[string]struct {
		damage func(path string) error
		asked  int
	}{
		"untouched": {func(string) error { return nil }, 1},
		"deleted":   {diddb.Remove, 2},
		"garbage": {func(path string) error {
			return errors.Join(diddb.Remove(path), os.WriteFile(path, []byte(strings.Repeat("garbage ", 2000)), 0o600))
		}, 2},
	} {
		t.Run(name, func(t *testing.T) {
			inWorld(t, func(s *server) {
				s.plc(alice, ok(docOf(alice, "one")))
				stop := s.start(func(o *Options) { o.Path = s.path + ".2" })
				s.wantDID(alice, false, "one", nil)
				stop()
				if err := c.damage(s.path + ".2"); err != nil {
					s.t.Fatal(err)
				}
				stop = s.start(func(o *Options) { o.Path = s.path + ".2" })
				s.wantDID(alice, false, "one", nil)
				s.wantAsked(plcURL(alice), c.asked)
				stop()
			})
		})
	}
}

// A lookup that panics is an error of that lookup.
func TestPanicInALookup(t *testing.T) {
	inWorld(t, func(s *server) {
		s.wantHandle("a.example.com", "", ErrUnavailable)
		s.plc(alice, ok(docOf(alice, "one")))
		s.wantDID(alice, false, "one", nil)
	}, func(o *Options) {
		o.DNS = func(context.Context, string) ([]string, error) { panic("boom") }
	})
}

// The file stays within its bound whatever is looked up.
func TestTrimming(t *testing.T) {
	inWorld(t, func(s *server) {
		letters := "abcdefghijklmnopqrstuvwxyz234567"
		for i := range 2 * trimEvery {
			did := syntax.DID("did:plc:" + strings.Repeat("a", 22) + letters[i/32%32:i/32%32+1] + letters[i%32:i%32+1])
			s.plc(did, ok(docOf(did, "x")))
			s.wantDID(did, false, "x", nil)
		}
		db, err := diddb.Open(context.Background(), s.path, diddb.Options{})
		if err != nil {
			s.t.Fatal(err)
		}
		defer db.Close()
		removed, err := db.Trim(context.Background(), time.Time{}, 10)
		if err != nil || removed != 0 {
			s.t.Errorf("%d rows above the bound, %v", removed, err)
		}
		if problems, err := db.Check(context.Background()); err != nil || len(problems) > 0 {
			s.t.Errorf("check: %v, %v", problems, err)
		}
	}, func(o *Options) { o.Keep = 10 })
}

// Where nothing is looked up any more, what is too old goes when it is told to.
func TestTrim(t *testing.T) {
	inWorld(t, func(s *server) {
		trim := func(want int) {
			t.Helper()
			if n, err := mailbox.Ask(context.Background(), s.at, Trim{}); n != want || err != nil {
				t.Errorf("%d rows removed, %v; want %d", n, err, want)
			}
		}
		s.plc(alice, ok(docOf(alice, "one")))
		s.wantDID(alice, false, "one", nil)
		time.Sleep(23 * time.Hour)
		trim(0)
		s.plc(bob, ok(docOf(bob, "two")))
		s.wantDID(bob, false, "two", nil)
		time.Sleep(2 * time.Hour)
		trim(1)
		trim(0)
		s.wantDID(bob, false, "two", nil)
	})
}
