package repo

import (
	"github.com/ipfs/go-cid"

	"troupe/storage/car"
	"troupe/storage/mst"
)

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
