package auth

import (
	"context"
	"crypto/sha256"
	"crypto/subtle"
	"net/http"
	"strings"

	"github.com/bluesky-social/indigo/atproto/atcrypto"
	"github.com/bluesky-social/indigo/atproto/syntax"

	"troupe/actors/account"
	"troupe/http/rate"
	"troupe/http/xrpc"
)

// Verifier knows what credentials are checked against.
type Verifier struct {
	Tokens        account.Tokens
	AdminPassword string
	Audiences     []string       // what service tokens for this server may name as aud
	ModService    syntax.DID     // whose service tokens are a moderator's; "": nobody's
	Index         *account.Index // of accounts, for credentials that depend on their state
	// Key finds the key of a DID document's verification method; fresh asks the
	// network again.
	Key func(ctx context.Context, did syntax.DID, fragment string, fresh bool) (atcrypto.PublicKey, error)

	Guesses *rate.Guesses // of the operator's password; nil: any number

	read verdicts // of access tokens; the zero value is empty
}

// AsAnyone asks for nothing.
func (v *Verifier) AsAnyone(*xrpc.Call) (Nobody, error) { return Nobody{}, nil }

// AsSession asks for a session, queued sign-ups included.
func (v *Verifier) AsSession(c *xrpc.Call) (Session, error) { return v.session(c, withQueued) }

// AsOwner asks for a session of an account, in whatever state that is.
func (v *Verifier) AsOwner(c *xrpc.Call) (Session, error) { return v.session(c, standard) }

// AsFull asks for a session with every right of the account, which an app
// password does not give.
func (v *Verifier) AsFull(c *xrpc.Call) (Owner, error) {
	s, err := v.session(c, full)
	return Owner{s}, err
}

// AsFullLeaver is AsFull for methods that the owner of a taken-down account may use
// to leave.
func (v *Verifier) AsFullLeaver(c *xrpc.Call) (Owner, error) {
	s, err := v.session(c, fullOrTakedown)
	return Owner{s}, err
}

// AsWriter asks for a session that may write. Whether its account may write
// now is looked up when the request names the repository.
func (v *Verifier) AsWriter(c *xrpc.Call) (Writer, error) {
	s, err := v.session(c, standard)
	return Writer{s}, err
}

// AsLeaver asks for a session, that of a taken-down account included.
func (v *Verifier) AsLeaver(c *xrpc.Call) (Session, error) { return v.session(c, withTakedown) }

func (v *Verifier) session(c *xrpc.Call, scopes []account.Scope) (Session, error) {
	c.Private()
	scheme, token, err := authorization(c.Request)
	switch {
	case err != nil:
		return Session{}, err
	case scheme == "":
		return Session{}, ErrMissing
	case scheme != "bearer":
		return Session{}, ErrUnexpected
	}
	a, err := v.access(token)
	if err == nil {
		err = v.Tokens.Admit(a, scopes...)
	}
	if err != nil {
		return Session{}, err
	}
	return Session{a.DID, a.Scope}, nil
}

// AsRefresh asks for a refresh token.
func (v *Verifier) AsRefresh(c *xrpc.Call) (Refresh, error) { return refresh(c, v.Tokens.ParseRefresh) }

// AsRefreshExpired asks for a refresh token that may have expired: signing out
// always works.
func (v *Verifier) AsRefreshExpired(c *xrpc.Call) (Refresh, error) {
	return refresh(c, v.Tokens.ParseRefreshExpired)
}

func refresh(c *xrpc.Call, parse func(string) (account.Refresh, error)) (Refresh, error) {
	c.Private()
	scheme, token, err := authorization(c.Request)
	switch {
	case err != nil:
		return Refresh{}, err
	case scheme != "bearer": // any other credential is none
		return Refresh{}, ErrMissing
	}
	r, err := parse(token)
	return Refresh{r}, err
}

// AsAdmin asks for HTTP Basic admin:<password>.
func (v *Verifier) AsAdmin(c *xrpc.Call) (Admin, error) {
	c.Private()
	user, password, ok := c.Request.BasicAuth()
	if !ok || v.AdminPassword == "" {
		return Admin{}, ErrRequired
	}
	right, err := v.Guesses.Try(c)
	if err != nil {
		return Admin{}, err
	}
	// Hashed, so that the comparison takes as long for any length.
	given, want := sha256.Sum256([]byte(user+":"+password)), sha256.Sum256([]byte("admin:"+v.AdminPassword))
	if subtle.ConstantTimeCompare(given[:], want[:]) != 1 {
		return Admin{}, ErrRequired
	}
	right()
	return Admin{}, nil
}

// AsViewer takes any session, the operator, or nobody; a header that is none
// of these is refused.
func (v *Verifier) AsViewer(c *xrpc.Call) (Viewer, error) { return v.viewer(c, standard) }

// AsExporter is AsViewer for methods that the owner of a taken-down account
// may use to leave.
func (v *Verifier) AsExporter(c *xrpc.Call) (Viewer, error) { return v.viewer(c, withTakedown) }

func (v *Verifier) viewer(c *xrpc.Call, scopes []account.Scope) (Viewer, error) {
	c.Private()
	scheme, _, err := authorization(c.Request)
	switch {
	case err != nil || scheme == "":
		return Viewer{}, err
	case scheme == "bearer":
		s, err := v.session(c, scopes)
		return Viewer{DID: s.DID}, err
	case scheme == "basic":
		_, err := v.AsAdmin(c)
		return Viewer{Admin: err == nil}, err
	default:
		return Viewer{}, ErrRequired
	}
}

// AsNewcomer takes a service token of the DID that wants to come, or nobody.
func (v *Verifier) AsNewcomer(c *xrpc.Call) (Newcomer, error) {
	c.Private()
	scheme, token, err := authorization(c.Request)
	switch {
	case err != nil || scheme == "":
		return Newcomer{}, err
	case scheme != "bearer":
		return Newcomer{}, ErrUnusable
	}
	iss, err := v.serviceToken(c.Request.Context(), token, c.NSID, anAccount)
	return Newcomer{iss}, err
}

// authorization splits the Authorization header into its lower-cased scheme
// ("bearer", "basic" or "dpop") and the credential. Without a header the scheme
// is "". Errors: ErrMalformed, UnknownScheme.
func authorization(r *http.Request) (scheme, credential string, err error) {
	all := r.Header.Values("Authorization")
	switch {
	case len(all) == 0 || len(all) == 1 && all[0] == "":
		return "", "", nil
	case len(all) > 1: // two readers may each believe another one
		return "", "", ErrMalformed
	}
	scheme, credential, ok := strings.Cut(all[0], " ")
	if !ok || credential == "" || strings.Contains(credential, " ") {
		return "", "", ErrMalformed
	}
	switch lower := strings.ToLower(scheme); lower {
	case "bearer", "basic", "dpop":
		return lower, credential, nil
	}
	return "", "", UnknownScheme{scheme}
}
