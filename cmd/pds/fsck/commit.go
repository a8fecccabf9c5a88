package fsck

import (
	"errors"
	"fmt"

	"github.com/bluesky-social/indigo/atproto/atcrypto"
	"github.com/bluesky-social/indigo/atproto/syntax"
	"github.com/ipfs/go-cid"

	"troupe/storage/dag"
)

// signed is a commit object (atproto.com/specs/repository, "Commit Objects").
type signed struct {
	did      syntax.DID
	rev      syntax.TID
	data     cid.Cid
	version  int64
	sig      []byte
	unsigned []byte // what the signature is made over
}

// readCommit decodes a commit block. Every field is there once, and no other.
func readCommit(block []byte) (c signed, err error) {
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
	for _, key := range []string{"did", "rev", "sig", "data", "prev", "version"} {
		if !seen[key] {
			return c, fmt.Errorf("no %s", key)
		}
	}
	switch {
	case !r.Done():
		return c, errors.New("bytes behind the object")
	case c.version != 3:
		return c, fmt.Errorf("version %d", c.version)
	}
	return c, nil
}

func (c *signed) field(key string, r *dag.Reader) (err error) {
	var text string
	switch key {
	case "did":
		text, err = r.Text()
		c.did = syntax.DID(text)
	case "rev":
		text, err = r.Text()
		c.rev = syntax.TID(text)
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

// matches compares a commit with what somebody says about it.
func (c *signed) matches(did syntax.DID, rev syntax.TID, data cid.Cid) error {
	switch {
	case c.did != did:
		return fmt.Errorf("it is of %q", c.did)
	case c.rev != rev:
		return fmt.Errorf("it has rev %s, not %s", c.rev, rev)
	case c.data != data:
		return fmt.Errorf("it is of the tree %s, not %s", c.data, data)
	}
	return nil
}

// verify demands a signature in the low-S form (atproto.com/specs/cryptography).
func (c *signed) verify(k atcrypto.PublicKey) error { return k.HashAndVerify(c.unsigned, c.sig) }
