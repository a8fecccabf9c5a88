package dag

import "bytes"

// How the two blob forms begin in canonical bytes. A map that begins otherwise
// is no blob, which is how nearly all maps are told apart in one comparison.
const (
	blobStart   = "\xa4\x63ref\xd8\x2a"
	legacyStart = "\xa2\x63cid"
)

// readBlob reads a typed blob reference at the start of b: exactly $type "blob",
// ref, mimeType (a text with a slash, as the reference demands) and size, not
// negative. In canonical order the members have fixed places.
func readBlob(b []byte) (Blob, bool) {
	if len(b) < len(blobStart) || string(b[:len(blobStart)]) != blobStart {
		return Blob{}, false
	}
	r := newReader(b, 1)
	r.Map()
	r.Key()
	ref, err := r.CID()
	if err != nil || !r.keyIs("size") {
		return Blob{}, false
	}
	size, err := r.Int()
	if err != nil || size < 0 || !r.keyIs("$type") {
		return Blob{}, false
	}
	typ, err := r.TextBytes()
	if err != nil || string(typ) != "blob" || !r.keyIs("mimeType") {
		return Blob{}, false
	}
	mime, err := r.TextBytes()
	if err != nil || bytes.IndexByte(mime, '/') < 0 {
		return Blob{}, false
	}
	return Blob{CID: ref, MimeType: string(mime), Size: size}, true
}

// readLegacyBlob reads the older form at the start of b: a CID in its one usual
// spelling, and a MIME type that is not empty.
func readLegacyBlob(b []byte) (Blob, bool) {
	if len(b) < len(legacyStart) || string(b[:len(legacyStart)]) != legacyStart {
		return Blob{}, false
	}
	r := newReader(b, 1)
	r.Map()
	r.Key()
	s, err := r.TextBytes()
	if err != nil || !r.keyIs("mimeType") {
		return Blob{}, false
	}
	mime, err := r.TextBytes()
	if err != nil || len(mime) == 0 {
		return Blob{}, false
	}
	c, ok := parseCIDText(s)
	if !ok || !bytes.Equal(AppendCIDText(nil, c), s) {
		return Blob{}, false
	}
	return Blob{CID: c, MimeType: string(mime), Size: -1}, true
}

func readAnyBlob(b []byte) (Blob, bool) {
	if blob, ok := readBlob(b); ok {
		return blob, true
	}
	return readLegacyBlob(b)
}

func (r *Reader) keyIs(want string) bool {
	k, err := r.KeyBytes()
	return err == nil && string(k) == want
}

// Blobs finds the blob references anywhere in a record, in the order of its
// bytes, each as often as it stands there. Legacy references are among them: an
// old repository that moves here has to bring their blobs too.
func Blobs(cbor []byte) ([]Blob, error) {
	r := newReader(cbor, maxDepth)
	var out []Blob
	for first := true; first || r.depth > 0; first = false {
		if r.Kind() == KindMap && !r.atKey() {
			if b, ok := readAnyBlob(r.b[r.pos:]); ok {
				out = append(out, b)
			}
		}
		if err := r.step(); err != nil {
			return nil, err
		}
		r.settle()
	}
	return out, r.end()
}
