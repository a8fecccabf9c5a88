package sweeper

import (
	"context"
	"fmt"
	"runtime/debug"
	"sync"
	"time"

	"github.com/bluesky-social/indigo/atproto/syntax"

	"troupe/actors/mailbox"
)

// admitted bounds the messages that wait. An upload that is not heard of is found by
// the daily round.
const admitted = 4096

// Sweeper is the actor.
type Sweeper struct {
	o      Options
	self   mailbox.Self
	chores []chore
	closed context.Context // ends when the sweeper is to stop

	// owned by the turns of this instance
	state
	timer *time.Timer

	// set by Start, read by the chore under way
	life  context.Context
	end   context.CancelFunc
	works sync.WaitGroup
}

// Handle is the owner's grip on the sweeper.
type Handle struct {
	*mailbox.Handle[*Sweeper]
	end context.CancelFunc
}

// Spawn starts the sweeper.
func Spawn(s *mailbox.System, o Options) (*Handle, error) {
	o = o.withDefaults()
	chores := choresOf(&o)
	closed, end := context.WithCancel(context.Background())
	h, err := mailbox.Spawn(s, "sweeper", admitted, func(self mailbox.Self) *Sweeper {
		return &Sweeper{o: o, self: self, chores: chores, closed: closed}
	})
	if err != nil {
		end()
		return nil, err
	}
	return &Handle{h, end}, nil
}

// Stop ends the chore under way between two of its steps, and the actor. The chore
// comes first: a mailbox that closes waits for those who asked for it.
func (h *Handle) Stop(ctx context.Context) error {
	h.end()
	return h.Handle.Stop(ctx)
}

// Start implements mailbox.Actor.
func (s *Sweeper) Start(ctx context.Context) error {
	life, end := context.WithCancel(ctx)
	unhook := context.AfterFunc(s.closed, end)
	s.life, s.end = life, func() { unhook(); end() }
	s.state = state{due: map[Chore]time.Time{}, asked: map[Chore][]func(Report, error){}, uploads: map[syntax.DID]upload{}}
	for _, c := range s.chores {
		s.due[c.name] = s.o.Now().Add(c.first)
	}
	s.next()
	return nil
}

// Receive implements mailbox.Actor.
func (s *Sweeper) Receive(t *mailbox.Turn) {
	switch m := t.Message().(type) {
	case Uploaded:
		mailbox.Reply(s, t, m, s.heard)
	case Sweep:
		mailbox.Later(s, t, m, s.sweep)
	}
}

// Stop implements mailbox.Actor. The chore under way ends between two of its steps:
// never are there two at a time, also not over a crash.
func (s *Sweeper) Stop(mailbox.Reason) {
	defer s.works.Wait()
	if s.timer != nil {
		s.timer.Stop()
	}
	if s.end != nil {
		s.end()
	}
}

func (s *Sweeper) heard(_ context.Context, m Uploaded) (struct{}, error) {
	s.uploaded(m.DID, s.o.Now())
	return struct{}{}, nil
}

func (s *Sweeper) sweep(_ context.Context, m Sweep, answer func(Report, error)) {
	if _, ok := s.due[m.Chore]; !ok {
		answer(nil, ErrNoChore)
		return
	}
	if s.life.Err() != nil {
		answer(nil, mailbox.ErrStopped)
		return
	}
	s.asked[m.Chore] = append(s.asked[m.Chore], answer)
	s.due[m.Chore] = time.Time{}
	s.next()
}

// next begins the chore that is due, or waits for it.
func (s *Sweeper) next() {
	if s.under != "" || len(s.chores) == 0 || s.life.Err() != nil {
		return
	}
	if s.timer != nil {
		s.timer.Stop()
	}
	name, wait := decide(s.chores, s.due, s.o.Now())
	if name == "" {
		s.timer = time.AfterFunc(wait, func() { s.self.Run(s.next) })
		return
	}
	s.begin(name)
}

// begin runs a chore beside the turns; its end comes back as a turn.
func (s *Sweeper) begin(name Chore) {
	s.under = name
	asked := s.asked[name]
	delete(s.asked, name)
	var c chore
	for _, c = range s.chores {
		if c.name == name {
			break
		}
	}
	w := &work{Options: &s.o, ctx: s.life, removed: Report{}}
	if name == Uploads {
		w.ripe = s.ripe(s.o.Now(), s.o.UploadLifetime)
	}
	s.works.Go(func() {
		err := guarded(w, c)
		s.self.Run(func() { s.ended(c, w.removed, err, asked) })
	})
}

// ended is the turn in which a chore comes back.
func (s *Sweeper) ended(c chore, removed Report, err error, asked []func(Report, error)) {
	s.under = ""
	if s.due[c.name] = s.o.Now().Add(c.every); len(s.asked[c.name]) > 0 {
		s.due[c.name] = time.Time{} // asked for while it was under way
	}
	count(c.name, removed, err)
	switch {
	case s.life.Err() != nil:
	case err != nil:
		s.o.Log.Warn("sweep", "chore", c.name, "removed", removed, "err", err)
	case len(removed) > 0:
		s.o.Log.Info("swept", "chore", c.name, "removed", removed)
	}
	for _, answer := range asked {
		answer(removed, err)
	}
	if s.life.Err() != nil { // nobody else will get an answer
		for _, waiting := range s.asked {
			for _, answer := range waiting {
				answer(nil, mailbox.ErrStopped)
			}
		}
		clear(s.asked)
	}
	s.next()
}

// guarded turns a panic of a chore into its error: nobody supervises its goroutine, and
// what it had not come to is there the next time.
func guarded(w *work, c chore) (err error) {
	defer func() {
		if p := recover(); p != nil {
			w.Log.Error("panic of a chore", "chore", c.name, "panic", p, "stack", string(debug.Stack()))
			err = fmt.Errorf("sweeper: %s: panic: %v", c.name, p)
		}
	}()
	return c.run(w)
}
