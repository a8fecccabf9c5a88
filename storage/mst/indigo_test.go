package mst_test

import (
	"context"

	"github.com/bluesky-social/indigo/atproto/repo"
	indigo "github.com/bluesky-social/indigo/atproto/repo/mst"
	"github.com/ipfs/go-cid"
	"pgregory.net/rapid"
)

// partial loads what there is of a tree into indigo's.
func partial(t rapid.TB, bs *blocks, root cid.Cid) *indigo.Tree {
	t.Helper()
	ctx := context.Background()
	store := repo.NewTinyBlockstore()
	for c, data := range bs.m {
		if err := store.Put(ctx, theirBlock{c, data}); err != nil {
			t.Fatal(err)
		}
	}
	tree, err := indigo.LoadTreeFromStore(ctx, store, root)
	if err != nil {
		t.Fatal(err)
	}
	return tree
}

// theirBlock is a block as indigo's stores take it.
type theirBlock struct {
	c    cid.Cid
	data []byte
}

func (b theirBlock) RawData() []byte          { return b.data }
func (b theirBlock) Cid() cid.Cid             { return b.c }
func (b theirBlock) String() string           { return b.c.String() }
func (b theirBlock) Loggable() map[string]any { return nil }
