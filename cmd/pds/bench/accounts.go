package bench

import (
	"context"
	"crypto/rand"
	"encoding/base64"
	"errors"
	"fmt"
	"strings"
	"sync"
	"time"

	"github.com/bluesky-social/indigo/atproto/syntax"
	"golang.org/x/sync/errgroup"
)

const (
	// signUps is how many accounts are asked for at a time: passwords are
	// hashed on as many cores, and a longer queue only makes the server refuse.
	signUps = 4

	portion = 500 // accounts that are made between two notes of them

	seeds = 50 // records of a seeded account

	// tokenLife is how long an access token must still be good for.
	tokenLife = 30 * time.Minute
)

// session is the answer of createAccount, createSession and refreshSession.
type session struct {
	DID                   syntax.DID
	Handle                syntax.Handle
	AccessJwt, RefreshJwt string
}

// check forgets accounts that the server no longer knows.
func (t *target) check(ctx context.Context) error {
	if len(t.state.Accounts) == 0 {
		return nil
	}
	err := t.renew(t.slow, t.state.Accounts[0])
	if err == nil {
		return nil
	}
	if r := new(Refusal); !errors.As(err, &r) || r.Limited() || r.Status >= 500 {
		return err
	}
	t.say("the accounts of the last run are gone, others are made")
	t.state = &state{Server: t.state.Server}
	return ctx.Err()
}

// renew makes sure that an account has a token that will last.
func (t *target) renew(c *conn, a *account) error {
	var s session
	if time.Until(expires(a.Access)) > tokenLife {
		if err := t.query(c, "com.atproto.server.getSession", a.Access, &s); err == nil && s.DID == a.DID {
			return nil
		}
	}
	err := t.procedure(c, "com.atproto.server.refreshSession", "Bearer ", a.Refresh, nil, &s)
	if err != nil || s.DID != a.DID {
		err = t.procedure(c, "com.atproto.server.createSession", "", "", map[string]string{"identifier": a.DID.String(), "password": a.Password}, &s)
	}
	if err == nil {
		a.Access, a.Refresh = s.AccessJwt, s.RefreshJwt
	}
	return err
}

// accounts returns the first n, made or renewed as needed. When a rate limit
// stops it, it returns those there are.
func (t *target) accounts(ctx context.Context, n int) ([]*account, error) {
	have := t.state.Accounts[:min(n, len(t.state.Accounts))]
	if err := t.parallel(ctx, len(have), signUps, func(c *conn, i int) error {
		if time.Until(expires(have[i].Access)) > tokenLife {
			return nil
		}
		return t.renew(c, have[i])
	}); err != nil {
		return nil, fmt.Errorf("sign in: %w", err)
	}
	if err := t.exist(ctx, n); err != nil {
		return nil, err
	}
	return t.state.Accounts[:min(n, len(t.state.Accounts))], t.state.write(t.path)
}

// exist makes sure that the server has n accounts, signed in or not. Each
// portion is noted when it is made: a run that ends early has not lost minutes.
func (t *target) exist(ctx context.Context, n int) error {
	for len(t.state.Accounts) < n {
		start := time.Now()
		made, err := t.signUp(ctx, min(portion, n-len(t.state.Accounts)))
		t.state.Accounts = append(t.state.Accounts, made...)
		if len(made) > 0 {
			t.say("%d accounts made in %.1f s, %d of %d", len(made), time.Since(start).Seconds(), len(t.state.Accounts), n)
		}
		if failed := t.state.write(t.path); failed != nil {
			return failed
		}
		if limited(err) && len(t.state.Accounts) > 0 {
			t.say("RATE LIMITED after %d of %d accounts, the run goes on with them: %v", len(t.state.Accounts), n, err)
			return nil
		}
		if err != nil {
			return fmt.Errorf("createAccount: %w", err)
		}
	}
	return nil
}

// manyInvites is how many accounts a minted code is for when their number is not known.
const manyInvites = 10_000

