package mst

import (
	"crypto/sha256"

	"github.com/ipfs/go-cid"
)

// digest is the CID of a node or record without what is the same in all of them:
// a tree links to nothing but DAG-CBOR blocks by SHA-256. 32 bytes without a
// pointer, against 16 and a separate 36 for a cid.Cid.
type digest [sha256.Size]byte

// cidHead is what stands before the digest in such a CID: version 1, DAG-CBOR,
// SHA-256, 32 bytes.
const cidHead = "\x01\x71\x12\x20"

func (d digest) isZero() bool { return d == digest{} }

func (d digest) cid() cid.Cid {
	var hash [2 + sha256.Size]byte
	copy(hash[:], cidHead[2:])
	copy(hash[2:], d[:])
	return cid.NewCidV1(cid.DagCBOR, hash[:])
}

// digestOf refuses every other form of CID, cid.Undef among them.
func digestOf(c cid.Cid) (d digest, err error) {
	s := c.KeyString()
	if len(s) != len(cidHead)+len(d) || s[:len(cidHead)] != cidHead {
		return d, invalid("%s is not the CID of a DAG-CBOR block", c)
	}
	copy(d[:], s[len(cidHead):])
	return d, nil
}
