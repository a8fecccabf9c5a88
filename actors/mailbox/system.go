package mailbox

import (
	"context"
	"log/slog"

	"github.com/asynkron/protoactor-go/actor"
)

// System holds every actor of the process.
type System struct {
	as     *actor.ActorSystem
	log    *slog.Logger
	ctx    context.Context // what Start gets
	cancel context.CancelFunc
	keeper *keeper // supervises singletons
	crew   *workers
}

// NewSystem starts an empty system. Crashes are logged to log.
func NewSystem(log *slog.Logger) *System {
	if log == nil {
		log = slog.Default()
	}
	s := &System{log: log, keeper: &keeper{}, crew: newWorkers()}
	s.ctx, s.cancel = context.WithCancel(context.Background())
	lib := slog.New(atLeastWarn{log.Handler()})
	s.as = actor.NewActorSystem(actor.WithLoggerFactory(func(*actor.ActorSystem) *slog.Logger { return lib }))
	s.as.EventStream.Subscribe(func(e any) {
		if d, ok := e.(*actor.DeadLetterEvent); ok {
			turnAway(d.Message) // sent to an actor that had just stopped
		}
	})
	return s
}

// Shutdown ends the system. Routers and singletons are closed first, by their
// owners, in the order of the design.
func (s *System) Shutdown() {
	s.cancel()
	s.as.Shutdown()
	s.crew.close()
}

// atLeastWarn drops the library's chatter: it reports every recovered panic as
// information, after this package has logged it with its stack.
type atLeastWarn struct{ slog.Handler }

func (h atLeastWarn) Enabled(ctx context.Context, l slog.Level) bool {
	return l >= slog.LevelWarn && h.Handler.Enabled(ctx, l)
}

func (h atLeastWarn) WithAttrs(a []slog.Attr) slog.Handler {
	return atLeastWarn{h.Handler.WithAttrs(a)}
}

func (h atLeastWarn) WithGroup(name string) slog.Handler {
	return atLeastWarn{h.Handler.WithGroup(name)}
}
