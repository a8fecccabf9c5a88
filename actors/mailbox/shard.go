package mailbox

import (
	"fmt"
	"log/slog"
	"runtime/debug"
	"strings"
	"time"

	"github.com/asynkron/protoactor-go/actor"
	"github.com/hashicorp/golang-lru/v2/simplelru"
)

// remembered is how many troubled keys a shard keeps track of.
const remembered = 1024

// shard is the directory of a share of the keys and the parent of their actors.
// It alone activates and passivates them, in its own turns, so "exactly one
// owner per key" is a property of single-threaded code:
//
//	absent ─► waiting ─► active ─► leaving ─► absent
//	   └───────────────────▲          └─► waiting (requests came meanwhile)
//
// leaving ends with the library's Terminated, which is sent after the actor's
// Stop returned: that message is the hand-over barrier.
type shard struct {
	r    *router
	name string
	pid  *actor.PID
	end  chan struct{} // closed when the shard has stopped

	capacity int // of recent
	hardCap  int // active and leaving together

	// owned by the shard's turn
	c       actor.Context
	keys    map[string]*entry
	recent  *simplelru.LRU[string, *entry]   // the active ones
	waiting []*entry                         // for room, first come first served
	live    int                              // active and leaving
	leaving int                              // of these
	retired map[string]*retirement           //
	trouble *simplelru.LRU[string, *trouble] //
	busy    []*entry                         // had work; Idle is owed
	closing bool
	stopped bool
}

func newShard(r *router, i int) *shard {
	n := (r.opt.Live + r.opt.Shards - 1) / r.opt.Shards
	s := &shard{
		r: r, name: fmt.Sprintf("%s-%d", r.opt.Name, i), end: make(chan struct{}),
		capacity: n, hardCap: n + n/4 + 1,
		keys: map[string]*entry{}, retired: map[string]*retirement{},
	}
	s.recent, _ = simplelru.NewLRU(n, s.evicted) // fails only for n < 1
	s.trouble, _ = simplelru.NewLRU[string, *trouble](remembered, nil)
	props := actor.PropsFromProducer(func() actor.Actor { return s }, actor.WithGuardian(resume{}),
		actor.WithDispatcher(r.sys.crew), actor.WithMailbox(func() actor.Mailbox { return newQueue(&s.stopped) }))
	s.pid = r.sys.as.Root.SpawnPrefix(props, s.name)
	return s
}

// Receive implements the library's actor. It never panics: a restarting parent
// stops its children and would drop what they have queued.
func (s *shard) Receive(c actor.Context) {
	defer s.contain(c.Message())
	s.c = c
	switch m := c.Message().(type) {
	case mail:
		s.route(m)
	case tick:
		s.tick()
	case stirred:
		if e := s.entryOf(m.h); e != nil {
			s.list(e)
		}
	case failed:
		if e := s.entryOf(m.h); e != nil {
			s.noteFailure(e)
			s.passivate(e, Passivated)
		}
	case *actor.Terminated:
		s.terminated(m.Who)
	case *retirement:
		s.retire(m)
	case release:
		s.release(m.q)
	case closing:
		s.close()
	case *actor.Stopped:
		s.stopped = true
		close(s.end)
	}
}

func (s *shard) contain(m any) {
	p := recover()
	if p == nil {
		return
	}
	s.r.kind.crashes.Add(1)
	s.r.opt.Log.Error("router shard panicked", slog.String("shard", s.name), slog.Any("panic", p),
		slog.String("stack", string(debug.Stack())))
	if m, ok := m.(mail); ok {
		m.refuse(ErrCrashed)
	}
}

// route admits a letter and forwards it, or keeps it until it can be.
func (s *shard) route(m mail) {
	head := m.head()
	if e, ok := s.recent.Get(head.key); ok { // every refusal below concerns keys that are not active
		if s.admit(e, m) {
			s.forward(e, m)
		}
		return
	}
	if err := s.refusal(head.key); err != nil {
		m.refuse(err)
		return
	}
	e, known := s.keys[head.key]
	if !known {
		if s.live >= s.hardCap && len(s.waiting) >= s.hardCap+16 {
			s.r.tooMany(m)
			return
		}
		e = &entry{key: head.key}
	}
	if !s.admit(e, m) {
		return
	}
	e.pending = append(e.pending, m)
	if !known {
		s.keys[e.key] = e
		s.waiting = append(s.waiting, e)
		s.makeRoom()
	}
}

