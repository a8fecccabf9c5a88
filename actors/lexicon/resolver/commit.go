package resolver

import (
	"errors"
	"fmt"

	"github.com/bluesky-social/indigo/atproto/syntax"
	"github.com/ipfs/go-cid"

	"troupe/storage/dag"
)

// commit is a signed commit object (atproto.com/specs/repository, "Commit Objects").
type commit struct {
	did      syntax.DID
	rev      syntax.TID
	data     cid.Cid
	sig      []byte
	unsigned []byte // what the signature is made over: the object without it
}

// readCommit decodes a commit block. Every field is there once, and no other.
func readCommit(block []byte) (c commit, err error) {
	if err := dag.Check(block, dag.RecordLimits); err != nil {
		return c, err
	}
	r := dag.NewReader(block)
	n, err := r.Map()
	if err != nil {
		return c, err
	}
	if n != 6 { // and keys are unique, so that the six below are all
		return c, fmt.Errorf("%d fields", n)
	}
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
		if key != "sig" {
			c.unsigned = append(dag.AppendText(c.unsigned, key), raw...)
		}
	}
	return c, nil
}

func (c *commit) field(key string, r *dag.Reader) error {
	switch key {
	case "did":
		text, err := r.Text()
		c.did = syntax.DID(text)
		return err
	case "rev":
		text, err := r.Text()
		if err == nil {
			c.rev, err = syntax.ParseTID(text)
		}
		return err
	case "sig":
		sig, err := r.Bytes()
		c.sig = sig
		return err
	case "data":
		data, err := r.CID()
		c.data = data
		return err
	case "version":
		if v, err := r.Int(); err != nil || v != 3 {
			return errors.New("not 3")
		}
		return nil
	case "prev":
		if !r.IsNull() {
			_, err := r.CID()
			return err
		}
		return nil
	}
	return errors.New("not a field of a commit")
}
