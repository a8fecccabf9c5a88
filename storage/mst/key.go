package mst

import (
	"crypto/sha256"
	"fmt"
	"math/bits"
)

// MaxKey is the longest key of a tree in bytes (Repository specification, "Repo Paths").
const MaxKey = 1024

// Height is the layer a key belongs to: the number of leading zero bits of its
// SHA-256, in pairs, rounded down (Repository specification, "MST Structure").
// Layer 0 is the lowest. The rarest possible hash gives 128, which bounds the
// depth of any tree.
func Height(key string) int {
	var buf [128]byte // paths of the usual length are hashed without an allocation
	sum := sha256.Sum256(append(buf[:0], key...))
	zeros := 0
	for _, b := range sum {
		zeros += bits.LeadingZeros8(b)
		if b != 0 {
			break
		}
	}
	return zeros / 2
}

// ValidKey tells whether key is a repository path: "collection/rkey", exactly
// one slash with something on both sides, at most MaxKey bytes, of the
// characters A–Z a–z 0–9 _ ~ . : - only. It does not know which collections and
// record keys exist; that is the caller's business. The error wraps ErrKey.
func ValidKey(key string) error {
	if len(key) > MaxKey {
		return fmt.Errorf("%w: %d bytes", ErrKey, len(key))
	}
	slash := -1
	for i := range len(key) {
		switch c := key[i]; {
		case pathByte[c]:
		case c == '/' && slash < 0:
			slash = i
		default:
			return fmt.Errorf("%w: %q", ErrKey, key)
		}
	}
	if slash <= 0 || slash == len(key)-1 {
		return fmt.Errorf("%w: %q", ErrKey, key)
	}
	return nil
}

// pathByte marks the characters allowed on either side of the slash.
var pathByte = func() (ok [256]bool) {
	const allowed = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_~.:-"
	for i := range len(allowed) {
		ok[allowed[i]] = true
	}
	return ok
}()

// shared counts the bytes at the start of a and b that are the same.
func shared(a, b string) int {
	n := min(len(a), len(b))
	for i := range n {
		if a[i] != b[i] {
			return i
		}
	}
	return n
}
