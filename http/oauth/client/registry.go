package client

import (
	"context"
	"errors"
	"fmt"
	"mime"
	"net/http"
	"slices"

	"time"

	"github.com/go-jose/go-jose/v4"
	lru "github.com/hashicorp/golang-lru/v2"
	"golang.org/x/sync/singleflight"

	"troupe/actors/account"
	"troupe/actors/outbound"
	"troupe/http/dpop"
)

// Client is an app whose description was found good.
type Client struct {
	ID string
	Metadata
	Trusted bool // the operator vouches for it

	keys []jose.JSONWebKey
}

// Confidential reports whether the client can prove who it is.
func (c *Client) Confidential() bool { return c.AuthMethod == "private_key_jwt" }

// Loopback reports whether the client describes itself: anybody may say to be it.
func (c *Client) Loopback() bool { return isLoopback(c.ID) }

// Lifetimes of what a client is given (atproto.com/specs/oauth). A client that
// cannot prove who it is gets less.
const (
	publicLife       = 14 * 24 * time.Hour
	confidentialIdle = 91 * 24 * time.Hour
	confidentialLife = 730 * 24 * time.Hour
)

// SessionLife is how long a session lasts, however often it is refreshed.
func (c *Client) SessionLife() time.Duration {
	if c.Confidential() {
		return confidentialLife
	}
	return publicLife
}

// RefreshLife is how long a session lasts when it is not refreshed.
func (c *Client) RefreshLife() time.Duration {
	if c.Confidential() {
		return confidentialIdle
	}
	return publicLife
}

const (
	fresh      = 10 * time.Minute // how long a description is believed
	freshKeys  = 30 * time.Second // how long keys are believed to be all there are
	cached     = 4096             // descriptions
	maxWaiting = 10 * time.Second
)

// Options of a Registry.
type Options struct {
	Client  *http.Client // of package outbound
	Issuer  string       // of this server: its public URL
	Trusted []string     // client_ids
	Limit   int64        // bytes of a description or a key set
	Now     func() time.Time
}

// Registry finds clients.
type Registry struct {
	o       Options
	flights singleflight.Group
	used    dpop.Replays // ids of assertions

	known *lru.Cache[string, entry]
}

type entry struct {
	client *Client
	at     time.Time
}

// New makes an empty registry.
func New(o Options) *Registry {
	if o.Now == nil {
		o.Now = time.Now
	}
	known, err := lru.New[string, entry](cached)
	if err != nil {
		panic(err) // only for a size below one
	}
	return &Registry{o: o, known: known}
}

// Find is the client of a client_id. The Client is shared: read it only.
// Its error is a Refusal.
func (r *Registry) Find(ctx context.Context, id string) (*Client, error) {
	return r.find(ctx, id, fresh)
}

func (r *Registry) find(ctx context.Context, id string, age time.Duration) (*Client, error) {
	if isLoopback(id) {
		m, err := describeItself(id)
		if err == nil {
			err = m.check(id)
		}
		return &Client{ID: id, Metadata: m}, err
	}
	if _, err := checkID(id); err != nil {
		return nil, err
	}
	if e, ok := r.known.Get(id); ok && r.o.Now().Sub(e.at) < age {
		return e.client, nil
	}
	// The request outlives who asked first: others may wait for it too.
	flight := r.flights.DoChan(id, func() (any, error) {
		ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), maxWaiting)
		defer cancel()
		c, err := r.fetch(ctx, id)
		if err == nil {
			r.known.Add(id, entry{c, r.o.Now()})
		}
		return c, err
	})
	select {
	case <-ctx.Done():
		return nil, ctx.Err()
	case out := <-flight:
		c, _ := out.Val.(*Client)
		return c, out.Err
	}
}

func (r *Registry) fetch(ctx context.Context, id string) (*Client, error) {
	doc, err := r.get(ctx, id)
	if err != nil {
		return nil, badMetadata(fmt.Sprintf("Unable to obtain client metadata for %q: %v", id, err))
	}
	m, err := parse(doc)
	if err != nil {
		return nil, err
	}
	if err := m.check(id); err != nil {
		return nil, err
	}
	c := &Client{ID: id, Metadata: m, Trusted: slices.Contains(r.o.Trusted, id)}
	if !c.Confidential() {
		return c, nil
	}
	set := []byte(m.JWKS)
	if m.JWKSURI != "" {
		if set, err = r.get(ctx, m.JWKSURI); err != nil {
			return nil, badMetadata(fmt.Sprintf("Unable to obtain jwks from %q: %v", m.JWKSURI, err))
		}
	}
	c.keys, err = readKeys(set)
	return c, err
}

// errAnswer stands for everything that another server did wrong.
var errAnswer = errors.New("unexpected answer")

func (r *Registry) get(ctx context.Context, at string) ([]byte, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, at, nil)
	if err != nil {
		return nil, errAnswer
	}
	req.Header.Set("Accept", "application/json")
	resp, err := r.o.Client.Do(req)
	if err != nil {
		if errors.Is(err, outbound.ErrForbidden) {
			return nil, errors.New("the address is not allowed")
		}
		return nil, errors.New("no answer")
	}
	defer resp.Body.Close()
	kind, _, err := mime.ParseMediaType(resp.Header.Get("Content-Type"))
	switch {
	case resp.StatusCode != http.StatusOK:
		return nil, fmt.Errorf("%w: status %d", errAnswer, resp.StatusCode)
	case err != nil || kind != "application/json":
		return nil, fmt.Errorf("%w: not application/json", errAnswer)
	}
	body, err := outbound.ReadAll(resp, r.o.Limit)
	if err != nil {
		return nil, fmt.Errorf("%w: too long, or cut off", errAnswer)
	}
	return body, nil
}

// Authenticate finds a client and verifies that the request is its own. An
// assertion is good once. Its error is a Refusal.
func (r *Registry) Authenticate(ctx context.Context, id, assertionType, assertion string) (*Client, account.ClientAuth, error) {
	c, err := r.Find(ctx, id)
	if err != nil {
		return nil, account.ClientAuth{}, err
	}
	now := r.o.Now()
	a, used, err := c.authenticate(assertionType, assertion, r.o.Issuer, now)
	if errors.Is(err, errNoKey) && c.JWKSURI != "" {
		if c, err = r.find(ctx, id, freshKeys); err == nil {
			a, used, err = c.authenticate(assertionType, assertion, r.o.Issuer, now)
		}
	}
	if err != nil {
		return nil, account.ClientAuth{}, err
	}
	if used != "" && !r.used.First(now, c.ID, used) {
		return nil, account.ClientAuth{}, Refusal{"invalid_grant", "private_key_jwt jti reused"}
	}
	return c, a, nil
}
