package dag

import (
	"crypto/sha256"
	"encoding/base32"

	"github.com/ipfs/go-cid"
)

// The bytes in front of the digest of the two kinds of CID that name blocks and
// blobs: version 1, codec, sha2-256, 32 bytes.
const (
	prefixDagCBOR = "\x01\x71\x12\x20"
	prefixRaw     = "\x01\x55\x12\x20"
	sumLen        = len(prefixDagCBOR) + sha256.Size
)

// Sum is the CID of a block of DAG-CBOR: a record, a tree node, a commit.
func Sum(cbor []byte) cid.Cid { return sum(prefixDagCBOR, cbor) }

// SumRaw is the CID of uninterpreted bytes: a blob.
func SumRaw(b []byte) cid.Cid { return sum(prefixRaw, b) }

func sum(prefix string, b []byte) cid.Cid {
	digest := sha256.Sum256(b)
	var buf [sumLen]byte
	copy(buf[:], prefix)
	copy(buf[len(prefix):], digest[:])
	c, err := cid.Cast(buf[:])
	if err != nil {
		panic("dag: an own CID does not parse: " + err.Error())
	}
	return c
}

var base32Lower = base32.NewEncoding("abcdefghijklmnopqrstuvwxyz234567").WithPadding(base32.NoPadding)

// AppendCIDText appends the string form of c: base32 with prefix b for version
// 1, base58 for version 0.
func AppendCIDText(dst []byte, c cid.Cid) []byte {
	if c.Version() == 0 {
		return append(dst, c.String()...)
	}
	var buf [64]byte // large enough for every hash in use: AppendEncode takes a slice, KeyString is a string
	return base32Lower.AppendEncode(append(dst, 'b'), append(buf[:0], c.KeyString()...))
}

// maxCIDText is the longest string that is looked at as a CID. The reference
// has the same bound; what is longer stays the plain text it was.
const maxCIDText = 2048

// parseCIDText reads the string form of any CID that the reference reads:
// base32 (b), base58 (z), base36 (k), or a version 0 CID (Qm…).
//
// Other multibases, upper case and left-over bits are refused, although go-cid
// takes them: the reference leaves such a $link an ordinary object, and what is
// hashed has to be the same on both sides.
func parseCIDText(s []byte) (cid.Cid, bool) {
	if len(s) == 0 || len(s) > maxCIDText {
		return cid.Undef, false
	}
	switch s[0] {
	case 'b':
		return parseBase32CID(s[1:])
	case 'z', 'k', 'Q':
		c, err := cid.Decode(string(s))
		if err != nil || (c.Version() == 0) != (s[0] == 'Q') {
			return cid.Undef, false
		}
		return c, true
	}
	return cid.Undef, false
}

func parseBase32CID(s []byte) (cid.Cid, bool) {
	var stack [64]byte
	buf := stack[:]
	if n := base32Lower.DecodedLen(len(s)); n > len(buf) {
		buf = make([]byte, n)
	}
	n := 0
	var bits uint32
	var have uint
	for _, ch := range s {
		var v uint32
		switch {
		case 'a' <= ch && ch <= 'z':
			v = uint32(ch - 'a')
		case '2' <= ch && ch <= '7':
			v = uint32(ch-'2') + 26
		default:
			return cid.Undef, false
		}
		bits = bits<<5 | v
		if have += 5; have >= 8 {
			have -= 8
			buf[n] = byte(bits >> have)
			n++
		}
	}
	// What is left over must be fewer bits than a character, and zero: otherwise
	// two strings would name one CID.
	if have >= 5 || bits&(1<<have-1) != 0 {
		return cid.Undef, false
	}
	c, err := cid.Cast(buf[:n])
	if err != nil || c.Version() == 0 {
		return cid.Undef, false
	}
	return c, true
}
