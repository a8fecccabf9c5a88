package mailbox

import (
	"context"
	"log/slog"
)

// System holds every actor of the process.
type System struct {
	log *slog.Logger
}

// NewSystem starts an empty system.
func NewSystem(log *slog.Logger) *System { return &System{log: log} }

// Shutdown ends the system. Routers and singletons are closed first, by their
// owners, in the order of the design.
func (s *System) Shutdown() {}

// Handle is the owner's grip on a singleton.
type Handle[A Actor] struct{}

// Spawn starts a singleton and waits for its Start, whose error it returns.
// limit bounds the requests that are admitted and not yet answered.
func Spawn[A Actor](s *System, name string, limit int, produce func(Self) A) (*Handle[A], error) {
	return &Handle[A]{}, nil
}

// Address is where the singleton is asked.
func (h *Handle[A]) Address() Address[A] { return Address[A]{} }

// Stop refuses new requests, finishes those admitted and waits until the actor
// has stopped, or ctx ends.
func (h *Handle[A]) Stop(ctx context.Context) error { return nil }
