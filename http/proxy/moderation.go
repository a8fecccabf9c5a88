package proxy

import (
	"context"
	"encoding/json"

	"troupe/http/auth"
	"troupe/http/upstream"
	"troupe/http/xrpc"
)

// Moderation holds com.atproto.moderation.*.
type Moderation struct{ Upstream *upstream.Client }

// CreateReport hands a report to the service that the client names, or to the one
// that takes reports. An account that is taken down may report too: that is how
// it appeals.
func (h Moderation) CreateReport(ctx context.Context, who auth.Session, body json.RawMessage) (json.RawMessage, error) {
	to, err := h.Upstream.Target(ctx, xrpc.CallOf(ctx))
	if err != nil {
		return nil, err
	}
	return answerJSON(h.Upstream.Post(ctx, to, who.DID, upstream.MethodCreateReport, body))
}

// answerJSON holds an answer to being JSON.
func answerJSON(text []byte, err error) (json.RawMessage, error) {
	if err == nil && !json.Valid(text) {
		return nil, &xrpc.Error{Status: 502, Name: "InvalidResponse", Message: "The upstream service did not answer with JSON"}
	}
	return text, err
}
