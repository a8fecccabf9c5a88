package mst_test

import (
	"bytes"
	"crypto/sha256"
	"errors"
	"testing"

	indigo "github.com/bluesky-social/indigo/atproto/repo/mst"

	"troupe/storage/car"
	"troupe/storage/dag"
	"troupe/storage/mst"
)

// FuzzNode: what is accepted is the one encoding of what it says, to us and to
// indigo.
func FuzzNode(f *testing.F) {
	_, store := build(f, pool()...)
	for _, b := range store.m {
		f.Add(b)
	}
	f.Add([]byte("\xa2\x61e\x80\x61l\xf6"))
	f.Fuzz(func(t *testing.T, block []byte) {
		sum := dag.Sum(block)
		tree := mst.Load(sum, newBlocks([]car.Block{{CID: sum, Data: block}}))
		proof, err := tree.Proof()
		if err != nil {
			if !errors.Is(err, mst.ErrInvalid) {
				t.Fatal(err)
			}
			return
		}
		if !bytes.Equal(proof[0].Data, block) {
			t.Fatalf("%x is also %x", block, proof[0].Data)
		}
		if err := dag.Check(block, dag.RecordLimits); err != nil {
			t.Fatalf("%x: %v", block, err)
		}
		theirs, err := indigo.NodeDataFromCBOR(bytes.NewReader(block))
		if err != nil {
			t.Fatalf("%x: indigo: %v", block, err)
		}
		again, _, err := theirs.Bytes()
		if err != nil || sha256.Sum256(again) != sha256.Sum256(block) {
			t.Fatalf("%x: indigo makes %x, %v", block, again, err)
		}
	})
}
