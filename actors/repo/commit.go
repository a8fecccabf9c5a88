package repo

import (
	"fmt"

	"github.com/bluesky-social/indigo/atproto/atcrypto"
	"github.com/bluesky-social/indigo/atproto/syntax"
	"github.com/ipfs/go-cid"

	"troupe/storage/car"
	"troupe/storage/dag"
	"troupe/storage/mst"
)

// repoVersion is the version of the repository format
// (atproto.com/specs/repository, "Commit Objects").
const repoVersion = 3

// signCommit encodes and signs a commit object.
func signCommit(did syntax.DID, data cid.Cid, rev syntax.TID, key atcrypto.PrivateKey) (car.Block, error) {
	unsigned := appendCommit(make([]byte, 0, 192), did, data, rev, nil)
	sig, err := key.HashAndSign(unsigned)
	if err != nil {
		return car.Block{}, fmt.Errorf("repo: sign commit: %w", err)
	}
	signed := appendCommit(make([]byte, 0, 288), did, data, rev, sig)
	return car.Block{CID: dag.Sum(signed), Data: signed}, nil
}

// appendCommit appends the object in DAG-CBOR key order; without sig it is
// what the signature is made over.
func appendCommit(dst []byte, did syntax.DID, data cid.Cid, rev syntax.TID, sig []byte) []byte {
	fields := 5
	if sig != nil {
		fields = 6
	}
	dst = dag.AppendMap(dst, fields)
	dst = dag.AppendText(dst, "did")
	dst = dag.AppendText(dst, did.String())
	dst = dag.AppendText(dst, "rev")
	dst = dag.AppendText(dst, rev.String())
	if sig != nil {
		dst = dag.AppendText(dst, "sig")
		dst = dag.AppendBytes(dst, sig)
	}
	dst = dag.AppendText(dst, "data")
	dst = dag.AppendCID(dst, data)
	dst = dag.AppendText(dst, "prev")
	dst = dag.AppendNull(dst)
	dst = dag.AppendText(dst, "version")
	return dag.AppendInt(dst, repoVersion)
}

// eventBlocks writes the CAR of a commit event: the commit, then the nodes and
// records at hand, depth first in key order, so that a reader meets a block
// after the one that names it. Parts of the tree that are not at hand are left out.
func eventBlocks(commit car.Block, root cid.Cid, nodes []car.Block, records map[cid.Cid][]byte) ([]byte, error) {
	size := len(commit.Data) + 128
	at := make(map[cid.Cid][]byte, len(nodes))
	for _, n := range nodes {
		at[n.CID] = n.Data
		size += len(n.Data) + 48
	}
	for _, r := range records {
		size += len(r) + 48
	}
	out := car.AppendHeader(make([]byte, 0, size), commit.CID)
	out = car.AppendBlock(out, commit.CID, commit.Data)
	var subtree func(c cid.Cid) error
	subtree = func(c cid.Cid) error {
		block, ok := at[c]
		if !ok {
			return nil
		}
		delete(at, c)
		out = car.AppendBlock(out, c, block)
		return mst.EachLink(block, func(link cid.Cid, isRecord bool) error {
			if !isRecord {
				return subtree(link)
			}
			if r, ok := records[link]; ok {
				out = car.AppendBlock(out, link, r)
				delete(records, link)
			}
			return nil
		})
	}
	return out, subtree(root)
}
