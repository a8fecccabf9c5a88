package sequencing

import (
	"fmt"

	"github.com/ipfs/go-cid"

	"troupe/storage/dag"
)

// The private half of an entry as stored: a DAG-CBOR array of
//
//	new      bytes  binary CIDs one behind the other; a CID ends by itself
//	removed  bytes  the same
//	blobs    array  op, CID, MIME type, size of each in turn
//	private  bytes
//
// Links as CBOR would cost a quarter more and an allocation each.

// encodeEffects returns nil where there is nothing to say.
func encodeEffects(e *Effects, private []byte) []byte {
	if len(e.New) == 0 && len(e.Removed) == 0 && len(e.Blobs) == 0 && len(private) == 0 {
		return nil
	}
	size := 32 + 37*(len(e.New)+len(e.Removed)) + 96*len(e.Blobs) + len(private)
	b := dag.AppendArray(make([]byte, 0, size), 4)
	b = appendCIDs(b, e.New)
	b = appendCIDs(b, e.Removed)
	b = dag.AppendArray(b, 4*len(e.Blobs))
	for _, ref := range e.Blobs {
		b = dag.AppendInt(b, int64(ref.Op))
		b = dag.AppendCID(b, ref.Blob.CID)
		b = dag.AppendText(b, ref.Blob.MimeType)
		b = dag.AppendInt(b, ref.Blob.Size)
	}
	return dag.AppendBytes(b, private)
}

func appendCIDs(b []byte, cids []cid.Cid) []byte {
	n := 0
	for _, c := range cids {
		n += c.ByteLen()
	}
	b = dag.AppendHead(b, dag.MajorBytes, uint64(n))
	for _, c := range cids {
		b = append(b, c.KeyString()...)
	}
	return b
}

// decodeEffects keeps nothing of b.
func decodeEffects(b []byte) (e Effects, private []byte, err error) {
	if len(b) == 0 {
		return Effects{}, nil, nil
	}
	r := dag.NewReader(b)
	if err := decodeEffectsFrom(r, &e, &private); err != nil {
		return Effects{}, nil, fmt.Errorf("%w: effects: %w", ErrCorrupt, err)
	}
	return e, private, nil
}

func decodeEffectsFrom(r *dag.Reader, e *Effects, private *[]byte) error {
	n, err := r.Array()
	if err != nil {
		return err
	}
	if n != 4 {
		return fmt.Errorf("%d members", n)
	}
	if e.New, err = decodeCIDs(r); err != nil {
		return err
	}
	if e.Removed, err = decodeCIDs(r); err != nil {
		return err
	}
	if e.Blobs, err = decodeBlobs(r); err != nil {
		return err
	}
	p, err := r.Bytes()
	if err == nil && len(p) > 0 {
		*private = append([]byte(nil), p...)
	}
	return err
}

func decodeCIDs(r *dag.Reader) ([]cid.Cid, error) {
	b, err := r.Bytes()
	if err != nil || len(b) == 0 {
		return nil, err
	}
	cids := make([]cid.Cid, 0, len(b)/36)
	for len(b) > 0 {
		n, c, err := cid.CidFromBytes(b)
		if err != nil {
			return nil, err
		}
		cids = append(cids, c)
		b = b[n:]
	}
	return cids, nil
}

func decodeBlobs(r *dag.Reader) (refs []BlobRef, err error) {
	n, err := r.Array()
	if err != nil {
		return nil, err
	}
	for range n / 4 {
		var ref BlobRef
		var op int64
		if op, err = r.Int(); err != nil {
			return nil, err
		}
		ref.Op = int(op)
		if ref.Blob.CID, err = r.CID(); err != nil {
			return nil, err
		}
		if ref.Blob.MimeType, err = r.Text(); err != nil {
			return nil, err
		}
		if ref.Blob.Size, err = r.Int(); err != nil {
			return nil, err
		}
		refs = append(refs, ref)
	}
	return refs, nil
}
