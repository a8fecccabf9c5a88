package account

import (
	"iter"
	"sync/atomic"

	"github.com/bluesky-social/indigo/atproto/syntax"
)

// Index is the published view of every account: handle → DID, DID → status and
// flags. Its methods may be called from any goroutine, send no message, and see
// each change as a whole.
type Index struct{ now atomic.Pointer[accounts] }

// accounts is one moment of the index. It is never changed.
type accounts struct {
	byDID    table[syntax.DID, Account]
	byHandle table[syntax.Handle, syntax.DID]
}

// NewIndex makes an empty index, to be filled by the accounts actor.
func NewIndex() *Index {
	x := new(Index)
	x.now.Store(new(accounts))
	return x
}

// ByDID finds an account, whatever its status.
func (x *Index) ByDID(did syntax.DID) (Account, bool) {
	return x.now.Load().byDID.get(did)
}

// ByHandle finds the account that holds a handle (any case), whatever its status.
func (x *Index) ByHandle(h syntax.Handle) (Account, bool) {
	now := x.now.Load()
	did, ok := now.byHandle.get(h.Normalize())
	if !ok {
		return Account{}, false
	}
	return now.byDID.get(did)
}

// Len is the number of accounts.
func (x *Index) Len() int { return x.now.Load().byDID.len }

// DIDs goes over all accounts, in no order. It may take its time: it holds no moment
// of the index, and so may or may not see accounts that come or go meanwhile.
func (x *Index) DIDs() iter.Seq[syntax.DID] {
	return func(yield func(syntax.DID) bool) {
		for i := range fanout {
			for j := range fanout {
				for _, e := range x.now.Load().byDID.leaf(i, j) {
					if !yield(e.key) {
						return
					}
				}
			}
		}
	}
}

// reset replaces everything. Only the accounts actor publishes.
func (x *Index) reset(all []Account) {
	x.publish(new(accounts), all, nil)
}

// update replaces the accounts in changed and removes those in gone.
func (x *Index) update(changed []Account, gone []syntax.DID) {
	if len(changed)+len(gone) > 0 {
		x.publish(x.now.Load(), changed, gone)
	}
}

func (x *Index) publish(old *accounts, changed []Account, gone []syntax.DID) {
	dids := make([]change[syntax.DID, Account], 0, len(changed)+len(gone))
	handles := make([]change[syntax.Handle, syntax.DID], 0, 2*len(changed)+len(gone))
	// Handles are given up before any is taken: two accounts may have swapped.
	free := func(did syntax.DID) {
		if before, ok := old.byDID.get(did); ok && before.Handle != "" {
			handles = append(handles, change[syntax.Handle, syntax.DID]{key: before.Handle})
		}
	}
	for _, did := range gone {
		free(did)
		dids = append(dids, change[syntax.DID, Account]{key: did})
	}
	for _, a := range changed {
		free(a.DID)
		dids = append(dids, change[syntax.DID, Account]{a.DID, a, true})
	}
	for _, a := range changed {
		if a.Handle != "" {
			handles = append(handles, change[syntax.Handle, syntax.DID]{a.Handle, a.DID, true})
		}
	}
	x.now.Store(&accounts{byDID: old.byDID.with(dids), byHandle: old.byHandle.with(handles)})
}
