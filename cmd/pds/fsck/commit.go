package fsck

import (
	"fmt"

	"github.com/bluesky-social/indigo/atproto/syntax"
	"github.com/ipfs/go-cid"

	"troupe/storage/commit"
)

// signed is the commit object of a repository.
type signed struct{ commit.Object }

// readCommit decodes a commit block of our own making: of the present version.
func readCommit(block []byte) (signed, error) {
	o, err := commit.Parse(block)
	if err == nil && o.Version != commit.Version {
		err = fmt.Errorf("version %d", o.Version)
	}
	return signed{o}, err
}

// matches compares a commit with what somebody says about it.
func (c *signed) matches(did syntax.DID, rev syntax.TID, data cid.Cid) error {
	switch {
	case c.DID != did:
		return fmt.Errorf("it is of %q", c.DID)
	case c.Rev != rev:
		return fmt.Errorf("it has rev %s, not %s", c.Rev, rev)
	case c.Data != data:
		return fmt.Errorf("it is of the tree %s, not %s", c.Data, data)
	}
	return nil
}
