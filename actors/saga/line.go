package saga

import (
	"context"
	"maps"
	"slices"
	"time"

	"github.com/bluesky-social/indigo/atproto/syntax"

	"troupe/actors/account"
	"troupe/actors/mailbox"
)

// maxLine is how many stories may wait for another one of their DID.
const maxLine = 16

// story makes a handler of a kind whose stories are asked for with an M.
func story[M mailbox.Message[*Sagas, Done]](s *Sagas, k Kind, did func(M) syntax.DID) func(context.Context, M, func(Done, error)) {
	return func(ctx context.Context, m M, answer func(Done, error)) {
		s.ask(&errand{ctx: ctx, id: newID(), kind: k, did: did(m), in: m, answers: []func(told, error){func(t told, err error) {
			if err == nil {
				err = t.refused
			}
			answer(Done{}, err)
		}}})
	}
}

// ask has an errand done, behind the story of its DID that is being told.
func (s *Sagas) ask(e *errand) {
	k := kinds[e.kind]
	switch l := s.lines[e.did]; {
	case e.waits() && s.clients[e.kind] >= s.o.Running:
		e.answer(told{}, ErrBusy)
	case l == nil:
		s.start(e)
	case k.joined && l.told.kind == e.kind:
		l.told.answers = append(l.told.answers, e.answers...)
	case k.urgent:
		behind := slices.IndexFunc(l.waiting, func(o *errand) bool { return !kinds[o.kind].urgent })
		if behind < 0 {
			behind = len(l.waiting)
		}
		l.waiting = slices.Insert(l.waiting, behind, e)
	case len(l.waiting) >= maxLine:
		e.answer(told{}, ErrBusyAccount)
	default:
		l.waiting = append(l.waiting, e)
	}
}

// start gives an errand to an actor of its own.
func (s *Sagas) start(e *errand) {
	switch {
	case s.life.Err() != nil:
		e.answer(told{}, mailbox.ErrStopped)
		return
	case e.ctx.Err() != nil: // it left while it waited in line
		e.answer(told{}, context.Cause(e.ctx))
		return
	}
	if !s.follow(e) {
		e.answer(told{}, ErrBusyAccount)
		return
	}
	h, err := mailbox.Spawn(s.o.System, "sagas/"+string(e.id), 1, func(mailbox.Self) *teller {
		return &teller{o: s.o, life: s.life}
	})
	if err != nil { // an actor of an earlier instance has the story still
		e.answer(told{}, ErrBusyAccount)
		return
	}
	waits := e.waits()
	s.running[e.id] = &worker{h, waits}
	if waits {
		s.clients[e.kind]++
	}
	if kinds[e.kind].alone {
		s.lines[e.did] = &line{told: e}
	}
	mailbox.Post(e.ctx, h.Address(), tell{How: e.how, ID: e.id, Kind: e.kind, In: e.in}, func(t told, err error) {
		go func() {
			_ = h.Stop(context.Background()) // its one turn is over, or it never had one
			s.self.Run(func() { s.came(e, t, err) })
		}()
	})
}

// follow looks for an unfinished story of the DID. A new one of the same kind
// goes on with it where that means the same; any other has to wait: false.
func (s *Sagas) follow(e *errand) bool {
	if e.how != begin || e.did == "" {
		return true
	}
	for id, u := range s.due {
		switch {
		case u.did != e.did:
		case u.kind == e.kind && kinds[e.kind].joined:
			e.how, e.id = rejoin, id
			return true
		case u.kind == kindSignup && e.kind == kindSignup: // who asks may be the same person: what it holds tells
		case bars(u.kind, e.kind):
			return false
		}
	}
	return true
}

// came takes a story back from its actor.
func (s *Sagas) came(e *errand, t told, err error) {
	waited := s.running[e.id].waits
	if waited {
		s.clients[e.kind]--
	}
	delete(s.running, e.id)
	if err != nil { // it crashed, or the client left before it began
		t = told{}
	}
	switch {
	case t.ended:
		delete(s.due, e.id)
		if e.kind == kindDelete { // it took the place of what else was unfinished
			maps.DeleteFunc(s.due, func(_ account.SagaID, u *unsettled) bool { return u.did == e.did })
		}
	case !kinds[e.kind].stored:
	case waited && s.due[e.id] != nil:
		// A client who tries again does not push back what is due.
	default:
		s.postpone(e.id, e.kind, e.did)
	}
	switch {
	case t.join == "":
		e.answer(t, err)
	case s.isRunning(t.join):
		e.answer(told{refused: account.ErrHandleTaken}, nil)
	default:
		s.ask(&errand{ctx: e.ctx, how: rejoin, id: t.join, kind: e.kind, did: e.did, answers: e.answers})
	}
	if kinds[e.kind].alone {
		s.next(e.did)
	}
}

// next lets those go on who waited for the story that came.
func (s *Sagas) next(did syntax.DID) {
	waiting := s.lines[did].waiting
	delete(s.lines, did)
	for i, e := range waiting {
		s.start(e)
		if l := s.lines[did]; l != nil {
			l.waiting = append(l.waiting, waiting[i+1:]...)
			return
		}
	}
}

const longestWait = 5 * time.Minute

func (s *Sagas) postpone(id account.SagaID, k Kind, did syntax.DID) {
	u := s.due[id]
	if u == nil {
		u = &unsettled{kind: k, did: did, wait: s.o.Retry}
		s.due[id] = u
	} else {
		u.wait = min(2*u.wait, longestWait)
	}
	u.next = s.o.Now().Add(u.wait)
}
