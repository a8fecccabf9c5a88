package saga

import (
	"context"
	"log/slog"
	"time"

	"github.com/bluesky-social/indigo/atproto/syntax"

	"troupe/actors/account"
	"troupe/actors/mailbox"
)

// Handle is the owner's grip on the sagas actor.
type Handle struct {
	*mailbox.Handle[*Sagas]
	quit context.CancelFunc
}

// Stop ends the stories between two steps, answers who waits and stops the
// actor. What is unfinished is resumed at the next start.
func (h *Handle) Stop(ctx context.Context) error {
	h.quit()
	return h.Handle.Stop(ctx)
}

// Spawn starts the sagas actor, which resumes what is unfinished.
func Spawn(o Options) (*Handle, error) {
	o = o.withDefaults()
	process, quit := context.WithCancel(context.Background())
	h, err := mailbox.Spawn(o.System, "sagas", o.Running*8, func(self mailbox.Self) *Sagas {
		s := &Sagas{
			o: o, self: self, running: make(map[account.SagaID]*worker), clients: make(map[Kind]int),
			due: make(map[account.SagaID]*unsettled), lines: make(map[syntax.DID]*line),
		}
		s.life, s.end = context.WithCancel(process)
		return s
	})
	if err != nil {
		quit()
		return nil, err
	}
	return &Handle{h, quit}, nil
}

// Sagas starts stories, keeps each to one actor and each DID to one story, and
// looks after unfinished ones.
type Sagas struct {
	o    Options
	self mailbox.Self
	life context.Context // of this instance; ends at Handle.Stop
	end  context.CancelFunc

	// owned by the turn
	running map[account.SagaID]*worker
	clients map[Kind]int // for how many of them a client waits
	due     map[account.SagaID]*unsettled
	lines   map[syntax.DID]*line
}

// Start implements mailbox.Actor.
func (s *Sagas) Start(ctx context.Context) error {
	for name, k := range kinds {
		if !k.stored {
			continue
		}
		left, err := mailbox.Ask(ctx, s.o.Accounts, account.ListSagas{Kind: string(name)})
		if err != nil {
			return err
		}
		for _, story := range left {
			s.postpone(story.ID, name, story.DID)
			s.due[story.ID].next = s.o.Now()
		}
	}
	go s.tick()
	return nil
}

// Receive implements mailbox.Actor.
func (s *Sagas) Receive(t *mailbox.Turn) {
	switch m := t.Message().(type) {
	case SignUp:
		mailbox.Later(s, t, m, s.signUp)
	case Delete:
		mailbox.Later(s, t, m, story(s, kindDelete, func(m Delete) syntax.DID { return m.DID }))
	case Activate:
		mailbox.Later(s, t, m, story(s, kindActivate, func(m Activate) syntax.DID { return m.DID }))
	case Deactivate:
		mailbox.Later(s, t, m, story(s, kindDeactivate, func(m Deactivate) syntax.DID { return m.DID }))
	case Moderate:
		mailbox.Later(s, t, m, story(s, kindModerate, func(m Moderate) syntax.DID { return m.DID }))
	case ChangeHandle:
		mailbox.Later(s, t, m, story(s, kindHandle, func(m ChangeHandle) syntax.DID { return m.DID }))
	case SubmitPLC:
		mailbox.Later(s, t, m, story(s, kindSubmit, func(m SubmitPLC) syntax.DID { return m.DID }))
	case RotateKey:
		mailbox.Later(s, t, m, story(s, kindRotate, func(m RotateKey) syntax.DID { return m.DID }))
	}
}

// lastStep is how long Stop waits for stories to come to the end of a step. One
// that takes longer keeps its name, which keeps a second actor off the story.
const lastStep = 5 * time.Second

// Stop implements mailbox.Actor: it ends the stories between two steps.
func (s *Sagas) Stop(mailbox.Reason) {
	s.end()
	ctx, cancel := context.WithTimeout(context.Background(), lastStep)
	defer cancel()
	for id, w := range s.running {
		if err := w.handle.Stop(ctx); err != nil {
			s.o.Logger.Warn("story outlives its supervisor", slog.String("saga", string(id)), slog.Any("error", err))
		}
	}
}

func (s *Sagas) tick() {
	t := time.NewTicker(s.o.Retry)
	defer t.Stop()
	for {
		select {
		case <-s.life.Done():
			return
		case <-t.C:
			s.self.Run(s.lookAfter)
		}
	}
}

func (s *Sagas) signUp(ctx context.Context, m SignUp, answer func(account.Session, error)) {
	if s.clients[kindSignup]+len(s.due) >= s.o.Unsettled {
		answer(account.Session{}, ErrBusy)
		return
	}
	s.ask(&errand{
		ctx: ctx, id: newID(), kind: kindSignup, did: m.DID, in: m,
		answers: []func(told, error){func(t told, err error) {
			if err == nil {
				err = t.refused
			}
			answer(t.session, err)
		}},
	})
}

// lookAfter starts the unfinished stories whose time has come.
func (s *Sagas) lookAfter() {
	now := s.o.Now()
	for id, u := range s.due {
		if s.quiet() >= background || s.life.Err() != nil {
			return
		}
		if now.Before(u.next) || s.isRunning(id) || s.lines[u.did] != nil {
			continue
		}
		s.ask(&errand{ctx: s.life, how: settle, id: id, kind: u.kind, did: u.did})
	}
}

func (s *Sagas) isRunning(id account.SagaID) bool { return s.running[id] != nil }

// quiet is for how many of the stories nobody waits.
func (s *Sagas) quiet() (n int) {
	n = len(s.running)
	for _, clients := range s.clients {
		n -= clients
	}
	return n
}
