package crashtest

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"golang.org/x/sync/errgroup"

	"troupe/cmd/pds/audit"
)

// signUpAll makes the accounts, a few at a time.
func signUpAll(ctx context.Context, c client, n int) ([]person, error) {
	people := make([]person, n)
	g, ctx := errgroup.WithContext(ctx)
	g.SetLimit(4)
	for i := range people {
		g.Go(func() (err error) {
			people[i], err = c.signUp(ctx, fmt.Sprintf("crash%d.test", i))
			return err
		})
	}
	return people, g.Wait()
}

// enlarge fills a repository with records, by batches as large as there are.
func enlarge(ctx context.Context, c client, p person, m *maker, acks *ackLog, records int) error {
	w := &writer{maker: m, client: c, acks: acks}
	for records > 0 {
		n := min(records, 200)
		writes, ops := m.creates(n)
		in := map[string]any{"repo": p.DID, "writes": writes}
		if err := w.send(ctx, p, "com.atproto.repo.applyWrites", in, audit.Write{DID: p.DID, Ops: ops}); err != nil {
			return err
		}
		if err := ctx.Err(); err != nil {
			return err
		}
		records -= n
	}
	return nil
}

// newcomers sign up one after the other while the server dies. A sign-up
// without an answer is asked for again under the same name, until it is
// answered or the name is found taken: then it went through, now or soon.
type newcomers struct {
	cancel context.CancelFunc
	wg     sync.WaitGroup

	mu    sync.Mutex
	made  []person
	stuck error // a sign-up that did not come to an end

	gate    sync.Mutex // held: rest
	pending bool       // a sign-up was asked for and has not come to an end; guarded by gate
}

func startNewcomers(ctx context.Context, s *server, pause time.Duration) *newcomers {
	ctx, cancel := context.WithCancel(ctx)
	n := &newcomers{cancel: cancel}
	c := newClient(s)
	n.wg.Go(func() {
		var stopped time.Time
		for i := 0; ; time.Sleep(pause) {
			n.gate.Lock()
			p, err := signUpOnce(context.WithoutCancel(ctx), c, fmt.Sprintf("newcomer%d.test", i))
			n.pending = err != nil && !errors.Is(err, errNotSent) || n.pending && err != nil
			if err == nil {
				n.mu.Lock()
				n.made = append(n.made, p)
				n.mu.Unlock()
				i++
			}
			n.gate.Unlock()
			switch {
			case ctx.Err() == nil:
				continue
			case stopped.IsZero():
				stopped = time.Now()
			}
			// Whoever ends the campaign early leaves no server behind to ask.
			if err == nil || errors.Is(err, errNotSent) {
				return
			}
			if time.Since(stopped) > answerTime {
				n.mu.Lock()
				n.stuck = fmt.Errorf("sign-up of newcomer%d.test comes to no end: %w", i, err)
				n.mu.Unlock()
				return
			}
		}
	})
	return n
}

func signUpOnce(ctx context.Context, c client, handle string) (person, error) {
	ctx, cancel := context.WithTimeout(ctx, answerTime)
	defer cancel()
	p, err := c.signUp(ctx, handle)
	if r := (refusal{}); errors.As(err, &r) && r.Status < 500 {
		p.Handle = handle
		p.DID, err = c.resolve(ctx, handle)
	}
	return p, err
}

// rest waits for the sign-up that was begun and holds the next one back. A
// server goes on with one by itself, and an account that is born in the middle
// of an audit looks as if it came from nowhere.
func (n *newcomers) rest() (goOn func()) {
	for end := time.Now().Add(answerTime); ; time.Sleep(10 * time.Millisecond) {
		n.gate.Lock()
		if !n.pending || time.Now().After(end) {
			return n.gate.Unlock
		}
		n.gate.Unlock()
	}
}

func (n *newcomers) all() []person {
	n.mu.Lock()
	defer n.mu.Unlock()
	return append([]person(nil), n.made...)
}

// stop lets the sign-up under way come to an end. The error says that it did not.
func (n *newcomers) stop() error {
	n.cancel()
	n.wg.Wait()
	return n.stuck
}
