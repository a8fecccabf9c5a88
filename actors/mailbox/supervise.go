package mailbox

import (
	"time"

	"github.com/asynkron/protoactor-go/actor"
)

// HandleFailure implements the library's supervision strategy, in the shard's
// turn: the host has already answered everybody and closed its instance, and is
// suspended. It is always restarted, never stopped: a stop would drop its queue.
// A key that crashed too often restarts refusing, and leaves.
func (s *shard) HandleFailure(_ *actor.ActorSystem, sup actor.Supervisor, child *actor.PID, _ *actor.RestartStatistics, _, _ any) {
	defer sup.RestartChildren(child)
	defer s.contain(nil)
	e := s.keys[s.keyOf(child)]
	if e == nil || e.host == nil {
		return
	}
	now, t := time.Now(), s.troubleOf(e.key)
	if t.crashes.add(now, s.r.opt.Window) < s.r.opt.Crashes {
		return
	}
	t.crashes = nil
	t.refuse(now.Add(s.r.opt.Window), ErrQuarantined)
	s.r.quarantined.Add(1)
	s.r.opt.Log.Error("key quarantined after repeated crashes", "actor", s.r.opt.Name, "key", e.key, "until", t.until)
	e.host.refusal = ErrQuarantined
	s.passivate(e, Crashed)
}

// noteFailure records a failed Start once, before the key may be activated again.
func (s *shard) noteFailure(e *entry) {
	if err := e.host.failure; err != nil && !e.seen {
		e.seen = true
		s.troubleOf(e.key).startFailed(time.Now(), err)
	}
}

func (s *shard) troubleOf(key string) *trouble {
	t, ok := s.trouble.Get(key)
	if !ok {
		t = &trouble{}
		s.trouble.Add(key, t)
	}
	return t
}

// resume supervises the shards. They contain their own panics; should one get
// through, the shard keeps its state and its children and goes on.
type resume struct{}

// HandleFailure implements the library's strategy.
func (resume) HandleFailure(_ *actor.ActorSystem, sup actor.Supervisor, child *actor.PID, _ *actor.RestartStatistics, _, _ any) {
	sup.ResumeChildren(child)
}
