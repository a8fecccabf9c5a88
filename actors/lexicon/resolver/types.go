package resolver

import (
	"context"
	"time"

	"github.com/bluesky-social/indigo/atproto/syntax"

	"troupe/actors/lexicon"
	"troupe/actors/mailbox"
)

const (
	// patience is how long a write that insists on a schema waits for the network.
	patience = 3 * time.Second
	// haste is how long any other waits for the actor, which answers from memory or
	// its file: only one that is being restarted takes longer.
	haste = 100 * time.Millisecond
)

// Types asks the lexicons actor on behalf of code that is no actor.
type Types struct {
	at mailbox.Address[*Lexicons]
}

// NewTypes returns the types behind an address.
func NewTypes(at mailbox.Address[*Lexicons]) Types { return Types{at} }

// Record returns a catalog that knows records of the type; false if there is none, or
// none yet. Only wait waits for the network, and not for long.
func (t Types) Record(ctx context.Context, nsid syntax.NSID, wait bool) (*lexicon.Catalog, bool) {
	limit := haste
	if wait {
		limit = patience
	}
	ctx, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	c, err := mailbox.Ask(ctx, t.at, Lookup{NSID: nsid, Wait: wait})
	return c, err == nil
}
