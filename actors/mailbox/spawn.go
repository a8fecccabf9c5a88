package mailbox

import (
	"context"
	"fmt"
	"strings"
	"sync/atomic"
	"time"

	"github.com/asynkron/protoactor-go/actor"
)

// singletonTick is how often a singleton's Idle is considered.
const singletonTick = time.Second

// Handle is the owner's grip on a singleton.
type Handle[A Actor] struct{ s *singleton }

// Spawn starts a singleton and waits for its Start; if that fails the error is
// returned and nothing is left running. limit bounds the requests that are
// admitted and not yet answered. After a later crash a failing Start is tried
// again by itself, with backoff. Of a name such as "sagas/<id>" metrics show only
// what stands before the slash: a label for every story would never end.
func Spawn[A Actor](sys *System, name string, limit int, produce func(Self) A) (*Handle[A], error) {
	s := &singleton{gate: gate{limit: int64(limit)}, first: make(chan error, 1), end: make(chan struct{})}
	label, _, _ := strings.Cut(name, "/")
	s.host = &host{
		sys: sys, kind: &kind{name: label}, name: name, boss: s,
		produce: func(self Self) Actor { return produce(self) },
		slots:   make(chan struct{}, 1),
	}
	if _, err := sys.as.Root.SpawnNamed(s.host.props(actor.WithGuardian(sys.keeper)), name); err != nil {
		return nil, fmt.Errorf("mailbox: spawn %s: %w", name, err)
	}
	err := <-s.first
	watched.Store(s, nil)
	h := &Handle[A]{s}
	if err != nil {
		_ = h.Stop(context.Background()) // cannot fail without a deadline
		return nil, err
	}
	return h, nil
}

// Address is where the singleton is asked.
func (h *Handle[A]) Address() Address[A] { return Address[A]{door: h.s} }

// Stop refuses new requests, finishes those admitted and waits until the actor
// has stopped, or ctx ends.
func (h *Handle[A]) Stop(ctx context.Context) error {
	s := h.s
	if s.closed.CompareAndSwap(false, true) {
		s.host.send(leave{ShuttingDown})
	}
	select {
	case <-s.end:
		return nil
	case <-ctx.Done():
		return fmt.Errorf("mailbox: %s still runs: %w", s.host.name, expiredBy(ctx))
	}
}

// singleton is the door and the boss of one host.
type singleton struct {
	gate
	host   *host
	closed atomic.Bool
	busy   atomic.Int64
	first  chan error    // result of the first Start
	end    chan struct{} // closed when the actor has stopped

	// owned by the host's turn
	spawned bool
	fails   int // Starts failed in a row

	// owned by the keeper, called in the host's turn
	crashes crashes
}

func (s *singleton) deliver(_ string, m mail) {
	switch {
	case s.closed.Load():
		m.refuse(ErrStopped)
	case !s.enter(m.head()):
		s.busy.Add(1)
		m.refuse(ErrBusy)
	default:
		s.host.send(m)
	}
}

func (s *singleton) started(h *host, err error) {
	if !s.spawned { // this one decides Spawn
		s.spawned = true
		if err == nil && h.in.idler != nil {
			go s.tick()
		}
		s.first <- err
		return
	}
	if err == nil {
		s.fails = 0
		return
	}
	in := h.in
	time.AfterFunc(backoff(s.fails), func() { h.send(retry{in}) })
	s.fails++
}

func (s *singleton) stirred(*host) {}

func (s *singleton) gone(*host) {
	watched.Delete(s)
	close(s.end)
}

// tick sends Idle once after each burst of work.
func (s *singleton) tick() {
	t := time.NewTicker(singletonTick)
	defer t.Stop()
	owed := false
	for {
		select {
		case <-s.end:
			return
		case <-t.C:
		}
		if s.host.worked.Swap(false) {
			owed = true
		} else if owed {
			owed = false
			s.host.send(idle{})
		}
	}
}

func (s *singleton) stats() (string, Stats) {
	return s.host.kind.name, Stats{
		Live: 1, Queued: int(s.open.Load()), Activations: 1,
		Crashes: s.host.kind.crashes.Load(), Busy: s.busy.Load(),
	}
}

// keeper supervises singletons: always restart, later and later if crashes come
// in a row. Never Stop or Escalate: both would drop what is queued.
type keeper struct{}

// HandleFailure implements the library's strategy.
func (*keeper) HandleFailure(_ *actor.ActorSystem, sup actor.Supervisor, child *actor.PID, _ *actor.RestartStatistics, reason, _ any) {
	c, ok := reason.(crash)
	if !ok {
		sup.RestartChildren(child)
		return
	}
	s := c.h.boss.(*singleton)
	switch n := s.crashes.add(time.Now(), time.Minute); {
	case n == 1:
		sup.RestartChildren(child)
	default:
		time.AfterFunc(backoff(n-2), func() { sup.RestartChildren(child) })
	}
}
