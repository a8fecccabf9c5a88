package proxy

import (
	"context"
	"encoding/json"

	"github.com/bluesky-social/indigo/atproto/syntax"

	"troupe/http/auth"
	"troupe/http/upstream"
	"troupe/http/xrpc"
)

// Notification holds app.bsky.notification.*: a device is registered with the
// service that its app names in the body.
type Notification struct{ Upstream *upstream.Client }

// RegisterPush begins sending push messages to a device.
func (h Notification) RegisterPush(ctx context.Context, who auth.Session, body json.RawMessage) (xrpc.None, error) {
	return xrpc.None{}, h.forward(ctx, who, body)
}

// UnregisterPush ends it.
func (h Notification) UnregisterPush(ctx context.Context, who auth.Session, body json.RawMessage) (xrpc.None, error) {
	return xrpc.None{}, h.forward(ctx, who, body)
}

func (h Notification) forward(ctx context.Context, who auth.Session, body json.RawMessage) error {
	var in struct {
		ServiceDID syntax.DID `json:"serviceDid"`
	}
	if err := json.Unmarshal(body, &in); err != nil {
		return invalid("InvalidRequest", "Input/serviceDid is not valid")
	}
	to, err := h.Upstream.Notifications(ctx, in.ServiceDID)
	if err != nil {
		return err
	}
	_, err = h.Upstream.Post(ctx, to, who.DID, xrpc.CallOf(ctx).NSID, body)
	return err
}
