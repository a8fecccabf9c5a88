package dag

import (
	"errors"
	"fmt"
)

// ErrInvalid is wrapped by every other error of this package: the bytes are not
// the data model, and the one who sent them is to be told so (a 400, never a 500).
var ErrInvalid = errors.New("invalid data")

// What can be wrong. Each wraps ErrInvalid, so a caller that does not care asks
// for that one only.
var (
	ErrSyntax       = fmt.Errorf("%w: malformed encoding", ErrInvalid)             // not JSON, not CBOR, cut short, or something behind the end
	ErrCanonical    = fmt.Errorf("%w: not canonical DAG-CBOR", ErrInvalid)         // valid CBOR in a form that has another, shorter or sorted, spelling
	ErrFloat        = fmt.Errorf("%w: number is not a safe integer", ErrInvalid)   // a fraction, or beyond ±(2^53-1)
	ErrDepth        = fmt.Errorf("%w: nested too deep", ErrInvalid)                // more containers inside each other than Limits.Depth
	ErrTooLarge     = fmt.Errorf("%w: too large", ErrInvalid)                      // more bytes than Limits.Bytes
	ErrDuplicateKey = fmt.Errorf("%w: duplicate key in a map", ErrInvalid)         //
	ErrKey          = fmt.Errorf("%w: forbidden key in a map", ErrInvalid)         // "__proto__"
	ErrText         = fmt.Errorf("%w: text is not UTF-8", ErrInvalid)              // includes half a surrogate pair, which UTF-8 cannot carry
	ErrKind         = fmt.Errorf("%w: unexpected kind of value", ErrInvalid)       // a Reader was asked for another kind than is there; a record that is no map
	ErrCID          = fmt.Errorf("%w: malformed CID", ErrInvalid)                  // tag 42 without a readable CID behind it
	ErrBlob         = fmt.Errorf("%w: malformed or legacy blob", ErrInvalid)       // {$type: "blob", …} with wrong members, or {cid, mimeType}
	ErrType         = fmt.Errorf("%w: $type is not what it has to be", ErrInvalid) // empty, no text, or not the collection
)
