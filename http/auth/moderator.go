package auth

import (
	"github.com/bluesky-social/indigo/atproto/syntax"

	"troupe/http/xrpc"
)

// Moderator is the operator, or the moderation service that the operator trusts.
type Moderator struct {
	DID syntax.DID // of the service; "": the operator
}

// labelerSuffix makes the issuer under which a moderation service signs with the
// key of its labels.
const labelerSuffix = "#atproto_labeler"

// AsModerator asks for the operator's password, or for a service token that the
// moderation service signed for this method. Where none is configured, or
// somebody else signed, that is UntrustedIss.
func (v *Verifier) AsModerator(c *xrpc.Call) (Moderator, error) {
	c.Private()
	scheme, token, err := authorization(c.Request)
	switch {
	case err != nil:
		return Moderator{}, err
	case scheme != "bearer":
		_, err := v.AsAdmin(c)
		return Moderator{}, err
	case v.ModService == "":
		return Moderator{}, errUntrusted
	}
	did, err := v.serviceToken(c.Request.Context(), token, c.NSID, func(iss string) error {
		if iss != v.ModService.String() && iss != v.ModService.String()+labelerSuffix {
			return errUntrusted
		}
		return nil
	})
	return Moderator{did}, err
}
