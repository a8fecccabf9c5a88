package mailbox

import "github.com/asynkron/protoactor-go/actor"

// queue is the library's unbounded mailbox with one difference: what is still
// queued when the actor has stopped is answered with ErrStopped, where the
// library drops it in silence. Its length is bounded at the door (gate), not
// here: the library's bounded mailbox spins its sender.
type queue struct {
	actor.Mailbox
	stopped *bool // owned by the mailbox's goroutine
}

var unbounded = actor.Unbounded()

func newQueue(stopped *bool) actor.Mailbox { return queue{unbounded(), stopped} }

// RegisterHandlers puts the check between the library's queue and its actor.
func (q queue) RegisterHandlers(in actor.MessageInvoker, d actor.Dispatcher) {
	q.Mailbox.RegisterHandlers(&invoker{in, q.stopped}, d)
}

type invoker struct {
	actor.MessageInvoker
	stopped *bool
}

// InvokeUserMessage implements the library's invoker.
func (i *invoker) InvokeUserMessage(m any) {
	if *i.stopped {
		turnAway(m)
		return
	}
	i.MessageInvoker.InvokeUserMessage(m)
}

// turnAway answers a message that reached nobody.
func turnAway(m any) {
	if m, ok := m.(interface{ refuse(error) }); ok {
		m.refuse(ErrStopped)
	}
}
