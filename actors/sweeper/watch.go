package sweeper

import (
	"context"
	"io"

	"github.com/bluesky-social/indigo/atproto/syntax"
	"github.com/ipfs/go-cid"

	"troupe/actors/mailbox"
	"troupe/storage/blob"
)

// Watch is a store that tells of its uploads.
func Watch(s blob.Store, tell func(syntax.DID)) blob.Store { return watched{s, tell} }

type watched struct {
	blob.Store
	tell func(syntax.DID)
}

// Put tells first: an upload that fails half-way leaves a row too.
func (w watched) Put(ctx context.Context, did syntax.DID, c cid.Cid, size int64, r io.Reader) error {
	w.tell(did)
	return w.Store.Put(ctx, did, c, size, r)
}

// Tell is how a store tells a sweeper. It never waits, and nobody needs to know whether
// it was heard.
func Tell(at mailbox.Address[*Sweeper]) func(syntax.DID) {
	return func(did syntax.DID) {
		mailbox.Post(context.Background(), at, Uploaded{DID: did}, func(struct{}, error) {})
	}
}