// refusal says why a key that has no active actor may not get one.
func (s *shard) refusal(key string) error {
	if s.closing {
		return ErrStopped
	}
	if s.retired[key] != nil {
		return ErrRetired
	}
	if t, ok := s.trouble.Peek(key); ok && time.Now().Before(t.until) {
		return t.refusal
	}
	return nil
}

// admit counts the letter in for its key.
func (s *shard) admit(e *entry, m mail) bool {
	if int(e.open.Load()) >= s.r.opt.PerKey {
		s.r.tooMany(m)
		return false
	}
	e.open.Add(1)
	m.head().perKey = &e.open
	return true
}

func (s *shard) forward(e *entry, m mail) {
	s.list(e)
	s.c.Send(e.pid, m)
}

// makeRoom activates whoever waits while there is room, and has as many of the
// least recently used leave as still wait.
func (s *shard) makeRoom() {
	for len(s.waiting) > 0 && s.live < s.hardCap {
		e := s.waiting[0]
		s.waiting[0] = nil
		s.waiting = s.waiting[1:]
		if s.shedExpired(e); len(e.pending) == 0 {
			delete(s.keys, e.key)
			continue
		}
		s.activate(e)
	}
	for s.leaving < len(s.waiting) && s.recent.Len() > 0 {
		s.recent.RemoveOldest()
	}
}

// shedExpired answers those who gave up while they waited: opening a file for
// nobody is what an overloaded server can afford least.
func (s *shard) shedExpired(e *entry) {
	kept := e.pending[:0]
	for _, m := range e.pending {
		if ctx := m.head().ctx; ctx.Err() != nil {
			m.refuse(expiredBy(ctx))
		} else {
			kept = append(kept, m)
		}
	}
	clear(e.pending[len(kept):])
	e.pending = kept
}

// activate gives a waiting key its actor and everything that waited for it.
func (s *shard) activate(e *entry) {
	key := e.key
	h := &host{
		sys: s.r.sys, kind: s.r.kind, name: key, boss: s, slots: s.r.slots,
		produce: func(self Self) Actor { return s.r.produce(key, self) },
	}
	pid, err := s.c.SpawnNamed(h.props(), key)
	if err != nil { // the name is free once Terminated was seen, so this is a bug
		panic(fmt.Errorf("spawn %s: %w", key, err))
	}
	e.state, e.pid, e.host, e.seen = active, pid, h, false
	s.live++
	s.r.live.Add(1)
	s.r.activations.Add(1)
	pending := e.pending
	e.pending = nil
	for _, m := range pending {
		s.forward(e, m)
	}
	s.recent.Add(key, e) // may evict another
}

// evicted is simplelru's callback, in the shard's turn: of Add and RemoveOldest,
// and of Remove, which passivate calls after it changed the state.
func (s *shard) evicted(_ string, e *entry) {
	if e.state == active {
		s.r.evictions.Add(1)
		s.passivate(e, Passivated)
	}
}

// passivate sends the actor its last message. Everything forwarded before is
// handled before; nothing is forwarded after.
func (s *shard) passivate(e *entry, why Reason) {
	if e.state != active {
		return
	}
	e.state = leaving
	s.leaving++
	s.recent.Remove(e.key)
	s.c.Send(e.pid, leave{why})
}

// terminated: the actor's Stop has returned and nothing of it runs any more.
func (s *shard) terminated(pid *actor.PID) {
	e := s.keys[s.keyOf(pid)]
	if e == nil || e.pid != pid && !e.pid.Equal(pid) {
		return
	}
	if e.state == active { // stopped by nobody we know: do not lose the key
		e.state = leaving
		s.leaving++
		s.recent.Remove(e.key)
	}
	s.noteFailure(e)
	s.live--
	s.leaving--
	s.r.live.Add(-1)
	e.state, e.pid, e.host = waiting, nil, nil
	delete(s.keys, e.key)
	if err := s.refusal(e.key); err != nil {
		s.refusePending(e, err)
	}
	if len(e.pending) > 0 { // behind those who wait longer
		s.keys[e.key] = e
		s.waiting = append(s.waiting, e)
	}
	if q := s.retired[e.key]; q != nil {
		q.refuse(nil)
	}
	s.makeRoom()
	s.stopIfEmpty()
}

func (s *shard) refusePending(e *entry, err error) {
	for _, m := range e.pending {
		m.refuse(err)
	}
	e.pending = nil
}

func (s *shard) keyOf(pid *actor.PID) string {
	return strings.TrimPrefix(pid.Id, s.pid.Id+"/")
}

// entryOf is the entry that h currently serves, or nil if h is of the past.
func (s *shard) entryOf(h *host) *entry {
	if e := s.keys[h.name]; e != nil && e.host == h {
		return e
	}
	return nil
}
