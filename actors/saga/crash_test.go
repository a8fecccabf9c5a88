package saga

import (
	"errors"
	"fmt"
	"sync"
	"testing"
	"time"

	"troupe/actors/account"
	"troupe/actors/mailbox"
	"troupe/sequencing"
)

// A process dies between two steps of a sign-up, and another one starts over
// the same folder: the account is complete exactly once, or there is nothing.
func TestCrash(t *testing.T) {
	for _, c := range []struct {
		point    string
		mode     int32
		accounts int // after the next start
	}{
		{"reserve", answers, 0},
		{"reserved", answers, 0},
		{"folder", answers, 0},
		{"keyed", answers, 0},
		{"sending", answers, 0},
		{"sent", answers, 1},
		{"sent", swallows, 1},
		{"sent", down, 0},
		{"undo", refuses, 0},
		{"undone", refuses, 0},
		{"insert", answers, 1},
		{"inserted", answers, 1},
		{"created", answers, 1},
		{"ended", answers, 1},
	} {
		t.Run(fmt.Sprintf("%s, mode %d", c.point, c.mode), func(t *testing.T) {
			t.Parallel()
			w, crash := crashing(t)
			w.plc.mode.Store(c.mode)
			crash.at(c.point)
			if _, err := w.signUp(person("alice")); !errors.Is(err, mailbox.ErrCrashed) {
				t.Fatalf("did not crash: %v", err)
			}
			w.restart(crash)
			if c.accounts == 0 {
				w.clock.Add((3 * time.Minute).Microseconds())
			}
			w.check(c.accounts)
			again := person("alice")
			switch _, err := w.signUp(again); {
			case c.accounts == 0 && err != nil:
				t.Errorf("the names are not free: %v", err)
			case c.accounts == 1 && err == nil:
				t.Error("a second account")
			}
			w.check(1)
		})
	}
}

// The same for a DID that was brought along.
func TestCrashBrought(t *testing.T) {
	for point, accounts := range map[string]int{"reserve": 0, "reserved": 0, "folder": 0, "keyed": 0, "insert": 0, "inserted": 1, "created": 1, "ended": 1} {
		t.Run(point, func(t *testing.T) {
			t.Parallel()
			w, crash := crashing(t)
			m := person("alice")
			m.DID = "did:web:brought.test"
			crash.at(point)
			if _, err := w.signUp(m); !errors.Is(err, mailbox.ErrCrashed) {
				t.Fatalf("did not crash: %v", err)
			}
			w.restart(crash)
			w.settled()
			w.absent(accounts)
			if accounts == 1 {
				w.complete(m.DID, sequencing.StatusDeactivated)
			} else if _, err := w.signUp(m); err != nil {
				t.Errorf("again: %v", err)
			}
		})
	}
}

// Recovery dies too, at each of its own steps, and the next one gets on.
func TestCrashWhileSettling(t *testing.T) {
	for _, c := range []struct {
		first, second string
		mode          int32
		accounts      int
	}{
		{"keyed", "settle", answers, 0},
		{"keyed", "undo", answers, 0},
		{"keyed", "undone", answers, 0},
		{"sent", "looked up", down, 0},
		{"sent", "undo", down, 0},
		{"sent", "undone", down, 0},
		{"sent", "looked up", swallows, 1},
		{"sent", "insert", swallows, 1},
		{"sent", "inserted", swallows, 1},
		{"sent", "created", swallows, 1},
		{"sent", "ended", swallows, 1},
	} {
		t.Run(fmt.Sprintf("%s, then %s, mode %d", c.first, c.second, c.mode), func(t *testing.T) {
			t.Parallel()
			w, crash := crashing(t)
			w.plc.mode.Store(c.mode)
			crash.at(c.first)
			if _, err := w.signUp(person("alice")); !errors.Is(err, mailbox.ErrCrashed) {
				t.Fatalf("did not crash: %v", err)
			}
			w.stop()
			w.plc.mode.Store(answers)
			w.clock.Add((3 * time.Minute).Microseconds())
			crash.at(c.second)
			w.start()
			select {
			case <-crash.dead():
			case <-time.After(20 * time.Second):
				t.Fatal("did not come to the second crash")
			}
			w.restart(crash)
			w.check(c.accounts)
		})
	}
}

// crasher kills the process at a point: from there on nothing is done any more.
type crasher struct {
	mu    sync.Mutex
	point string
	gone  chan struct{}
}

func crashing(t *testing.T) (*world, *crasher) {
	c := &crasher{gone: make(chan struct{})}
	return newWorld(t, func(o *Options) { o.probe = c.probe }), c
}

func (c *crasher) at(point string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.point, c.gone = point, make(chan struct{})
}

func (c *crasher) dead() <-chan struct{} {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.gone
}

func (c *crasher) probe(point string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	select {
	case <-c.gone:
	default:
		if point != c.point {
			return
		}
		close(c.gone)
	}
	panic("the process is dead")
}

// restart is what follows a crash.
func (w *world) restart(c *crasher) {
	w.t.Helper()
	w.stop()
	c.at("")
	w.plc.mode.Store(answers)
	w.start()
}

// check waits until nothing is under way and counts.
func (w *world) check(accounts int) {
	w.t.Helper()
	w.settled()
	w.absent(accounts)
	for _, did := range w.plc.dids() {
		w.complete(did, sequencing.StatusActive)
	}
	if n := len(w.plc.dids()); n != accounts {
		w.t.Errorf("%d DIDs for %d accounts", n, accounts)
	}
}

// Whoever tries again at once, and again, after a crash before anything was
// sent gets the account in the end: trying does not push back the undoing.
func TestTryingAgainAtOnceAfterACrash(t *testing.T) {
	for _, point := range []string{"reserved", "folder", "keyed"} {
		t.Run(point, func(t *testing.T) {
			w, crash := crashing(t)
			crash.at(point)
			if _, err := w.signUp(person("alice")); !errors.Is(err, mailbox.ErrCrashed) {
				t.Fatalf("did not crash: %v", err)
			}
			w.restart(crash)
			var err error
			for range 100 { // while it is being undone the names are taken
				if _, err = w.signUp(person("alice")); err == nil {
					break
				}
				time.Sleep(20 * time.Millisecond)
			}
			if err != nil {
				t.Errorf("still refused: %v", err)
			}
			w.check(1)
		})
	}
}

// What is due stays due, however often its person tries in the meantime.
func TestTryingDoesNotPushBackWhatIsDue(t *testing.T) {
	due := time.Unix(1_700_000_000, 0)
	s := &Sagas{
		o:       Options{Now: func() time.Time { return due.Add(-time.Second) }}.withDefaults(),
		running: map[account.SagaID]*worker{"a": {waits: true}},
		due:     map[account.SagaID]*unsettled{"a": {kind: kindSignup, next: due, wait: time.Second}},
		clients: map[Kind]int{kindSignup: 1},
	}
	s.came(&errand{id: "a", kind: kindSignup}, told{refused: ErrUnconfirmed}, nil)
	if u := s.due["a"]; u == nil || !u.next.Equal(due) {
		t.Errorf("due at %+v, was due at %v", u, due)
	}
	if s.clients[kindSignup] != 0 || s.isRunning("a") {
		t.Errorf("%d clients, running: %v", s.clients[kindSignup], s.isRunning("a"))
	}
}
