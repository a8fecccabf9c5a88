package dag

import "github.com/ipfs/go-cid"

// The major types of CBOR (RFC 8949 §3.1), for AppendHead.
const (
	MajorUint byte = iota
	MajorNint
	MajorBytes
	MajorText
	MajorArray
	MajorMap
	MajorTag
	majorSimple
)

const (
	cborFalse byte = 0xf4
	cborTrue  byte = 0xf5
	cborNull  byte = 0xf6
	linkTag        = 42
)

// AppendHead appends the shortest head of a major type with the argument n:
// a length, a count, a tag number, or the integer itself.
func AppendHead(dst []byte, major byte, n uint64) []byte {
	m := major << 5
	switch {
	case n < 24:
		return append(dst, m|byte(n))
	case n < 1<<8:
		return append(dst, m|24, byte(n))
	case n < 1<<16:
		return append(dst, m|25, byte(n>>8), byte(n))
	case n < 1<<32:
		return append(dst, m|26, byte(n>>24), byte(n>>16), byte(n>>8), byte(n))
	default:
		return append(dst, m|27, byte(n>>56), byte(n>>48), byte(n>>40), byte(n>>32),
			byte(n>>24), byte(n>>16), byte(n>>8), byte(n))
	}
}

// AppendMap opens a map of n pairs. The caller appends n keys, each followed by
// its value, in canonical order: shorter keys first, equal lengths by bytes.
func AppendMap(dst []byte, n int) []byte { return AppendHead(dst, MajorMap, uint64(n)) }

// AppendArray opens an array of n values, which the caller appends.
func AppendArray(dst []byte, n int) []byte { return AppendHead(dst, MajorArray, uint64(n)) }

// AppendText appends a text string. s must be valid UTF-8; it is not checked.
func AppendText(dst []byte, s string) []byte {
	return append(AppendHead(dst, MajorText, uint64(len(s))), s...)
}

// AppendBytes appends a byte string.
func AppendBytes(dst []byte, b []byte) []byte {
	return append(AppendHead(dst, MajorBytes, uint64(len(b))), b...)
}

// AppendInt appends an integer.
func AppendInt(dst []byte, i int64) []byte {
	if i < 0 {
		return AppendHead(dst, MajorNint, uint64(^i)) // CBOR counts negatives as -1-n
	}
	return AppendHead(dst, MajorUint, uint64(i))
}

// AppendBool appends true or false.
func AppendBool(dst []byte, b bool) []byte {
	if b {
		return append(dst, cborTrue)
	}
	return append(dst, cborFalse)
}

// AppendNull appends null.
func AppendNull(dst []byte) []byte { return append(dst, cborNull) }

// AppendCID appends a link: tag 42 around a byte string of 0x00 and the binary
// CID (DAG-CBOR specification, "Links"). c must be defined: cid.Undef gives
// bytes that no reader takes.
func AppendCID(dst []byte, c cid.Cid) []byte {
	s := c.KeyString()
	dst = AppendHead(dst, MajorTag, linkTag)
	dst = AppendHead(dst, MajorBytes, uint64(len(s)+1))
	dst = append(dst, 0)
	return append(dst, s...)
}
