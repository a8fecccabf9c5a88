package bench

import (
	"context"
	"crypto/rand"
	"fmt"
	"strings"
	"sync"
)

// createSession signs accounts in by password.
func createSession(ctx context.Context, t *target, o Options) (tally, error) {
	all, err := t.accounts(ctx, o.Accounts)
	if err != nil {
		return tally{}, err
	}
	sum, _, err := t.run(ctx, o, job{workers: o.Workers, op: func(w *worker) error {
		a := w.pick(all)
		return t.procedure(w.conn, "com.atproto.server.createSession", "", "", map[string]string{"identifier": a.DID.String(), "password": a.Password}, nil)
	}})
	return sum, err
}

// createAccount signs up as many as it can. They are remembered: the next
// scenario that wants many has them already.
func createAccount(ctx context.Context, t *target, o Options) (tally, error) {
	domain, invite, err := t.door(manyInvites)
	if err != nil {
		return tally{}, err
	}
	run := strings.ToLower(rand.Text())[:6]
	turn := newTurn(1 << 30)
	var mu sync.Mutex
	sum, _, err := t.run(ctx, o, job{workers: o.Workers, op: func(w *worker) error {
		a, err := t.signUpOne(w.conn, fmt.Sprintf("c%s-%d", run, turn()), domain, invite)
		if err != nil {
			return err
		}
		mu.Lock()
		defer mu.Unlock()
		t.state.Accounts = append(t.state.Accounts, a)
		return nil
	}})
	if err != nil {
		return sum, err
	}
	return sum, t.state.write(t.path)
}
