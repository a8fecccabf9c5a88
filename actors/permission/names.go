package permission

import (
	"regexp"
	"strings"

	"github.com/bluesky-social/indigo/atproto/syntax"
)

func isNSID(s string) bool {
	_, err := syntax.ParseNSID(s)
	return err == nil
}

func isAnyOrNSID(s string) bool { return s == Any || isNSID(s) }

// isService recognises a service of an identity of this network, did#id.
func isService(s string) bool {
	did, id, ok := strings.Cut(s, "#")
	return ok && serviceID.MatchString(id) && (plcDID.MatchString(did) || webDID.MatchString(did))
}

var (
	plcDID    = regexp.MustCompile(`^did:plc:[a-z2-7]{24}$`)
	webDID    = regexp.MustCompile(`^did:web:[a-zA-Z0-9][a-zA-Z0-9.-]*(%3A[0-9]{1,5})?$`)
	serviceID = regexp.MustCompile(`^[a-zA-Z0-9._~!$&'()*+,;=:@/?%-]+$`) // a URI fragment, not empty
)

// isAccept recognises what a Blob may allow: type/subtype, type/* or */*.
func isAccept(s string) bool {
	kind, subtype, ok := strings.Cut(s, "/")
	switch {
	case !ok || kind == "" || subtype == "" || strings.ContainsAny(subtype, "/ ") || strings.Contains(kind, " "):
		return false
	case kind == Any:
		return subtype == Any
	}
	return !strings.Contains(kind, Any) && (subtype == Any || !strings.Contains(subtype, Any))
}

// isMIME recognises the type of an upload.
func isMIME(s string) bool { return isAccept(s) && !strings.Contains(s, Any) }
