package repo

import (
	"bytes"
	"encoding/hex"
	"errors"
	"fmt"
	"time"

	"github.com/bluesky-social/indigo/atproto/syntax"

	"troupe/storage/commit"
)

// maxRevAhead is how far a rev may lie in the future: what this account commits
// next stands above it, and relays drop what is dated too far ahead.
const maxRevAhead = 2 * time.Minute

var errHighS = errors.New("the signature is not in its low-S form")

// halfOrder is half the order of secp256k1, the larger one of the two curves that
// sign commits here: an S above it is high on either.
var halfOrder, _ = hex.DecodeString("7fffffffffffffffffffffffffffffff5d576e7357a4501ddfe92f46681b20a0")

// checkImported holds a commit to the account and to the clock.
func checkImported(c commit.Object, did syntax.DID, now time.Time) error {
	var zero [32]byte
	switch {
	case c.DID != did:
		return fmt.Errorf("it is of %q, not of %s", c.DID, did)
	case c.Rev.Time().Sub(now) > maxRevAhead:
		return fmt.Errorf("rev %s lies in the future", c.Rev)
	case len(c.Sig) != 64:
		return fmt.Errorf("a signature of %d bytes", len(c.Sig))
	case bytes.Equal(c.Sig[:32], zero[:]), bytes.Equal(c.Sig[32:], zero[:]):
		return errors.New("a signature of zeros")
	case bytes.Compare(c.Sig[32:], halfOrder) > 0:
		return errHighS
	}
	return nil
}
