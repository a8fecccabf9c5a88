package mst_test

import (
	"context"

	"github.com/bluesky-social/indigo/atproto/repo"
	indigo "github.com/bluesky-social/indigo/atproto/repo/mst"
	"github.com/ipfs/go-cid"
	"pgregory.net/rapid"

	"troupe/storage/mst"
)

// partial loads what there is of a tree into indigo's.
func partial(t rapid.TB, bs *blocks, root cid.Cid) *indigo.Tree {
	t.Helper()
	tree, err := indigo.LoadTreeFromStore(context.Background(), partialStore(t, bs), root)
	if err != nil {
		t.Fatal(err)
	}
	return tree
}

func partialStore(t rapid.TB, bs *blocks) *repo.TinyBlockstore {
	t.Helper()
	store := repo.NewTinyBlockstore()
	for c, data := range bs.m {
		if err := store.Put(context.Background(), theirBlock{c, data}); err != nil {
			t.Fatal(err)
		}
	}
	return store
}

// theirOp is op as indigo takes it.
func theirOp(op mst.Op) *repo.Operation {
	o := &repo.Operation{Path: op.Key}
	if op.Value.Defined() {
		o.Value = &op.Value
	}
	if op.Prev.Defined() {
		o.Prev = &op.Prev
	}
	return o
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
