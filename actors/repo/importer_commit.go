package repo

import (
	"bytes"
	"encoding/hex"
	"errors"
	"fmt"
	"time"

	"github.com/bluesky-social/indigo/atproto/syntax"
	"github.com/ipfs/go-cid"

	"troupe/storage/dag"
)

// importedCommit is the commit object of an upload
// (atproto.com/specs/repository, "Commit Objects").
type importedCommit struct {
	did      string
	rev      syntax.TID
	data     cid.Cid
	version  int64
	sig      []byte
	unsigned []byte // what the signature is made over
}

// maxRevAhead is how far a rev may lie in the future: what this account commits
// next stands above it, and relays drop what is dated too far ahead.
const maxRevAhead = 2 * time.Minute

// readCommit decodes a commit block: every field once, and no other. Version 2
// is read too; there, prev may be left out.
func readCommit(block []byte) (c importedCommit, err error) {
	r := dag.NewReader(block)
	n, err := r.Map()
	if err != nil {
		return c, err
	}
	seen := map[string]bool{}
	c.unsigned = dag.AppendMap(nil, n-1)
	for range n {
		key, err := r.Key()
		if err != nil {
			return c, err
		}
		raw, err := r.Raw()
		if err == nil {
			err = c.field(key, dag.NewReader(raw))
		}
		if err != nil {
			return c, fmt.Errorf("%s: %w", key, err)
		}
		seen[key] = true
		if key != "sig" {
			c.unsigned = append(dag.AppendText(c.unsigned, key), raw...)
		}
	}
	if !r.Done() {
		return c, errors.New("bytes behind the object")
	}
	for _, key := range []string{"did", "rev", "sig", "data", "version"} {
		if !seen[key] {
			return c, fmt.Errorf("no %s", key)
		}
	}
	if c.version != 2 && (c.version != repoVersion || !seen["prev"]) {
		return c, fmt.Errorf("not a commit of version %d", c.version)
	}
	return c, nil
}

func (c *importedCommit) field(key string, r *dag.Reader) (err error) {
	var text string
	switch key {
	case "did":
		c.did, err = r.Text()
	case "rev":
		if text, err = r.Text(); err == nil {
			c.rev, err = syntax.ParseTID(text)
		}
	case "sig":
		c.sig, err = r.Bytes()
	case "data":
		c.data, err = r.CID()
	case "version":
		c.version, err = r.Int()
	case "prev":
		if !r.IsNull() {
			_, err = r.CID()
		}
	default:
		err = errors.New("not a field of a commit")
	}
	return err
}

var errHighS = errors.New("the signature is not in its low-S form")

// halfOrder is half the order of secp256k1, the larger one of the two curves that
// sign commits here: an S above it is high on either.
var halfOrder, _ = hex.DecodeString("7fffffffffffffffffffffffffffffff5d576e7357a4501ddfe92f46681b20a0")

// check holds a commit to the account and to the clock.
func (c *importedCommit) check(did syntax.DID, now time.Time) error {
	var zero [32]byte
	switch {
	case c.did != did.String():
		return fmt.Errorf("it is of %q, not of %s", c.did, did)
	case c.rev.Time().Sub(now) > maxRevAhead:
		return fmt.Errorf("rev %s lies in the future", c.rev)
	case len(c.sig) != 64:
		return fmt.Errorf("a signature of %d bytes", len(c.sig))
	case bytes.Equal(c.sig[:32], zero[:]), bytes.Equal(c.sig[32:], zero[:]):
		return errors.New("a signature of zeros")
	case bytes.Compare(c.sig[32:], halfOrder) > 0:
		return errHighS
	}
	return nil
}
