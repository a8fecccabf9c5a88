package mailbox

import (
	"sync/atomic"
)

// instance is one life of an actor, from Start to Stop.
type instance struct {
	host *host

	// owned by the actor's turn
	actor   Actor // nil: never produced (the key is quarantined)
	idler   Idler // actor, if it is one
	turn    Turn  // of the letter being read
	refusal error // not nil: answer every letter with it
	held    []mail

	open atomic.Int32 // held letters not yet answered
}

// start makes the actor and opens it. An error or a panic leaves the instance
// refusing, with nothing open.
func (in *instance) start() {
	h := in.host
	h.slots <- struct{}{}
	defer func() { <-h.slots }()
	in.refusal = ErrCrashed // until Start says otherwise, also when it panics
	defer func() {
		if p := recover(); p != nil {
			h.reportPanic("Start", p)
		}
		if in.refusal != nil {
			in.close(Crashed)
		}
	}()
	in.actor = h.produce(Self{in})
	in.idler, _ = in.actor.(Idler)
	in.refusal = in.actor.Start(h.sys.ctx)
}

// close stops the actor. A panic in Stop is contained: in the library it would
// bring the stopping actor back to life.
func (in *instance) close(why Reason) {
	if in.actor == nil {
		return
	}
	a := in.actor
	in.actor, in.idler = nil, nil
	defer func() {
		if p := recover(); p != nil {
			in.host.reportPanic("Stop", p)
		}
	}()
	a.Stop(why)
}

// end closes the actor and answers whatever it still held.
func (in *instance) end(why Reason) {
	in.close(why)
	err := ErrStopped
	if why == Crashed {
		err = ErrCrashed
	}
	for _, m := range in.held {
		m.refuse(err)
	}
	in.held = nil
}

// read handles one letter. It panics on when the actor does, after the asker
// has been answered; the host contains that.
func (in *instance) read(m mail) {
	e := m.head()
	if e.ctx.Err() != nil {
		m.refuse(expiredBy(e.ctx)) // unread: the asker has gone
		return
	}
	if in.refusal != nil {
		m.refuse(in.refusal)
		return
	}
	in.turn = Turn{mail: m, in: in}
	in.actor.Receive(&in.turn)
	in.turn = Turn{}
	if e.holder == nil && !e.answered.Load() {
		m.refuse(ErrUnhandled)
	}
}

// hold remembers a letter that is answered later, for end to find.
func (in *instance) hold(m mail) {
	e := m.head()
	if e.holder != nil || e.answered.Load() {
		return
	}
	if len(in.held) == cap(in.held) {
		in.forgetAnswered()
	}
	e.holder = in
	in.open.Add(1)
	in.held = append(in.held, m)
}

// forgetAnswered keeps held within twice the letters that are still open:
// answers come from any goroutine, so they cannot take themselves out.
func (in *instance) forgetAnswered() {
	kept := in.held[:0]
	for _, m := range in.held {
		if !m.head().answered.Load() {
			kept = append(kept, m)
		}
	}
	clear(in.held[len(kept):])
	in.held = kept
}

// settled is called, on any goroutine, after a held letter was answered.
func (in *instance) settled() {
	// Against host.leave: it sets draining before it looks at open.
	if in.open.Add(-1) == 0 && in.host.draining.Load() {
		in.host.send(wake{})
	}
}

// post queues fn as a turn of this instance.
func (in *instance) post(fn func()) { in.host.send(run{in, fn}) }
