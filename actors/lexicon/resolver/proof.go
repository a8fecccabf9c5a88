package resolver

import (
	"fmt"

	"github.com/bluesky-social/indigo/atproto/atcrypto"
	"github.com/bluesky-social/indigo/atproto/syntax"
	"github.com/ipfs/go-cid"

	"troupe/storage/car"
	"troupe/storage/commit"
	"troupe/storage/dag"
	"troupe/storage/mst"
)

// proven is a record that is in a repository, as of a commit.
type proven struct {
	rev    syntax.TID
	record []byte // DAG-CBOR
}

// errSignature: the commit does not verify under the key that is known. It may have
// been replaced since.
var errSignature = fmt.Errorf("%w: signature", ErrProof)

// verify checks a proof of com.atproto.sync.getRecord: the commit is of did and signed
// by key, the tree it names leads to path, and the record is there. Every block is
// what its CID says (package car), every node is where its keys belong (package mst).
// ErrNotFound if the proof says that there is no such record, else ErrProof.
func verify(proof []byte, did syntax.DID, key atcrypto.PublicKey, path string) (proven, error) {
	roots, list, err := car.ReadAll(proof)
	if err != nil {
		return proven{}, fmt.Errorf("%w: %w", ErrProof, err)
	}
	if len(roots) != 1 {
		return proven{}, fmt.Errorf("%w: %d roots", ErrProof, len(roots))
	}
	at := make(blocks, len(list))
	for _, b := range list {
		at[b.CID] = b.Data
	}
	signed, err := commit.Parse(at[roots[0]])
	if err != nil {
		return proven{}, fmt.Errorf("%w: commit: %w", ErrProof, err)
	}
	if signed.DID != did {
		return proven{}, fmt.Errorf("%w: a commit of %.100q", ErrProof, signed.DID)
	}
	if err := signed.Verify(key); err != nil { // low-S only
		return proven{}, fmt.Errorf("%w: %w", errSignature, err)
	}
	c, found, err := mst.Load(signed.Data, at).Get(path)
	if err != nil {
		return proven{}, fmt.Errorf("%w: %w", ErrProof, err)
	}
	if !found {
		return proven{}, fmt.Errorf("%w: proven absent", ErrNotFound)
	}
	record, ok := at[c]
	if !ok {
		return proven{}, fmt.Errorf("%w: the record is missing", ErrProof)
	}
	if err := dag.Check(record, dag.RecordLimits); err != nil {
		return proven{}, fmt.Errorf("%w: %w", ErrSchema, err)
	}
	return proven{signed.Rev, record}, nil
}

// blocks are those of one proof.
type blocks map[cid.Cid][]byte

// Node implements mst.Source.
func (b blocks) Node(c cid.Cid) ([]byte, error) {
	if data, ok := b[c]; ok {
		return data, nil
	}
	return nil, mst.ErrMissing
}
