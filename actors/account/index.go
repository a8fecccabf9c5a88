package account

import "github.com/bluesky-social/indigo/atproto/syntax"

// Index is the published view of every account: handle → DID, DID → status and
// flags. Its methods may be called from any goroutine, send no message, and see
// each change as a whole.
type Index struct{}

// NewIndex makes an empty index, to be filled by the accounts actor.
func NewIndex() *Index { return &Index{} }

// ByDID finds an account, whatever its status.
func (x *Index) ByDID(did syntax.DID) (Account, bool) { panic("skeleton") }

// ByHandle finds the account that holds a handle (any case), whatever its status.
func (x *Index) ByHandle(h syntax.Handle) (Account, bool) { panic("skeleton") }

// Len is the number of accounts.
func (x *Index) Len() int { panic("skeleton") }
