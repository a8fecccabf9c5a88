package bsky

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"net/http"

	"github.com/bluesky-social/indigo/atproto/syntax"

	"troupe/actors/mailbox"
	"troupe/actors/repo"
	"troupe/http/auth"
	"troupe/http/xrpc"
)

// namespace is that of the preferences that these methods are about.
const namespace syntax.NSID = "app.bsky"

// Preferences are private settings as clients send and get them.
type Preferences struct {
	Preferences []json.RawMessage `json:"preferences"`
}

// GetPreferences reads the preferences of the caller, or for a moderator those of
// anybody. Those that another service keeps are asked of that service.
func (h Actor) GetPreferences(ctx context.Context, who auth.Insider, _ xrpc.None) (any, error) {
	_, foreign, err := h.foreign(ctx)
	switch {
	case err != nil:
		return nil, err
	case foreign && who.Moderator:
		return nil, invalid("Moderator requests cannot be proxied to other app views")
	case foreign:
		answer, err := h.Upstream.Forward(ctx, who.DID)
		if err != nil {
			return nil, err
		}
		return answer.Stream(), nil
	}
	did := who.DID
	if who.Moderator {
		if did, err = syntax.ParseDID(callOf(ctx).Request.URL.Query().Get("did")); err != nil {
			return nil, invalid("Invalid or missing did parameter")
		}
	}
	all, err := mailbox.Ask(ctx, h.repo(did), repo.GetPreferences{Namespace: namespace, Full: who.Moderator || who.Full()})
	if errors.Is(err, repo.ErrNotFound) {
		return nil, &xrpc.Error{Status: http.StatusBadRequest, Name: "NotFound", Message: "Repo not found"}
	}
	out := Preferences{Preferences: make([]json.RawMessage, len(all))}
	for i, p := range all {
		out.Preferences[i] = p.Value
	}
	return out, err
}

// PutPreferences replaces the caller's preferences, as far as the session may see
// them, or has another service replace those that it keeps.
func (h Actor) PutPreferences(ctx context.Context, who auth.Session, in json.RawMessage) (xrpc.None, error) {
	_, foreign, err := h.foreign(ctx)
	if err != nil {
		return xrpc.None{}, err
	}
	if foreign {
		return xrpc.None{}, h.forwardPreferences(ctx, who.DID, in)
	}
	var body Preferences
	if err := json.Unmarshal(in, &body); err != nil {
		return xrpc.None{}, invalid("Input is not valid")
	}
	m := repo.PutPreferences{Namespace: namespace, Full: who.Full()}
	for _, raw := range body.Preferences {
		p, err := preference(raw)
		if err != nil {
			return xrpc.None{}, err
		}
		m.Preferences = append(m.Preferences, p)
	}
	_, err = mailbox.Ask(ctx, h.repo(who.DID), m)
	return xrpc.None{}, err
}

// forwardPreferences sends the body on as it was read and checked.
func (h Actor) forwardPreferences(ctx context.Context, did syntax.DID, body []byte) error {
	call := callOf(ctx)
	to, err := h.Upstream.Target(ctx, call)
	if err != nil {
		return err
	}
	_, err = h.Upstream.Post(ctx, to, did, call.NSID, body)
	return err
}

// preference reads what a setting is of its own text, and keeps the text.
func preference(raw json.RawMessage) (repo.Preference, error) {
	o, err := parseObject(raw)
	if err != nil {
		return repo.Preference{}, invalid("Preference is not an object")
	}
	var name string
	if err := json.Unmarshal(o.get("$type"), &name); err != nil || name == "" {
		return repo.Preference{}, invalid("Preference is missing a $type")
	}
	// One $type has to speak for all: a session sees a preference or not by it.
	o.put("$type", o.get("$type"))
	var text bytes.Buffer
	if err := json.Compact(&text, o.encode()); err != nil {
		return repo.Preference{}, invalid("Preference is not valid JSON")
	}
	return repo.Preference{Name: name, Value: text.Bytes()}, nil
}

func invalid(message string) error {
	return &xrpc.Error{Status: http.StatusBadRequest, Message: message}
}

func callOf(ctx context.Context) *xrpc.Call { return xrpc.CallOf(ctx) }
