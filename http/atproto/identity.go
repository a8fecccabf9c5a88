package atproto

import (
	"context"
	"strings"

	"github.com/bluesky-social/indigo/atproto/syntax"

	"troupe/actors/identity"
	"troupe/actors/mailbox"
	"troupe/http/auth"
)

// ResolveHandleIn holds the parameter of com.atproto.identity.resolveHandle.
type ResolveHandleIn struct {
	Handle syntax.Handle `query:"handle"`
}

// ResolveHandleOut answers resolveHandle.
type ResolveHandleOut struct {
	DID syntax.DID `json:"did"`
}

// ResolveHandle finds the DID of a handle: of an active account here, or by
// DNS and HTTPS elsewhere. A handle under one of this server's own domains
// that no account has is not looked for in the network.
func (h Identity) ResolveHandle(ctx context.Context, _ auth.Nobody, in ResolveHandleIn) (ResolveHandleOut, error) {
	handle := in.Handle.Normalize()
	if a, ok := h.Index.ByHandle(handle); ok && a.Active() {
		return ResolveHandleOut{a.DID}, nil
	}
	for _, domain := range h.Domains {
		if strings.HasSuffix(handle.String(), domain) {
			return ResolveHandleOut{}, ErrHandleNotFound
		}
	}
	did, err := mailbox.Ask(ctx, h.IDs, identity.ResolveHandle{Handle: handle})
	if err != nil {
		return ResolveHandleOut{}, ErrHandleUnresolved
	}
	return ResolveHandleOut{did}, nil
}
