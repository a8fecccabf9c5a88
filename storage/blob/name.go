package blob

import (
	"crypto/sha256"
	"encoding/hex"
	"path/filepath"
	"strings"

	"github.com/bluesky-social/indigo/atproto/syntax"
	"github.com/ipfs/go-cid"
	"github.com/multiformats/go-multihash"

	"troupe/storage/keys"
)

// folderName is what an account is called in paths and keys: its DID where that
// is plain, as in the reference's layout, and else the DID's digest. It is the
// last part of keys.ActorDir, so the rule has one place.
func folderName(did syntax.DID) string { return filepath.Base(keys.ActorDir("", did)) }

// isDigest says whether a folder has a digest for its name, so that the DID
// stands elsewhere.
func isDigest(name string) bool {
	_, err := hex.DecodeString(name)
	return len(name) == 2*sha256.Size && err == nil
}

// plainDID reads a folder name that is a DID.
func plainDID(name string) (syntax.DID, bool) {
	did := syntax.DID(name)
	return did, strings.HasPrefix(name, "did:") && folderName(did) == name
}

// blobName is what a blob is called in paths and keys. Only version 1 with
// sha2-256 is ever kept: others could be too long for a name, or differ in case
// alone, and are never found.
func blobName(c cid.Cid) (string, bool) {
	if !c.Defined() || c.Version() != 1 {
		return "", false
	}
	p := c.Prefix()
	if p.MhType != multihash.SHA2_256 || p.MhLength != sha256.Size {
		return "", false
	}
	return c.String(), true
}

// parseName is the way back. Anything else that lies in a folder is no blob.
func parseName(name string) (cid.Cid, bool) {
	c, err := cid.Decode(name)
	if err != nil {
		return cid.Undef, false
	}
	again, ok := blobName(c)
	return c, ok && again == name
}

// digest is the sha2-256 that a blob's name promises.
func digest(c cid.Cid) []byte {
	h := c.Hash()
	return h[len(h)-sha256.Size:]
}
