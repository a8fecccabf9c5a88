package atproto

import (
	"regexp"
	"strings"
	"time"

	"troupe/actors/repo"
)

// audience accepts what a service token may be for: an identity of this network
// (did:plc, or did:web of a bare host), or one service of it (did#id).
func audience(aud string) bool {
	did, service, named := strings.Cut(aud, "#")
	if named && !serviceID.MatchString(service) {
		return false
	}
	return plcDID.MatchString(did) || webDID.MatchString(did)
}

var (
	plcDID    = regexp.MustCompile(`^did:plc:[a-z2-7]{24}$`)
	webDID    = regexp.MustCompile(`^did:web:[a-zA-Z0-9][a-zA-Z0-9.-]*(%3A[0-9]{1,5})?$`)
	serviceID = regexp.MustCompile(`^[a-zA-Z0-9._~!$&'()*+,;=:@/?%-]+$`) // a URI fragment, not empty
)

func signServiceAuth(in GetServiceAuthIn, expires time.Time) repo.SignServiceAuth {
	return repo.SignServiceAuth{Audience: in.Aud, Lexicon: in.Lxm, Expires: expires}
}
