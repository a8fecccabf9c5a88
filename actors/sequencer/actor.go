package sequencer

import (
	"context"
	"log/slog"
	"net/http"
	"runtime/debug"
	"sync"
	"sync/atomic"
	"time"

	"troupe/actors/mailbox"
	"troupe/sequencing"
)

// Options of the sequencer. Zero values mean the defaults in parentheses.
type Options struct {
	Path      string        // of sequencer.sqlite; its directory exists
	RingBytes int           // recent frames kept in memory (64 MiB)
	Window    time.Duration // how far back a cursor may reach, and how long entries are kept (24 h)
	Restored  bool          // the log was restored from a copy
	VFS       string        // SQLite VFS; fault injection plugs in here ("": ours)

	Hostname string   // what relays are told to crawl
	Crawlers []string // base URLs of relays (none)
	Client   *http.Client

	PruneEvery time.Duration // (1 h)
	Logger     *slog.Logger  // (slog.Default)
}

func (o Options) withDefaults() Options {
	if o.RingBytes == 0 {
		o.RingBytes = 64 << 20
	}
	if o.Window == 0 {
		o.Window = sequencing.DefaultWindow
	}
	if o.PruneEvery == 0 {
		o.PruneEvery = time.Hour
	}
	if o.Logger == nil {
		o.Logger = slog.Default()
	}
	return o
}

// Sequencer owns the log.
type Sequencer struct {
	o    Options
	self mailbox.Self
	log  sequencing.Log
	ring *sequencing.Ring

	// Read by the committer's goroutine: a notice is already scheduled, so an
	// event needs no turn to ask for one.
	scheduled atomic.Bool
	// Appends of this instance that the committer has not answered yet.
	under sync.WaitGroup

	// Owned by the actor's turns.
	crawl crawlState
	next  *time.Timer     // the next pruning
	life  context.Context // of what runs beside the turns
	end   context.CancelFunc
}

// Handle is the owner's grip on the sequencer and its log.
type Handle struct {
	actor *mailbox.Handle[*Sequencer]
	log   sequencing.Log
}

// Spawn opens the log and starts the sequencer.
func Spawn(ctx context.Context, s *mailbox.System, o Options) (*Handle, error) {
	o = o.withDefaults()
	ring := sequencing.NewRing(o.RingBytes)
	log, err := sequencing.OpenLog(ctx, o.Path, sequencing.LogOptions{Ring: ring, Restored: o.Restored, VFS: o.VFS, Logger: o.Logger})
	if err != nil {
		return nil, err
	}
	h, err := mailbox.Spawn(s, "sequencer", appendsAdmitted, func(self mailbox.Self) *Sequencer {
		return &Sequencer{o: o, self: self, log: log, ring: ring}
	})
	if err != nil {
		log.Close()
		return nil, err
	}
	return &Handle{h, log}, nil
}

// appendsAdmitted bounds how many appends wait; the log bounds their bytes.
const appendsAdmitted = 65_536

// Address is where the sequencer is asked.
func (h *Handle) Address() mailbox.Address[*Sequencer] { return h.actor.Address() }

// Log is the log, for reading.
func (h *Handle) Log() sequencing.Log { return h.log }

// Stop refuses new appends, answers those admitted, and closes the log.
func (h *Handle) Stop(ctx context.Context) error {
	err := h.actor.Stop(ctx)
	if closed := h.log.Close(); err == nil {
		err = closed
	}
	return err
}

// Start implements mailbox.Actor. The log outlives a crash of the actor: it is
// the log's committer that the entries under way belong to.
func (s *Sequencer) Start(ctx context.Context) error {
	s.life, s.end = context.WithCancel(ctx)
	s.next = s.after(s.o.PruneEvery, s.prune)
	return nil
}

// Receive is the table of what the sequencer answers.
func (s *Sequencer) Receive(t *mailbox.Turn) {
	switch m := t.Message().(type) {
	case Append:
		mailbox.Later(s, t, m, s.append)
	case Subscribe:
		mailbox.Later(s, t, m, s.subscribe)
	}
}

// Stop implements mailbox.Actor. Appends under way are the committer's and end
// soon: their askers get its answers, also when this instance has crashed, and
// not an error that would leave them in doubt about a commit.
func (s *Sequencer) Stop(mailbox.Reason) {
	defer s.under.Wait()
	if s.end != nil {
		s.end()
	}
	for _, t := range []*time.Timer{s.next, s.crawl.timer} {
		if t != nil {
			t.Stop()
		}
	}
}

func (s *Sequencer) append(_ context.Context, m Append, answer func(sequencing.Committed, error)) {
	s.under.Add(1)
	taken := false
	defer func() {
		if !taken { // a panic: nobody will answer
			s.under.Done()
		}
	}()
	s.log.Append(m.Chain, func(c sequencing.Committed, err error) {
		defer s.under.Done()
		if err == nil && m.Chain.Public() && len(s.o.Crawlers) > 0 && !s.scheduled.Load() {
			s.self.Run(s.announce)
		}
		answer(c, err)
	})
	taken = true
}

// subscribe answers from a goroutine of its own: finding the start reads the
// log, and five hundred relays that come back at once must not stand between
// an append and the committer.
func (s *Sequencer) subscribe(ctx context.Context, m Subscribe, answer func(*sequencing.Subscription, error)) {
	s.beside("subscribe", func() {
		defer answer(nil, mailbox.ErrCrashed) // unless it is answered below
		sub, err := sequencing.Subscribe(s.log, s.ring, m.Cursor, sequencing.SubscribeOptions{Window: s.o.Window})
		if err == nil && ctx.Err() != nil { // nobody is left to close it
			sub.Close()
		}
		answer(sub, err)
	})
}

// beside runs fn on a goroutine of its own. Nobody supervises that, and nothing
// that is shared is changed there, so a panic is contained.
func (s *Sequencer) beside(what string, fn func()) {
	go func() {
		defer func() {
			if p := recover(); p != nil {
				s.o.Logger.Error("panic beside the sequencer", "in", what, "panic", p, "stack", string(debug.Stack()))
			}
		}()
		fn()
	}()
}

// after runs fn as a turn once d has passed.
func (s *Sequencer) after(d time.Duration, fn func()) *time.Timer {
	return time.AfterFunc(d, func() { s.self.Run(fn) })
}
