package dag

import (
	"errors"
	"fmt"
)

// ErrInvalid is wrapped by every error of this package. The bytes are not the
// data model, and whoever sent them is to be told so (a 400, never a 500). The
// text of an error names a place in the input and nothing else of it, so it may
// be shown.
var ErrInvalid = errors.New("invalid data")

// What can be wrong. A caller that does not care tests for ErrInvalid.
var (
	// ErrSyntax: not JSON or not CBOR, cut short, or followed by something.
	ErrSyntax = fmt.Errorf("%w: malformed encoding", ErrInvalid)
	// ErrCanonical: CBOR, but the same value has a shorter or a sorted spelling.
	// Two spellings would be two CIDs, so only one is let in.
	ErrCanonical = fmt.Errorf("%w: not canonical DAG-CBOR", ErrInvalid)
	// ErrFloat: a fraction, or an integer beyond ±(2^53-1) in JSON or beyond
	// int64 in CBOR.
	ErrFloat = fmt.Errorf("%w: number is not an allowed integer", ErrInvalid)
	// ErrDepth: more containers inside each other than Limits.Depth.
	ErrDepth = fmt.Errorf("%w: nested too deep", ErrInvalid)
	// ErrTooLarge: more bytes than Limits.Bytes.
	ErrTooLarge = fmt.Errorf("%w: too large", ErrInvalid)
	// ErrDuplicateKey: a map names one key twice.
	ErrDuplicateKey = fmt.Errorf("%w: duplicate key", ErrInvalid)
	// ErrKey: a map has the key "__proto__".
	ErrKey = fmt.Errorf("%w: forbidden key", ErrInvalid)
	// ErrText: text is not UTF-8.
	ErrText = fmt.Errorf("%w: text is not UTF-8", ErrInvalid)
	// ErrKind: another kind of value stands there; or a record is no object.
	ErrKind = fmt.Errorf("%w: unexpected kind of value", ErrInvalid)
	// ErrCID: tag 42 does not hold 0x00 and a CID.
	ErrCID = fmt.Errorf("%w: malformed CID", ErrInvalid)
	// ErrBlob: an object with $type "blob" has not exactly the members ref,
	// mimeType and size, of the right kinds.
	ErrBlob = fmt.Errorf("%w: malformed blob", ErrInvalid)
	// ErrLegacyBlob: the older blob form {cid, mimeType}, which may be read but
	// not written any more. Wraps ErrBlob.
	ErrLegacyBlob = fmt.Errorf("%w: legacy form {cid, mimeType}", ErrBlob)
	// ErrType: $type of a record is not its collection.
	ErrType = fmt.Errorf("%w: $type is not the collection", ErrInvalid)
)

// at adds the offset into the input at which err was found.
func at(err error, pos int) error { return fmt.Errorf("%w (at byte %d)", err, pos) }
