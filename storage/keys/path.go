package keys

import (
	"crypto/sha256"
	"encoding/hex"
	"path/filepath"
	"strings"

	"github.com/bluesky-social/indigo/atproto/syntax"
)

// maxPlainName is the longest DID that is used as a folder name as it is.
// Longer ones could pass the 255 bytes a file system takes for one name.
const maxPlainName = 200

// ActorDir returns the folder of an account: root/<2 hex of sha256(did)>/<did>.
// It is the one function that makes such a path.
//
// Only a did:plc, or a did:web whose identifier is a plain lower-case host
// name, stands in the path as it is, as in the reference server's layout. Any
// other string, well-formed DID or not, is replaced by its SHA-256 in hex: such
// a name has no ":" and so never meets a plain one, and no character of it was
// chosen by whoever chose the DID. Two DIDs never share a folder, also where
// the file system ignores case.
func ActorDir(root string, did syntax.DID) string {
	sum := sha256.Sum256([]byte(did))
	digest := hex.EncodeToString(sum[:])
	name := digest
	if plainName(string(did)) {
		name = string(did)
	}
	return filepath.Join(root, digest[:2], name)
}

func plainName(did string) bool {
	if len(did) > maxPlainName {
		return false
	}
	if id, ok := strings.CutPrefix(did, "did:plc:"); ok {
		return plainPLC(id)
	}
	host, ok := strings.CutPrefix(did, "did:web:")
	return ok && plainHost(host)
}

// plainPLC: 24 characters of lower-case base32.
func plainPLC(id string) bool {
	if len(id) != 24 {
		return false
	}
	for i := range len(id) {
		if c := id[i]; !(c >= 'a' && c <= 'z' || c >= '2' && c <= '7') {
			return false
		}
	}
	return true
}

// plainHost: labels of lower-case letters, digits and inner hyphens, joined by
// single dots. That leaves no room for a path, a port, an escape or a dot at
// either end.
func plainHost(host string) bool {
	for label := range strings.SplitSeq(host, ".") {
		if len(label) == 0 || len(label) > 63 || label[0] == '-' || label[len(label)-1] == '-' {
			return false
		}
		for i := range len(label) {
			if c := label[i]; !(c >= 'a' && c <= 'z' || c >= '0' && c <= '9' || c == '-') {
				return false
			}
		}
	}
	return true
}
