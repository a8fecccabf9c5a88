package logdb

import (
	"errors"
	"fmt"

	"github.com/bluesky-social/indigo/atproto/syntax"
	"github.com/ipfs/go-cid"

	"troupe/storage/dag"
)

// frame is what Check reads of a wire frame. It is read here and not by package
// sequencing, so that the one that writes frames is not the one that vouches
// for them.
type frame struct {
	seq              int64
	did              syntax.DID
	rev, since       syntax.TID
	commit, prevData cid.Cid
}

func readFrame(b []byte) (f frame, err error) {
	r := dag.NewReader(b)
	if err := r.Skip(); err != nil { // the header
		return f, fmt.Errorf("header: %w", err)
	}
	n, err := r.Map()
	if err != nil {
		return f, err
	}
	for range n {
		key, err := r.Key()
		if err != nil {
			return f, err
		}
		if err := f.field(r, key); err != nil {
			return f, fmt.Errorf("%s: %w", key, err)
		}
	}
	if !r.Done() {
		return f, errors.New("bytes behind the body")
	}
	return f, nil
}

func (f *frame) field(r *dag.Reader, key string) (err error) {
	var text string
	switch key {
	case "seq":
		f.seq, err = r.Int()
	case "repo", "did":
		text, err = r.Text()
		f.did = syntax.DID(text)
	case "rev":
		text, err = r.Text()
		f.rev = syntax.TID(text)
	case "since":
		if !r.IsNull() {
			text, err = r.Text()
			f.since = syntax.TID(text)
		}
	case "commit":
		f.commit, err = r.CID()
	case "prevData":
		f.prevData, err = r.CID()
	default:
		err = r.Skip()
	}
	return err
}
