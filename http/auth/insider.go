package auth

import "troupe/http/xrpc"

// Insider may read what is private to an account: its owner, also one that was
// taken down, or the moderation service.
type Insider struct {
	Session        // of the owner
	Moderator bool // there is no session
}

// AsInsider takes a session, or a service token that the moderation service
// signed for the method. Whatever else comes is refused as a session would be.
func (v *Verifier) AsInsider(c *xrpc.Call) (Insider, error) {
	scheme, token, err := authorization(c.Request)
	if err == nil && scheme == "bearer" && v.ModService != "" && namesMethod(token) {
		if _, err := v.AsModerator(c); err == nil {
			return Insider{Moderator: true}, nil
		}
	}
	s, err := v.session(c, withTakedown)
	return Insider{Session: s}, err
}
