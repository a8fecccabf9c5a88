package auth

import (
	"github.com/bluesky-social/indigo/atproto/syntax"

	"troupe/http/xrpc"
)

// Uploader may add blobs to an account: its owner, or a service that the
// account's key vouches for.
type Uploader struct{ DID syntax.DID }

// AsUploader takes a session, or a service token that the account itself signed
// for the method: a video service hands in what it made of an upload.
func (v *Verifier) AsUploader(c *xrpc.Call) (Uploader, error) {
	c.Private()
	scheme, token, err := authorization(c.Request)
	if err == nil && scheme == "bearer" && namesMethod(token) {
		did, err := v.serviceToken(c.Request.Context(), token, c.NSID, anAccount)
		return Uploader{did}, err
	}
	s, err := v.session(c, standard) // refuses all else by its name
	return Uploader{s.DID}, err
}

// namesMethod tells a service token from a session's: only the former says
// which method it is for. Nothing about it is verified yet.
func namesMethod(token string) bool {
	claims, err := readServiceToken(token)
	return err == nil && claims.Lxm != ""
}
