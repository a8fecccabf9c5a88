package commit

import (
	"errors"
	"fmt"

	"github.com/bluesky-social/indigo/atproto/atcrypto"
	"github.com/bluesky-social/indigo/atproto/syntax"
	"github.com/ipfs/go-cid"

	"troupe/storage/car"
	"troupe/storage/dag"
)

// Version is the version of the repository format that is written.
const Version = 3

// Object is a commit that was read.
type Object struct {
	DID      syntax.DID // as the object says, which may be no DID
	Rev      syntax.TID
	Data     cid.Cid // root of the tree
	Version  int64   // 2 or 3
	Sig      []byte
	Unsigned []byte // what the signature is made over: the object without it
}

// Sign encodes and signs a commit.
func Sign(did syntax.DID, data cid.Cid, rev syntax.TID, key atcrypto.PrivateKey) (car.Block, error) {
	unsigned := appendObject(make([]byte, 0, 192), did, data, rev, nil)
	sig, err := key.HashAndSign(unsigned)
	if err != nil {
		return car.Block{}, fmt.Errorf("sign commit: %w", err)
	}
	signed := appendObject(make([]byte, 0, 288), did, data, rev, sig)
	return car.Block{CID: dag.Sum(signed), Data: signed}, nil
}

// appendObject appends the object in DAG-CBOR key order; without sig it is
// what the signature is made over.
func appendObject(dst []byte, did syntax.DID, data cid.Cid, rev syntax.TID, sig []byte) []byte {
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
	return dag.AppendInt(dst, Version)
}

// Parse decodes a commit block. In version 2 prev may be left out. It says
// nothing about the signature.
func Parse(block []byte) (o Object, err error) {
	r := dag.NewReader(block)
	n, err := r.Map()
	if err != nil {
		return o, err
	}
	seen := map[string]bool{}
	o.Unsigned = dag.AppendMap(nil, n-1)
	for range n {
		key, err := r.Key()
		if err != nil {
			return o, err
		}
		raw, err := r.Raw()
		if err == nil {
			err = o.field(key, dag.NewReader(raw))
		}
		if err != nil {
			return o, fmt.Errorf("%s: %w", key, err)
		}
		seen[key] = true
		if key != "sig" {
			o.Unsigned = append(dag.AppendText(o.Unsigned, key), raw...)
		}
	}
	if !r.Done() {
		return o, errors.New("bytes behind the object")
	}
	for _, key := range []string{"did", "rev", "sig", "data", "version"} {
		if !seen[key] {
			return o, fmt.Errorf("no %s", key)
		}
	}
	if o.Version != 2 && (o.Version != Version || !seen["prev"]) {
		return o, fmt.Errorf("not a commit of version %d", o.Version)
	}
	return o, nil
}

func (o *Object) field(key string, r *dag.Reader) (err error) {
	var text string
	switch key {
	case "did":
		text, err = r.Text()
		o.DID = syntax.DID(text)
	case "rev":
		if text, err = r.Text(); err == nil {
			o.Rev, err = syntax.ParseTID(text)
		}
	case "sig":
		o.Sig, err = r.Bytes()
	case "data":
		o.Data, err = r.CID()
	case "version":
		o.Version, err = r.Int()
	case "prev":
		if !r.IsNull() {
			_, err = r.CID()
		}
	default:
		err = errors.New("not a field of a commit")
	}
	return err
}

// Verify demands a signature by the key, in the low-S form
// (atproto.com/specs/cryptography).
func (o *Object) Verify(k atcrypto.PublicKey) error { return k.HashAndVerify(o.Unsigned, o.Sig) }
