package mailbox_test

import (
	"context"
	"errors"
	"log/slog"
	"sync/atomic"
	"testing"
	"time"

	"go.uber.org/goleak"

	"troupe/actors/mailbox"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// probe is an actor that does what a message tells it to.
type probe struct {
	key  string
	self mailbox.Self
	life lives
	n    int // turns of this instance
}

// lives is what a test hooks into the life of its probes.
type lives struct {
	start func(*probe) error
	stop  func(*probe, mailbox.Reason)
	idle  func(*probe)
}

// do is answered in the turn.
type do struct {
	mailbox.To[*probe, int]
	f func(context.Context, *probe) (int, error)
}

// keep hands the answer function over.
type keep struct {
	mailbox.To[*probe, int]
	f func(p *probe, answer func(int, error))
}

// odd is a message that probe has no case for.
type odd struct{ mailbox.To[*probe, int] }

func (p *probe) Start(context.Context) error {
	if p.life.start != nil {
		return p.life.start(p)
	}
	return nil
}

func (p *probe) Stop(why mailbox.Reason) {
	if p.life.stop != nil {
		p.life.stop(p, why)
	}
}

func (p *probe) Receive(t *mailbox.Turn) {
	switch m := t.Message().(type) {
	case do:
		mailbox.Reply(p, t, m, p.do)
	case keep:
		mailbox.Later(p, t, m, p.keep)
	}
}

func (p *probe) do(ctx context.Context, m do) (int, error) {
	p.n++
	return m.f(ctx, p)
}

func (p *probe) keep(_ context.Context, m keep, answer func(int, error)) { m.f(p, answer) }

// idler is a probe with an Idle.
type idler struct{ probe }

func (p *idler) Idle() { p.life.idle(&p.probe) }

type doIdler struct{ mailbox.To[*idler, int] }

func (p *idler) Receive(t *mailbox.Turn) {
	switch m := t.Message().(type) {
	case doIdler:
		mailbox.Reply(p, t, m, func(context.Context, doIdler) (int, error) { return 0, nil })
	case keepIdler:
		mailbox.Later(p, t, m, func(_ context.Context, m keepIdler, answer func(int, error)) { m.f(p, answer) })
	}
}

type keepIdler struct {
	mailbox.To[*idler, int]
	f func(p *idler, answer func(int, error))
}

func system(t testing.TB) *mailbox.System {
	s := mailbox.NewSystem(slog.New(slog.DiscardHandler))
	t.Cleanup(s.Shutdown)
	return s
}

func router(t testing.TB, o mailbox.RouterOptions, life lives) *mailbox.Router[*probe] {
	r := mailbox.NewRouter(system(t), o, func(key string, self mailbox.Self) *probe {
		return &probe{key: key, self: self, life: life}
	})
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
		defer cancel()
		if err := r.Close(ctx); err != nil {
			t.Errorf("close: %v", err)
		}
	})
	return r
}

func spawn(t testing.TB, limit int, life lives) *mailbox.Handle[*probe] {
	h, err := mailbox.Spawn(system(t), "probe", limit, func(self mailbox.Self) *probe {
		return &probe{self: self, life: life}
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
		defer cancel()
		if err := h.Stop(ctx); err != nil {
			t.Errorf("stop: %v", err)
		}
	})
	return h
}

func value(n int) do {
	return do{f: func(context.Context, *probe) (int, error) { return n, nil }}
}

var boom = do{f: func(context.Context, *probe) (int, error) { panic("boom") }}

func ask(t testing.TB, at mailbox.Address[*probe], m mailbox.Message[*probe, int]) (int, error) {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), 20*time.Second)
	defer cancel()
	n, err := mailbox.Ask(ctx, at, m)
	if errors.Is(err, mailbox.ErrExpired) {
		t.Fatalf("%T was never answered", m)
	}
	return n, err
}

// wants asks and compares.
func wants(t testing.TB, at mailbox.Address[*probe], m mailbox.Message[*probe, int], n int, target error) {
	t.Helper()
	if got, err := ask(t, at, m); got != n || !errors.Is(err, target) {
		t.Fatalf("ask %T: %d, %v; want %d, %v", m, got, err, n, target)
	}
}

// posted collects the outcomes of Post.
type posted struct {
	times atomic.Int32
	done  chan error
}

func post(ctx context.Context, at mailbox.Address[*probe], m mailbox.Message[*probe, int]) *posted {
	p := &posted{done: make(chan error, 1)}
	mailbox.Post(ctx, at, m, func(_ int, err error) {
		if p.times.Add(1) == 1 {
			p.done <- err
		}
	})
	return p
}

// block occupies the actor until release is called; it returns once it does.
func block(t testing.TB, at mailbox.Address[*probe]) (release func()) {
	t.Helper()
	in, out := make(chan struct{}), make(chan struct{})
	p := post(context.Background(), at, do{f: func(context.Context, *probe) (int, error) {
		close(in)
		<-out
		return 0, nil
	}})
	select {
	case <-in:
	case err := <-p.done:
		t.Fatalf("block: %v", err)
	}
	return func() {
		close(out)
		if err := <-p.done; err != nil {
			t.Errorf("blocker: %v", err)
		}
	}
}
