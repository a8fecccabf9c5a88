package xrpc

import (
	"net/http"
	"strings"

	"github.com/bluesky-social/indigo/atproto/syntax"
)

const prefix = "/xrpc/"

// methodOf reads the name of the method out of the path as it was sent. Escapes are not resolved: no NSID needs one,
// and two readings of the same path are how access checks get bypassed.
func methodOf(r *http.Request) (syntax.NSID, bool) {
	name, ok := strings.CutPrefix(r.URL.EscapedPath(), prefix)
	if !ok {
		return "", false
	}
	name = strings.TrimSuffix(name, "/")
	return syntax.NSID(name), validName(name)
}

// validName accepts runs of letters and digits joined by single dots or dashes: looser than an NSID, so that what
// looks like a method is answered as an unknown one.
func validName(name string) bool {
	if len(name) < 2 || len(name) > 317 {
		return false
	}
	separated := true // the last character was a separator, or there was none
	for i := range len(name) {
		switch c := name[i]; {
		case c >= '0' && c <= '9', c >= 'A' && c <= 'Z', c >= 'a' && c <= 'z':
			separated = false
		case (c == '.' || c == '-') && !separated:
			separated = true
		default:
			return false
		}
	}
	return !separated
}
