package mailbox

import (
	"context"
	"log/slog"
	"time"
)

// RouterOptions: zero fields take the defaults named here.
type RouterOptions struct {
	Name    string        // kind of actor, for metrics and logs: "repo"
	Shards  int           // directory shards (64)
	Live    int           // actors kept active, over all shards (2048)
	PerKey  int           // requests of one key admitted and not yet answered (256)
	Total   int           // the same over all keys (16,384)
	Tick    time.Duration // how often Idle is considered; 0 = never
	Crashes int           // crashes within Window that quarantine a key (5)
	Window  time.Duration // and how long it then lasts (1 minute)
	Log     *slog.Logger
}

// Router owns the lifetimes of the actors behind it, one per key.
type Router[A Actor] struct{}

// NewRouter starts a router. produce makes the (not yet started) actor of a key.
func NewRouter[A Actor](s *System, o RouterOptions, produce func(key string, self Self) A) *Router[A] {
	return &Router[A]{}
}

// Of is the address of one key. It costs nothing and activates nothing.
func (r *Router[A]) Of(key string) Address[A] { return Address[A]{key: key} }

// Retire refuses new requests of key with ErrRetired, passivates its actor and
// waits until that is gone. The key stays refused until release is called.
func (r *Router[A]) Retire(ctx context.Context, key string) (release func(), err error) {
	return func() {}, nil
}

// Close refuses new requests, finishes those admitted to an actor, stops every
// actor and waits until none is left, or ctx ends.
func (r *Router[A]) Close(ctx context.Context) error { return nil }

// Stats are figures since the start (counters) and of now (Live, Queued).
type Stats struct {
	Live        int   // actors alive: active or leaving
	Queued      int   // requests admitted and not yet answered
	Activations int64
	Evictions   int64
	Crashes     int64
	Busy        int64 // refused with ErrBusy
	Quarantined int64 // times a key was put into quarantine
}

// Stats reads the figures; they are not one consistent snapshot.
func (r *Router[A]) Stats() Stats { return Stats{} }
