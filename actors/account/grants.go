package account

import (
	"context"
	"errors"
	"sync"
	"time"

	"github.com/bluesky-social/indigo/atproto/syntax"
	lru "github.com/hashicorp/golang-lru/v2"

	"troupe/actors/permission"
	"troupe/storage/accountdb"
)

// ErrNoGrant: an access token of OAuth is of no session, or not of one any more.
var ErrNoGrant = errors.New("account: the token is not in force")

// AppGrant is what an access token of OAuth is good for.
type AppGrant struct {
	DID        syntax.DID
	Client     ClientID
	Thumbprint string // of the key that every request proves to hold
	Scope      permission.Set
	ExpiresAt  time.Time
}

// maxGrants is how many tokens are remembered: some 500 bytes each.
const maxGrants = 16 << 10

// Grants tells what access tokens of OAuth are good for now: a token carries no
// rights itself, so that what is taken back is taken back at once. Its methods
// may be called from any goroutine.
//
// What was read is remembered until the accounts actor forgets it, which it does
// before it answers whoever ended or refreshed the session. A read that began
// before that is not remembered: it may have seen the session as it was.
type Grants struct {
	reads *Reads

	mu    sync.Mutex
	era   uint64 // counts the forgetting
	known *lru.Cache[TokenID, AppGrant]
}

// NewGrants remembers what it reads from r, which may be set later with Read.
func NewGrants() *Grants {
	known, err := lru.New[TokenID, AppGrant](maxGrants)
	if err != nil {
		panic(err) // only for a size below one
	}
	return &Grants{known: known}
}

// Read says where grants are read from. It is called before the first Find.
func (g *Grants) Read(r *Reads) { g.reads = r }

// Find is what a token is good for; [ErrNoGrant]. Whether it has expired is for
// the caller to judge.
func (g *Grants) Find(ctx context.Context, id TokenID) (AppGrant, error) {
	if grant, ok := g.known.Get(id); ok {
		return grant, nil
	}
	g.mu.Lock()
	era := g.era
	g.mu.Unlock()
	var s AppSession
	found := false
	err := g.reads.with(ctx, func(r *accountdb.Reader) (err error) {
		s, found, err = r.AppSessionByToken(id)
		return err
	})
	if err != nil || !found {
		return AppGrant{}, either(err, ErrNoGrant)
	}
	grant := AppGrant{DID: s.DID, Client: s.Client, Thumbprint: s.Thumbprint, Scope: permission.ParseSet(s.Scope), ExpiresAt: s.ExpiresAt}
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.era == era {
		g.known.Add(id, grant)
	}
	return grant, nil
}

// forget drops tokens that are not in force any more, and everything of
// accounts that are gone. nil Grants have nothing to forget.
func (g *Grants) forget(ended []TokenID, gone []syntax.DID) {
	if g == nil || len(ended) == 0 && len(gone) == 0 {
		return
	}
	g.mu.Lock()
	defer g.mu.Unlock()
	g.era++
	for _, id := range ended {
		g.known.Remove(id)
	}
	if len(gone) == 0 {
		return
	}
	left := make(map[syntax.DID]bool, len(gone))
	for _, did := range gone {
		left[did] = true
	}
	for _, id := range g.known.Keys() {
		if grant, ok := g.known.Peek(id); ok && left[grant.DID] {
			g.known.Remove(id)
		}
	}
}