// door is what a new account needs to be let in: a domain for its handle, and a
// code for n of them where one is wanted.
func (t *target) door(n int) (domain, invite string, err error) {
	var server struct {
		AvailableUserDomains []string
		InviteCodeRequired   bool
	}
	if err := t.query(t.slow, "com.atproto.server.describeServer", "", &server); err != nil {
		return "", "", err
	}
	if len(server.AvailableUserDomains) == 0 {
		return "", "", errors.New("the server offers no handles")
	}
	if invite = t.Invite; server.InviteCodeRequired && invite == "" {
		invite, err = t.mintInvite(n)
	}
	return server.AvailableUserDomains[0], invite, err
}

// signUp makes accounts; with an error it returns those that were made.
func (t *target) signUp(ctx context.Context, n int) ([]*account, error) {
	domain, invite, err := t.door(n)
	if err != nil {
		return nil, err
	}
	run := strings.ToLower(rand.Text())
	var mu sync.Mutex
	var made []*account
	err = t.parallel(ctx, n, signUps, func(c *conn, i int) error {
		a, err := t.signUpOne(c, fmt.Sprintf("b%s-%d", run[:6], i), domain, invite)
		if err != nil {
			return err
		}
		mu.Lock()
		defer mu.Unlock()
		made = append(made, a)
		return nil
	})
	return made, err
}

func (t *target) signUpOne(c *conn, name, domain, invite string) (*account, error) {
	in := map[string]string{
		"handle": name + domain, "email": name + "@example.com",
		"password": strings.ToLower(rand.Text()),
	}
	if invite != "" {
		in["inviteCode"] = invite
	}
	var s session
	if err := t.procedure(c, "com.atproto.server.createAccount", "", "", in, &s); err != nil {
		return nil, err
	}
	return &account{DID: s.DID, Handle: s.Handle, Password: in["password"], Access: s.AccessJwt, Refresh: s.RefreshJwt}, nil
}

func (t *target) mintInvite(uses int) (string, error) {
	if t.AdminPassword == "" {
		return "", errors.New("the server wants invite codes: give one with --invite, or --admin-password to mint one")
	}
	var out struct{ Code string }
	basic := base64.StdEncoding.EncodeToString([]byte("admin:" + t.AdminPassword))
	err := t.procedure(t.slow, "com.atproto.server.createInviteCode", "Basic ", basic, map[string]int{"useCount": uses}, &out)
	return out.Code, err
}

// parallel calls do for 0…n-1, each worker with a connection of its own.
func (t *target) parallel(ctx context.Context, n, workers int, do func(c *conn, i int) error) error {
	next := make(chan int)
	g, inner := errgroup.WithContext(ctx)
	g.Go(func() error {
		defer close(next)
		for i := range n {
			select {
			case next <- i:
			case <-inner.Done():
				return nil
			}
		}
		return nil
	})
	for range min(workers, n) {
		g.Go(func() error {
			c := newConn(inner, t.to)
			defer c.close()
			for i := range next {
				if err := do(c, i); err != nil {
					return err
				}
			}
			return nil
		})
	}
	if err := g.Wait(); err != nil {
		return err
	}
	return ctx.Err()
}

// batch creates count records in one account, outside of any measurement.
func (t *target) batch(c *conn, a *account, count int, key func(i int) syntax.TID) error {
	body := appendBatch(nil, a, count, nextNumber(), key)
	_, _, err := c.call(appendPost(nil, t.to, "com.atproto.repo.applyWrites", "Bearer ", a.Access, body), false)
	return err
}

// seeded is accounts, with records to read in each.
func (t *target) seeded(ctx context.Context, n int) ([]*account, error) {
	all, err := t.accounts(ctx, n)
	if err != nil {
		return nil, err
	}
	err = t.parallel(ctx, len(all), signUps, func(c *conn, i int) error {
		a := all[i]
		if a.Seeded >= seeds {
			return nil
		}
		err := t.batch(c, a, seeds, seedKey)
		// A run that was stopped may have written them and not noted it.
		if err != nil && t.query(c, "com.atproto.repo.getRecord", "", nil, "repo", a.DID.String(), "collection", collection, "rkey", seedKey(0).String()) != nil {
			return err
		}
		a.Seeded = seeds
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("records to read: %w", err)
	}
	return all, t.state.write(t.path)
}
