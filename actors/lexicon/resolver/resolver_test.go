package resolver

import (
	"context"
	"errors"
	"fmt"
	"os"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/bluesky-social/indigo/atproto/syntax"

	"troupe/actors/lexicon"
	"troupe/actors/mailbox"
)

// A write never waits for the network unless it insists on a schema.
func TestUnknownNowKnownLater(t *testing.T) {
	inWorld(t, func(s *server) {
		s.publish("example.com", alice).records[thing] = schema(thing, 3)
		s.change(func() { s.takes = time.Second })
		began := time.Now()
		s.want(thing, false, 0)
		s.want(thing, false, 0)
		if waited := time.Since(began); waited != 0 {
			t.Errorf("a write waited for %v", waited)
		}
		time.Sleep(10 * time.Second)
		s.want(thing, false, 3)
		if n := s.count(); n != 1 {
			t.Errorf("%d requests for one type", n)
		}
	})
}

func TestWaiting(t *testing.T) {
	inWorld(t, func(s *server) {
		s.publish("example.com", alice).records[thing] = schema(thing, 3)
		s.change(func() { s.takes = 500 * time.Millisecond })
		var all sync.WaitGroup
		for range waiters {
			all.Go(func() { s.want(thing, true, 3) })
		}
		all.Wait()
		if n := s.count(); n != 1 {
			t.Errorf("%d requests for one type", n)
		}
		// Not for ever: what arrives later is there for the next.
		s.publish("slow.example.com", bob).records["com.example.slow.thing"] = schema("com.example.slow.thing", 4)
		s.change(func() { s.takes = 2 * time.Second })
		began := time.Now()
		s.want("com.example.slow.thing", true, 0)
		if waited := time.Since(began); waited != patience {
			t.Errorf("waited for %v", waited)
		}
		time.Sleep(10 * time.Second)
		s.want("com.example.slow.thing", false, 4)
	})
}

func TestRefresh(t *testing.T) {
	inWorld(t, func(s *server) {
		p := s.publish("example.com", alice)
		p.records[thing] = schema(thing, 3)
		s.want(thing, true, 3)
		s.change(func() { p.records[thing], p.rev = schema(thing, 5), "3jzfcijpj2z2b" })
		time.Sleep(s.o.withDefaults().Fresh - time.Second)
		s.want(thing, false, 3)
		if n := s.count(); n != 1 {
			t.Errorf("%d requests while the copy was fresh", n)
		}
		time.Sleep(2 * time.Second)
		s.want(thing, false, 3) // stale, and the last time
		synctest.Wait()
		s.want(thing, false, 5)
		if n := s.count(); n != 2 {
			t.Errorf("%d requests, want 2", n)
		}
	})
}

// The copy on the disk outlives the process, and a file that is damaged is replaced.
func TestTheFileOutlivesTheActor(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := &server{world: newWorld(t)}
		s.o = s.options()
		s.publish("example.com", alice).records[thing] = schema(thing, 3)
		stop := s.start()
		s.want(thing, true, 3)
		stop()
		s.change(func() { s.down = errors.New("the cable is cut") })
		stop = s.start()
		s.want(thing, false, 3)
		stop()
		if err := os.Remove(s.o.Path + "-wal"); err != nil && !errors.Is(err, os.ErrNotExist) {
			t.Fatal(err)
		}
		if err := os.WriteFile(s.o.Path, []byte("this is no database, and long enough to be taken for one by its size"), 0o600); err != nil {
			t.Fatal(err)
		}
		stop = s.start()
		defer stop()
		s.want(thing, false, 0)
		s.change(func() { s.down = nil })
		time.Sleep(restAfterFailure)
		s.want(thing, true, 3)
	})
}

func TestStaleCopiesSurviveFailures(t *testing.T) {
	for name, fail := range map[string]func(*server, *publication){
		"the network":     func(s *server, _ *publication) { s.down = errors.New("the cable is cut") },
		"the name":        func(s *server, _ *publication) { delete(s.names, "_lexicon.example.com") },
		"the record":      func(_ *server, p *publication) { delete(p.records, thing) },
		"the signature":   func(_ *server, p *publication) { p.key = newPublication(t, alice).key },
		"the schema":      func(_ *server, p *publication) { p.records[thing] = schema(thing, 9, `"a":{"type":"nonsense"}`) },
		"an older commit": func(_ *server, p *publication) { p.records[thing], p.rev = schema(thing, 9), "3jzfcijpj2z22" },
		"the code":        func(s *server, _ *publication) { s.panics = true },
	} {
		t.Run(name, func(t *testing.T) {
			inWorld(t, func(s *server) {
				p := s.publish("example.com", alice)
				p.records[thing] = schema(thing, 3)
				s.want(thing, true, 3)
				s.change(func() { fail(s, p) })
				time.Sleep(7 * time.Hour)
				for range 20 {
					s.want(thing, false, 3)
					s.want(thing, true, 3)
					synctest.Wait()
				}
				if n := s.count(); n > 2+1 { // the second may come with a fresh document
					t.Errorf("%d requests without a rest", n)
				}
				time.Sleep(91 * 24 * time.Hour)
				s.want(thing, false, 0) // nothing is served for ever
			})
		})
	}
}

