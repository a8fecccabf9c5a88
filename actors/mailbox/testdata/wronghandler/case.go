package wronghandler

import (
	"context"

	"troupe/actors/mailbox"
)

type Counter struct{}
type Other struct{}

type Count struct{ mailbox.To[*Counter, int] }

func (a *Counter) count(context.Context, Count) (string, error) { return "1", nil }

func (a *Counter) Receive(t *mailbox.Turn) {
	switch m := t.Message().(type) {
	case Count:
		mailbox.Reply(a, t, m, a.count)
	}
}

func ask(ctx context.Context, at mailbox.Address[*Counter], other mailbox.Address[*Other]) error {
	n, err := mailbox.Ask(ctx, at, Count{})
	var _ int = n
	return err
}
