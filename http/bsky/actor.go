package bsky

import (
	"context"

	"troupe/http/auth"
	"troupe/http/xrpc"
)

// GetProfile shows a profile; the caller's own as it is now.
func (h Actor) GetProfile(ctx context.Context, who auth.Session, _ xrpc.None) (xrpc.Stream, error) {
	return h.overlay(ctx, who.DID, func(_ context.Context, v *viewer, body body) ([]byte, error) {
		if !v.local.fresh {
			return nil, nil
		}
		return body.change(v.profileAnswer)
	})
}

// GetProfiles shows profiles; the caller's own as it is now.
func (h Actor) GetProfiles(ctx context.Context, who auth.Session, _ xrpc.None) (xrpc.Stream, error) {
	return h.overlay(ctx, who.DID, func(_ context.Context, v *viewer, body body) ([]byte, error) {
		if !v.local.fresh {
			return nil, nil
		}
		return body.change(v.profilesAnswer)
	})
}
