package mailbox

import (
	"sync/atomic"

	"github.com/asynkron/protoactor-go/actor"
)

type state uint8

const (
	waiting state = iota
	active
	leaving
)

// entry is a key that has an actor or waits for one.
type entry struct {
	key     string
	state   state
	pid     *actor.PID // active, leaving
	host    *host      // active, leaving
	pending []mail     // waiting, leaving: for the next actor
	open    atomic.Int32
	listed  bool // in shard.busy
	seen    bool // host.failure of this host was recorded
}

// Messages to a shard, besides letters.
type (
	tick       struct{}
	closing    struct{}
	failed     struct{ h *host } // Start failed
	stirred    struct{ h *host } // had work of its own accord
	release    struct{ q *retirement }
	retirement struct {
		key  string
		done chan error // nil when gone
	}
)

func (tick) IgnoreDeadLetterLogging()        {}
func (closing) IgnoreDeadLetterLogging()     {}
func (failed) IgnoreDeadLetterLogging()      {}
func (stirred) IgnoreDeadLetterLogging()     {}
func (release) IgnoreDeadLetterLogging()     {}
func (*retirement) IgnoreDeadLetterLogging() {}

func (q *retirement) refuse(err error) {
	select {
	case q.done <- err:
	default:
	}
}

// started, stirred and gone are called in the host's turn, not the shard's.

func (s *shard) started(h *host, err error) {
	if err != nil {
		s.r.sys.as.Root.Send(s.pid, failed{h})
	}
}

func (s *shard) stirred(h *host) { s.r.sys.as.Root.Send(s.pid, stirred{h}) }

func (s *shard) gone(*host) {}