func TestFailuresRest(t *testing.T) {
	inWorld(t, func(s *server) {
		p := s.publish("example.com", alice) // has no such record
		asked := func(want int) {
			t.Helper()
			synctest.Wait()
			if n := s.count(); n != want {
				t.Fatalf("%d requests, want %d", n, want)
			}
		}
		for range 5 {
			s.want(thing, true, 0)
		}
		asked(1)
		time.Sleep(restAfterFailure)
		s.want(thing, true, 0)
		asked(1)
		p.records[thing] = schema(thing, 3)
		s.change(func() { s.down = errors.New("the cable is cut") })
		time.Sleep(restAfterAnswer)
		s.want(thing, true, 0) // DNS fails
		asked(1)
		s.change(func() { s.down = nil })
		s.want(thing, true, 0)
		asked(1)
		time.Sleep(restAfterFailure)
		s.want(thing, true, 3)
		asked(2)
	})
}

// However many types are made up, the look-ups under way are bounded, and whoever
// finds no room is told at once.
func TestFlightsAreBounded(t *testing.T) {
	inWorld(t, func(s *server) {
		s.publish("example.com", alice)
		s.change(func() { s.takes = time.Second })
		began := time.Now()
		for i := range 1000 {
			s.want(syntax.NSID(fmt.Sprintf("com.example.t%d", i)), false, 0)
		}
		s.want("com.example.more", true, 0)
		if waited := time.Since(began); waited != 0 {
			t.Errorf("waited for %v", waited)
		}
		time.Sleep(time.Minute)
		if n := s.count(); n != 4 {
			t.Errorf("%d requests", n)
		}
	}, func(o *Options) { o.Flights = 4 })
}

// Types that ship are never asked for, and neither is a spelling that nobody has.
func TestNothingToAskFor(t *testing.T) {
	inWorld(t, func(s *server) {
		for _, nsid := range []syntax.NSID{"app.bsky.feed.post", "com.atproto.repo.strongRef", "COM.example.thing"} {
			s.want(nsid, true, 0)
		}
		if n := s.count(); n != 0 {
			t.Errorf("%d requests", n)
		}
	})
}

// A panic in a turn answers its asker; the next instance has the file.
func TestAPanicInATurn(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := &server{world: newWorld(t)}
		s.o = s.options()
		poisoned := false
		s.o.Now = func() time.Time {
			if poisoned {
				panic("injected")
			}
			return time.Now()
		}
		s.publish("example.com", alice).records[thing] = schema(thing, 3)
		defer s.start()()
		s.want(thing, true, 3)
		poisoned = true
		if _, err := mailbox.Ask(context.Background(), s.at, Lookup{NSID: thing}); !errors.Is(err, mailbox.ErrCrashed) {
			t.Errorf("%v, want ErrCrashed", err)
		}
		poisoned = false
		s.want(thing, false, 3)
		if n := s.count(); n != 1 {
			t.Errorf("%d requests", n)
		}
	})
}

func TestReferencesAreResolved(t *testing.T) {
	inWorld(t, func(s *server) {
		p, q := s.publish("example.com", alice), s.publish("more.example.org", bob)
		p.records[thing] = schema(thing, 3, `"place":{"type":"ref","ref":"org.example.more.defs#place"}`, `"who":{"type":"ref","ref":"com.atproto.repo.strongRef"}`)
		q.records["org.example.more.defs"] = `{"$type":"com.atproto.lexicon.schema","lexicon":1,"id":"org.example.more.defs","defs":{"place":{"type":"object","required":["name"],"properties":{"name":{"type":"string"}}}}}`
		c, ok := NewTypes(s.at).Record(context.Background(), thing, true)
		if !ok {
			t.Fatal("unknown")
		}
		err := c.CheckRecord(thing, "a", map[string]any{"$type": thing.String(), "text": "a", "place": map[string]any{}})
		var broken lexicon.ErrInvalid
		if !errors.As(err, &broken) || broken.Path != "Record/place" {
			t.Errorf("%v", err)
		}
		// A part that is missing makes the whole unknown.
		other := syntax.NSID("com.example.other")
		p.records[other] = schema(other, 3, `"place":{"type":"ref","ref":"org.example.more.nothing"}`)
		s.want(other, true, 0)
		// A type that refers to ever more others is given up.
		endless := func(i int) syntax.NSID { return syntax.NSID(fmt.Sprintf("com.example.endless%d", i)) }
		for i := range 50 {
			p.records[endless(i)] = schema(endless(i), 3, fmt.Sprintf(`"next":{"type":"ref","ref":%q}`, endless(i+1)))
		}
		before := s.count()
		s.want(endless(0), true, 0)
		if n := s.count() - before; n > maxDocuments {
			t.Errorf("%d requests for one type", n)
		}
	})
}
