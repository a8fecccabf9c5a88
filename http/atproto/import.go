package atproto

import (
	"context"

	"troupe/http/auth"
	"troupe/http/xrpc"
	"troupe/sequencing"
)

// ImportRepo puts the repository of the body in the place of the account's own:
// what an account that moves here brings along, or a copy of an earlier day.
func (h Repo) ImportRepo(ctx context.Context, who auth.Owner, in xrpc.Body) (xrpc.None, error) {
	a, ok := h.Index.ByDID(who.DID)
	switch {
	case h.Imports == nil:
		return xrpc.None{}, Invalid{"InvalidRequest", "Service is not accepting repo imports"}
	case !ok:
		return xrpc.None{}, ErrNoAccount
	case a.Status != sequencing.StatusActive && a.Status != sequencing.StatusDeactivated:
		return xrpc.None{}, AccountUnavailable{a.Status}
	}
	_, err := h.Imports.Import(ctx, who.DID, in)
	return xrpc.None{}, err
}
