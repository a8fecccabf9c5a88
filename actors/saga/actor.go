package saga

import (
	"context"
	"log/slog"
	"time"

	"github.com/bluesky-social/indigo/atproto/atcrypto"
	"github.com/bluesky-social/indigo/atproto/syntax"

	"troupe/actors/account"
	"troupe/actors/identity/plc"
	"troupe/actors/mailbox"
	"troupe/actors/repo"
	"troupe/storage/keys"
)

// Options of the sagas actor. Zero values mean the defaults in parentheses.
type Options struct {
	System    *mailbox.System
	Accounts  mailbox.Address[*account.Accounts]
	Index     *account.Index
	Passwords *account.Passwords
	Tokens    account.Tokens
	Handles   account.HandleRules
	Vault     *keys.Vault
	Actors    string // folder of the accounts' folders; exists
	Directory *plc.Directory
	Rotation  atcrypto.PrivateKey
	Recovery  atcrypto.PublicKey // the operator's offline rotation key (none)
	Endpoint  string             // public URL, as DID documents shall show it

	InviteRequired bool

	// CreateRepo asks the DID's repo actor for its creation chain.
	CreateRepo func(context.Context, syntax.DID, repo.Create) (repo.Commit, error)
	// ResolveHandle finds the DID of a handle of another domain, by DNS or HTTPS
	// (such handles are refused).
	ResolveHandle func(context.Context, syntax.Handle) (syntax.DID, error)

	Running   int              // sign-ups that clients wait for, at once (64)
	Unsettled int              // unfinished ones beyond which new ones are refused (1000)
	Patience  time.Duration    // how long a client waits for the directory before it is told so (10 s)
	Sending   time.Duration    // how long one request to the directory may take (5 s)
	Settle    time.Duration    // how long after a sending its absence is believed (2 min)
	Retry     time.Duration    // first wait before an unfinished one is looked at again (1 s); doubles up to 5 min
	Now       func() time.Time // (time.Now)
	Logger    *slog.Logger     // (slog.Default)

	probe func(point string) // tests: called between steps
}

// background bounds the unfinished sign-ups that are looked at at once.
const background = 8

func (o Options) withDefaults() Options {
	set(&o.Running, 64)
	set(&o.Unsettled, 1000)
	set(&o.Patience, 10*time.Second)
	set(&o.Sending, 5*time.Second)
	set(&o.Settle, 2*time.Minute)
	set(&o.Retry, time.Second)
	if o.Now == nil {
		o.Now = time.Now
	}
	if o.Logger == nil {
		o.Logger = slog.Default()
	}
	if o.probe == nil {
		o.probe = func(string) {}
	}
	return o
}

func set[T comparable](field *T, def T) {
	var zero T
	if *field == zero {
		*field = def
	}
}

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
	h, err := mailbox.Spawn(o.System, "sagas", o.Running*4, func(self mailbox.Self) *Sagas {
		s := &Sagas{o: o, self: self, running: make(map[account.SagaID]worker), due: make(map[account.SagaID]*unsettled)}
		s.life, s.end = context.WithCancel(process)
		return s
	})
	if err != nil {
		quit()
		return nil, err
	}
	return &Handle{h, quit}, nil
}

// Sagas starts stories, keeps each to one actor, and looks after unfinished
// ones.
type Sagas struct {
	o    Options
	self mailbox.Self
	life context.Context // of this instance; ends at Handle.Stop
	end  context.CancelFunc

	// owned by the turn
	running map[account.SagaID]worker
	clients int // for how many of them a client waits
	due     map[account.SagaID]*unsettled
}

// worker is the actor of a story that is being told.
type worker struct {
	handle *mailbox.Handle[*signup]
	waits  bool // a client does
}

// unsettled is an unfinished story that nobody works on now.
type unsettled struct {
	next time.Time
	wait time.Duration
}

// Start implements mailbox.Actor.
func (s *Sagas) Start(ctx context.Context) error {
	left, err := mailbox.Ask(ctx, s.o.Accounts, account.ListSagas{Kind: kindSignup})
	if err != nil {
		return err
	}
	for _, story := range left {
		s.postpone(story.ID)
		s.due[story.ID].next = s.o.Now()
	}
	go s.tick()
	return nil
}

// Receive implements mailbox.Actor.
func (s *Sagas) Receive(t *mailbox.Turn) {
	switch m := t.Message().(type) {
	case SignUp:
		mailbox.Later(s, t, m, s.signUp)
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
			s.o.Logger.Warn("sign-up outlives its supervisor", slog.String("saga", string(id)), slog.Any("error", err))
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
	switch {
	case s.life.Err() != nil:
		answer(account.Session{}, mailbox.ErrStopped)
	case s.clients >= s.o.Running || s.clients+len(s.due) >= s.o.Unsettled:
		answer(account.Session{}, ErrBusy)
	default:
		id := newID()
		run(s, ctx, id, tell{ID: id, In: m}, answer)
	}
}

// lookAfter starts the unfinished stories whose time has come.
func (s *Sagas) lookAfter() {
	now := s.o.Now()
	for id, u := range s.due {
		if len(s.running)-s.clients >= background || s.life.Err() != nil {
			return
		}
		if now.Before(u.next) || s.isRunning(id) {
			continue
		}
		run(s, s.life, id, settle{ID: id}, nil)
	}
}

func (s *Sagas) isRunning(id account.SagaID) bool {
	_, ok := s.running[id]
	return ok
}

// run gives a story to an actor of its own. answer is nil if nobody waits.
func run[M mailbox.Message[*signup, told]](s *Sagas, ctx context.Context, id account.SagaID, m M, answer func(account.Session, error)) {
	waits := answer != nil
	if !waits {
		answer = func(account.Session, error) {}
	}
	h, err := mailbox.Spawn(s.o.System, "sagas/"+string(id), 1, func(mailbox.Self) *signup {
		return &signup{o: s.o, life: s.life}
	})
	if err != nil { // an actor has the story already
		answer(account.Session{}, account.ErrHandleTaken)
		return
	}
	s.running[id] = worker{h, waits}
	if waits {
		s.clients++
	}
	mailbox.Post(ctx, h.Address(), m, func(t told, err error) {
		switch {
		case err != nil: // it crashed, or the client left before it began
			t = told{refused: ErrUnconfirmed}
			answer(account.Session{}, err)
		case t.join == "":
			answer(t.session, t.refused)
		}
		go func() {
			_ = h.Stop(context.Background()) // its one turn is over, or it never had one
			s.self.Run(func() { s.came(ctx, id, t, answer) })
		}()
	})
}

// came takes a story back from its actor.
func (s *Sagas) came(ctx context.Context, id account.SagaID, t told, answer func(account.Session, error)) {
	waited := s.running[id].waits
	if waited {
		s.clients--
	}
	delete(s.running, id)
	switch {
	case t.ended:
		delete(s.due, id)
	case waited && s.due[id] != nil:
		// A client who tries again does not push back what is due.
	default:
		s.postpone(id)
	}
	if t.join == "" {
		return
	}
	if s.isRunning(t.join) {
		answer(account.Session{}, account.ErrHandleTaken)
		return
	}
	run(s, ctx, t.join, rejoin{ID: t.join}, answer)
}

const longestWait = 5 * time.Minute

func (s *Sagas) postpone(id account.SagaID) {
	u := s.due[id]
	if u == nil {
		u = &unsettled{wait: s.o.Retry}
		s.due[id] = u
	} else {
		u.wait = min(2*u.wait, longestWait)
	}
	u.next = s.o.Now().Add(u.wait)
}
