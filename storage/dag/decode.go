package dag

import "github.com/bluesky-social/indigo/atproto/atdata"

// Decode gives cbor, one value of canonical DAG-CBOR, as the Go values that
// indigo's lexicon package checks: map[string]any, []any, string, int64, bool,
// nil, atdata.Bytes, atdata.CIDLink and atdata.Blob. A legacy blob is an
// atdata.Blob of Size -1.
func Decode(cbor []byte) (any, error) {
	r := newReader(cbor, maxDepth)
	v, err := r.decode()
	if err == nil {
		err = r.end()
	}
	if err != nil {
		return nil, err
	}
	return v, nil
}

// preallocate is the most that is reserved for a container before its items
// have been seen. A count is at most the bytes that are left, but an item in
// memory is many times its byte, and counts nest.
const preallocate = 32

// decode recurses as deep as the Reader lets containers open.
func (r *Reader) decode() (any, error) {
	switch r.Kind() {
	case KindInt:
		return asAny(r.Int())
	case KindBytes:
		b, err := r.Bytes()
		return append(atdata.Bytes{}, b...), err
	case KindText:
		return asAny(r.Text())
	case KindArray:
		return r.decodeArray()
	case KindMap:
		if b, ok := readAnyBlob(r.Rest()); ok {
			return atdata.Blob{Ref: atdata.CIDLink(b.CID), MimeType: b.MimeType, Size: b.Size}, r.Skip()
		}
		return r.decodeMap()
	case KindCID:
		c, err := r.CID()
		return atdata.CIDLink(c), err
	case KindNull:
		r.IsNull()
		return nil, nil
	default:
		return asAny(r.Bool())
	}
}

func asAny[T any](v T, err error) (any, error) { return v, err }

func (r *Reader) decodeArray() (any, error) {
	n, err := r.Array()
	if err != nil {
		return nil, err
	}
	out := make([]any, 0, min(n, preallocate))
	for range n {
		v, err := r.decode()
		if err != nil {
			return nil, err
		}
		out = append(out, v)
	}
	return out, nil
}

func (r *Reader) decodeMap() (any, error) {
	n, err := r.Map()
	if err != nil {
		return nil, err
	}
	out := make(map[string]any, min(n, preallocate))
	for range n {
		key, err := r.Key()
		if err != nil {
			return nil, err
		}
		if out[key], err = r.decode(); err != nil {
			return nil, err
		}
	}
	return out, nil
}
