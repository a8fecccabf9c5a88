package blob

import (
	"context"
	"errors"
	"fmt"
	"io"
	"iter"

	"github.com/bluesky-social/indigo/atproto/syntax"
	"github.com/ipfs/go-cid"
)

// Tiered is a move under way, from one Store to another: new bytes come to the
// second, old ones are found in either. A Mover empties the first meanwhile.
type Tiered struct {
	from, to Store
}

// NewTiered joins two stores.
func NewTiered(from, to Store) *Tiered { return &Tiered{from: from, to: to} }

// Put keeps bytes in the store that is moved to.
func (t *Tiered) Put(ctx context.Context, did syntax.DID, c cid.Cid, size int64, r io.Reader) error {
	return t.to.Put(ctx, did, c, size, r)
}

// Open looks in both, and once more in the second: what is being moved may have
// left the first after the second was asked. Where the second is down, what the
// first still has is served, and what it has not is not "not found".
func (t *Tiered) Open(ctx context.Context, did syntax.DID, c cid.Cid) (Object, error) {
	o, err := t.to.Open(ctx, did, c)
	if err == nil || ctx.Err() != nil {
		return o, err
	}
	o, fromErr := t.from.Open(ctx, did, c)
	switch {
	case fromErr == nil:
		return o, nil
	case !errors.Is(fromErr, ErrNotFound):
		return nil, fromErr
	case !errors.Is(err, ErrNotFound):
		return nil, err
	}
	return t.to.Open(ctx, did, c)
}

// Has looks where Open does.
func (t *Tiered) Has(ctx context.Context, did syntax.DID, c cid.Cid) (bool, error) {
	ok, err := t.to.Has(ctx, did, c)
	if ok || ctx.Err() != nil {
		return ok, err
	}
	ok, fromErr := t.from.Has(ctx, did, c)
	switch {
	case ok:
		return true, nil
	case fromErr != nil:
		return false, fromErr
	case err != nil:
		return false, err
	}
	return t.to.Has(ctx, did, c)
}

// Delete removes from both, the first first: what is copied between the two
// steps is removed by the second.
func (t *Tiered) Delete(ctx context.Context, did syntax.DID, cids ...cid.Cid) error {
	return t.both(func(s Store) error { return s.Delete(ctx, did, cids...) })
}

// Quarantine moves bytes out of reach in both.
func (t *Tiered) Quarantine(ctx context.Context, did syntax.DID, c cid.Cid) error {
	return t.both(func(s Store) error { return s.Quarantine(ctx, did, c) })
}

// Restore moves them back in both.
func (t *Tiered) Restore(ctx context.Context, did syntax.DID, c cid.Cid) error {
	return t.both(func(s Store) error { return s.Restore(ctx, did, c) })
}

// DeleteAccount removes everything from both.
func (t *Tiered) DeleteAccount(ctx context.Context, did syntax.DID) error {
	return t.both(func(s Store) error { return s.DeleteAccount(ctx, did) })
}

// both does a thing in both stores also if it fails in one, so that trying
// again has less to do.
func (t *Tiered) both(do func(Store) error) error {
	first, second := do(t.from), do(t.to)
	if first != nil && second != nil {
		return fmt.Errorf("%w (and in the other store: %v)", first, second)
	}
	if first != nil {
		return first
	}
	return second
}

// List takes what both have from the second.
func (t *Tiered) List(ctx context.Context, did syntax.DID, after cid.Cid) iter.Seq2[Stored, error] {
	return merge(t.to.List(ctx, did, after), t.from.List(ctx, did, after))
}

// Accounts yields those of both. The ones of the second are kept in memory
// meanwhile: 100 bytes an account.
func (t *Tiered) Accounts(ctx context.Context) iter.Seq2[syntax.DID, error] {
	return func(yield func(syntax.DID, error) bool) {
		seen := map[syntax.DID]bool{}
		for did, err := range t.to.Accounts(ctx) {
			seen[did] = true
			if !yield(did, err) || err != nil {
				return
			}
		}
		for did, err := range t.from.Accounts(ctx) {
			if err == nil && seen[did] {
				continue
			}
			if !yield(did, err) || err != nil {
				return
			}
		}
	}
}
