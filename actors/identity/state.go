package identity

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/bluesky-social/indigo/atproto/syntax"
	"github.com/hashicorp/golang-lru/v2/simplelru"

	"troupe/actors/mailbox"
	"troupe/storage/diddb"
	"troupe/storage/sqlite"
)

const (
	// restAfterFailure is how long a stale copy is served before its DID or handle is
	// asked for again in the background. Without it every request for an identity whose
	// host is down would start a lookup.
	restAfterFailure = time.Minute
	rested           = 8192 // failures remembered
	trimEvery        = 256  // landings between two trims of the file
)

// Identities is the actor that owns did_cache.sqlite and every lookup under way.
type Identities struct {
	options Options
	self    mailbox.Self

	// owned by the turns of this instance
	db       *diddb.DB
	dids     flights[syntax.DID, document]
	handles  flights[syntax.Handle, syntax.DID]
	failedAt *simplelru.LRU[string, time.Time] // background refreshes that failed, by DID or handle
	landings int

	// set by Start, read by the lookups
	life context.Context
	end  context.CancelFunc
}

// New returns the actor for mailbox.Spawn.
func New(self mailbox.Self, o Options) *Identities {
	failed, err := simplelru.NewLRU[string, time.Time](rested, nil)
	if err != nil {
		panic(err) // a size that is not positive
	}
	i := &Identities{options: o.withDefaults(), self: self, failedAt: failed}
	i.dids = newFlights[syntax.DID, document](i.options.Flights, i.launchDID)
	i.handles = newFlights[syntax.Handle, syntax.DID](i.options.Flights, i.launchHandle)
	return i
}

// open opens the cache. A file that cannot be used is replaced: nothing in it is
// worth a server that does not start.
func (i *Identities) open(ctx context.Context) error {
	db, err := diddb.Open(ctx, i.options.Path, diddb.Options{})
	if err != nil && unusable(err) {
		i.options.Log.Warn("identity cache replaced", "path", i.options.Path, "err", err)
		if err := diddb.Remove(i.options.Path); err != nil {
			return fmt.Errorf("identity: %w", err)
		}
		db, err = diddb.Open(ctx, i.options.Path, diddb.Options{})
	}
	if err != nil {
		return fmt.Errorf("identity: %w", err)
	}
	i.db = db
	return nil
}

func unusable(err error) bool {
	return errors.Is(err, sqlite.ErrCorrupt) || errors.Is(err, sqlite.ErrForeign) || errors.Is(err, sqlite.ErrNewer)
}
