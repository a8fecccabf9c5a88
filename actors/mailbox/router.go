package mailbox

import (
	"cmp"
	"context"
	"fmt"
	"hash/maphash"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"
)

// RouterOptions: zero fields take the defaults named here.
type RouterOptions struct {
	Name    string        // kind of actor, for metrics and logs: "repo"
	Shards  int           // directory shards (64, but at least eight live actors in each)
	Live    int           // actors kept active, over all shards (2048); up to a quarter more while some leave
	PerKey  int           // requests of one key admitted and not yet answered (256)
	Total   int           // the same over all keys (16,384)
	Tick    time.Duration // how often Idle is considered; 0 = never
	Crashes int           // crashes within Window that quarantine a key (5)
	Window  time.Duration // and how long the quarantine lasts (1 minute)
	Log     *slog.Logger  // nil: the system's
}

func (o RouterOptions) withDefaults(s *System) RouterOptions {
	o.Name = cmp.Or(o.Name, "actor")
	o.Live = cmp.Or(o.Live, 2048)
	o.Shards = max(1, min(cmp.Or(o.Shards, min(64, o.Live/8)), o.Live))
	o.PerKey = cmp.Or(o.PerKey, 256)
	o.Total = cmp.Or(o.Total, 16_384)
	o.Crashes = cmp.Or(o.Crashes, 5)
	o.Window = cmp.Or(o.Window, time.Minute)
	o.Log = cmp.Or(o.Log, s.log)
	return o
}

// startSlots bounds how many actors of a router start at once: opening a file
// parks a thread, and the runtime dies at ten thousand of them.
const startSlots = 48

// Router owns the lifetimes of the actors behind it: at most one live actor
// per key at any moment.
type Router[A Actor] struct{ r *router }

// NewRouter starts a router. produce makes the (not yet started) actor of a
// key; it runs in the actor's own first turn.
func NewRouter[A Actor](s *System, o RouterOptions, produce func(key string, self Self) A) *Router[A] {
	return &Router[A]{newRouter(s, o, func(key string, self Self) Actor { return produce(key, self) })}
}

// Of is the address of one key. It costs nothing and activates nothing.
func (r *Router[A]) Of(key string) Address[A] { return Address[A]{door: r.r, key: key} }

// Stats reads the figures; they are not one consistent snapshot.
func (r *Router[A]) Stats() Stats { _, s := r.r.stats(); return s }

// Retire refuses new requests of key with ErrRetired, passivates its actor and
// waits until that is gone; requests its actor already had are finished. The
// key stays refused until release is called. A key that is retired already is
// ErrRetired; when ctx ends first nothing stays refused.
func (r *Router[A]) Retire(ctx context.Context, key string) (release func(), err error) {
	return r.r.retire(ctx, key)
}

// Close refuses new requests with ErrStopped, finishes those an actor already
// has, stops every actor and waits until none is left, or ctx ends.
func (r *Router[A]) Close(ctx context.Context) error { return r.r.close(ctx) }

// router is the untyped core of a Router: the door and the figures. What each
// key is doing is known to its shard alone.
type router struct {
	gate    // of all keys
	sys     *System
	opt     RouterOptions
	kind    *kind
	produce func(string, Self) Actor
	slots   chan struct{}
	seed    maphash.Seed
	shards  []*shard
	closed  atomic.Bool
	closing chan struct{}

	live, activations, evictions, busy, quarantined atomic.Int64
}

func newRouter(s *System, o RouterOptions, produce func(string, Self) Actor) *router {
	o = o.withDefaults(s)
	r := &router{
		gate: gate{limit: int64(o.Total)}, sys: s, opt: o, kind: &kind{name: o.Name}, produce: produce,
		slots: make(chan struct{}, startSlots), seed: maphash.MakeSeed(), closing: make(chan struct{}),
	}
	for i := range o.Shards {
		r.shards = append(r.shards, newShard(r, i))
	}
	watched.Store(r, nil)
	if o.Tick > 0 {
		go r.tick()
	}
	return r
}

func (r *router) of(key string) *shard {
	return r.shards[maphash.String(r.seed, key)%uint64(len(r.shards))]
}

func (r *router) deliver(key string, m mail) {
	e := m.head()
	switch {
	case r.closed.Load():
		m.refuse(ErrStopped)
	case !r.enter(e):
		r.tooMany(m)
	default:
		e.key = key
		r.sys.as.Root.Send(r.of(key).pid, m)
	}
}

func (r *router) tooMany(m mail) {
	r.busy.Add(1)
	m.refuse(ErrBusy)
}

func (r *router) tick() {
	t := time.NewTicker(r.opt.Tick)
	defer t.Stop()
	for {
		select {
		case <-r.closing:
			return
		case <-t.C:
			for _, s := range r.shards {
				r.sys.as.Root.Send(s.pid, tick{})
			}
		}
	}
}

func (r *router) retire(ctx context.Context, key string) (func(), error) {
	if r.closed.Load() {
		return nil, ErrStopped
	}
	s, q := r.of(key), &retirement{key: key, done: make(chan error, 1)}
	release := sync.OnceFunc(func() { r.sys.as.Root.Send(s.pid, release{q}) })
	r.sys.as.Root.Send(s.pid, q)
	select {
	case err := <-q.done:
		if err != nil {
			return nil, err
		}
		return release, nil
	case <-ctx.Done():
		release()
		return nil, fmt.Errorf("mailbox: %s %s is not gone: %w", r.opt.Name, key, expiredBy(ctx))
	}
}

func (r *router) close(ctx context.Context) error {
	if r.closed.CompareAndSwap(false, true) {
		close(r.closing)
		for _, s := range r.shards {
			r.sys.as.Root.Send(s.pid, closing{})
		}
	}
	for _, s := range r.shards {
		select {
		case <-s.end:
		case <-ctx.Done():
			return fmt.Errorf("mailbox: %d %s actors still run: %w", r.live.Load(), r.opt.Name, expiredBy(ctx))
		}
	}
	watched.Delete(r)
	return nil
}

func (r *router) stats() (string, Stats) {
	return r.opt.Name, Stats{
		Live: int(r.live.Load()), Queued: int(r.open.Load()),
		Activations: r.activations.Load(), Evictions: r.evictions.Load(), Crashes: r.kind.crashes.Load(),
		Busy: r.busy.Load(), Quarantined: r.quarantined.Load(),
	}
}
