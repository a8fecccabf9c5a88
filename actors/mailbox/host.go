package mailbox

import (
	"log/slog"
	"reflect"
	"runtime/debug"
	"sync/atomic"
	"time"

	"github.com/asynkron/protoactor-go/actor"
)

// drainLimit bounds how long a leaving actor waits for answers it promised
// with Later. An append cannot be cancelled, so the wait is generous; a promise
// still open then is a bug and is answered with ErrStopped.
const drainLimit = 30 * time.Second

// Messages to a host, besides letters.
type (
	run struct { // Self.Run
		in *instance
		fn func()
	}
	leave struct{ why Reason } // the last message from the owner: nothing is forwarded after it
	wake  struct{ force bool } // a leaving host looks again whether it may go
	idle  struct{}             // the tick found no work
	retry struct{ in *instance }
)

func (run) IgnoreDeadLetterLogging()   {}
func (leave) IgnoreDeadLetterLogging() {}
func (wake) IgnoreDeadLetterLogging()  {}
func (idle) IgnoreDeadLetterLogging()  {}
func (retry) IgnoreDeadLetterLogging() {}

// host is the library's side of an actor: one per PID, the same across
// restarts. It runs turns, contains panics, and ends instances.
type host struct {
	sys     *System
	kind    *kind
	name    string // key, or the singleton's own name
	produce func(Self) Actor
	slots   chan struct{} // bounds how many actors start at once
	boss    boss

	// owned by the actor's turn
	pid      *actor.PID // constant once started
	in       *instance
	leaving  bool // leave was read: only held answers are waited for
	why      Reason
	patience *time.Timer // ends that wait
	stopped  bool        // the library's Stopped was seen
	failure  error       // of the last Start, or nil

	refusal error // written by the supervisor before it restarts this host

	draining atomic.Bool // leaving, for settled
	worked   atomic.Bool // had a turn since the last tick
}

// boss is who must hear of a host: the shard, or a singleton's keeper. Called
// in the host's turn.
type boss interface {
	started(h *host, err error)
	stirred(h *host) // first work of its own accord (Self.Run) since the tick
	gone(h *host)
}

// crash is the panic value that reaches the supervisor.
type crash struct{ h *host }

func (c crash) String() string { return c.h.kind.name + " " + c.h.name + " crashed" }

func (h *host) send(m any) { h.sys.as.Root.Send(h.pid, m) }

// Receive implements the library's actor.
func (h *host) Receive(c actor.Context) {
	switch m := c.Message().(type) {
	case mail:
		h.read(m)
	case run:
		if m.in == h.in && h.in.actor != nil { // else of an instance that has ended
			if h.worked.CompareAndSwap(false, true) {
				h.boss.stirred(h)
			}
			h.turn("run", m.fn)
		}
	case idle:
		if h.in.idler != nil && !h.leaving {
			h.turn("idle", h.in.idler.Idle)
		}
	case leave:
		h.leave(m.why)
	case wake:
		if h.leaving && (m.force || h.in.open.Load() == 0) {
			c.Stop(c.Self())
		}
	case retry:
		if m.in == h.in && !h.leaving {
			h.begin()
		}
	case *actor.Started:
		if h.pid == nil { // once: Self.Run of an earlier instance may be reading it
			h.pid = c.Self()
		}
		if h.leaving { // crashed while it waited for its last answers
			h.in = &instance{host: h, refusal: ErrStopped}
			c.Stop(c.Self())
			return
		}
		h.begin()
	case *actor.Restarting: // crashed has done it, unless the panic was not in a turn
		if h.in != nil {
			h.in.end(Crashed)
		}
	case *actor.Stopping:
		if h.patience != nil {
			h.patience.Stop()
		}
		h.in.end(h.why)
	case *actor.Stopped:
		h.stopped = true
		h.boss.gone(h)
	}
}

// begin starts a fresh instance.
func (h *host) begin() {
	h.in = &instance{host: h, refusal: h.refusal}
	if h.refusal != nil {
		return // quarantined: only there to answer what is queued
	}
	h.in.start()
	h.failure = h.in.refusal
	h.boss.started(h, h.failure)
}

// leave is the last message from the owner: stop as soon as the held answers are
// given. The wake goes behind what the actor sent itself (Self.Run), so a result
// that came in just before its answer was given is still taken in.
func (h *host) leave(why Reason) {
	h.leaving, h.why = true, why
	h.draining.Store(true)
	if h.in.open.Load() > 0 {
		h.patience = time.AfterFunc(drainLimit, func() { h.send(wake{force: true}) })
	}
	h.send(wake{})
}

func (h *host) read(m mail) {
	if !h.worked.Load() {
		h.worked.Store(true)
	}
	begun, ok := time.Now(), false
	defer func() {
		if !ok {
			h.crashed(recover(), m)
		}
	}()
	h.in.read(m)
	ok = true
	h.kind.observe(reflect.TypeOf(m.head().msg), time.Since(begun))
}

func (h *host) turn(label string, fn func()) {
	begun, ok := time.Now(), false
	defer func() {
		if !ok {
			h.crashed(recover(), nil)
		}
	}()
	fn()
	ok = true
	h.kind.observeNamed(label, time.Since(begun))
}

// crashed ends the instance after a panic and hands the failure to the
// supervisor, which restarts the host. Everybody who waits is answered first;
// what is queued stays queued.
func (h *host) crashed(p any, m mail) {
	where := "Run or Idle"
	if m != nil {
		m.refuse(ErrCrashed)
		where = reflect.TypeOf(m.head().msg).String()
	}
	h.reportPanic(where, p)
	h.in.end(Crashed)
	h.in.refusal = ErrCrashed
	panic(crash{h})
}

func (h *host) reportPanic(where string, p any) {
	h.kind.crashes.Add(1)
	h.sys.log.Error("actor crashed", slog.String("actor", h.kind.name), slog.String("key", h.name),
		slog.String("in", where), slog.Any("panic", p), slog.String("stack", string(debug.Stack())))
}

// props of a host: it outlives restarts, and its mailbox answers every letter.
func (h *host) props(opts ...actor.PropsOption) *actor.Props {
	return actor.PropsFromProducer(func() actor.Actor { return h },
		append(opts, actor.WithDispatcher(h.sys.crew), actor.WithMailbox(func() actor.Mailbox { return newQueue(&h.stopped) }))...)
}
