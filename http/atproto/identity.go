package atproto

import (
	"context"
	"encoding/json"
	"errors"
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
// DNS and HTTPS elsewhere. Where they say nothing the app view may know.
func (h Identity) ResolveHandle(ctx context.Context, _ auth.Nobody, in ResolveHandleIn) (ResolveHandleOut, error) {
	handle := in.Handle.Normalize()
	if a, ok := h.Index.ByHandle(handle); ok && a.Active() {
		return ResolveHandleOut{a.DID}, nil
	}
	did, err := h.didOf(ctx, handle, false)
	if err == nil || errors.Is(err, ErrHandleNotFound) {
		return ResolveHandleOut{did}, err
	}
	if h.AskHandle != nil {
		if did, err = h.AskHandle(ctx, handle); err == nil {
			return ResolveHandleOut{did}, nil
		}
	}
	return ResolveHandleOut{}, ErrHandleUnresolved
}

// didOf is where a handle points. One of this server's own domains points at
// the active account that has it, and is not looked for in the network: that
// would ask this server. For any other the network decides, whatever the
// accounts here claim.
func (s *Service) didOf(ctx context.Context, handle syntax.Handle, fresh bool) (syntax.DID, error) {
	if s.Handles.Ours(handle) {
		if a, ok := s.Index.ByHandle(handle); ok && a.Active() {
			return a.DID, nil
		}
		return "", ErrHandleNotFound
	}
	return mailbox.Ask(ctx, s.IDs, identity.ResolveHandle{Handle: handle, Fresh: fresh})
}

// DIDDocOut answers com.atproto.identity.resolveDid.
type DIDDocOut struct {
	DIDDoc json.RawMessage `json:"didDoc"`
}

// ResolveDID finds the document of a DID.
func (h Identity) ResolveDID(ctx context.Context, _ auth.Nobody, in DIDIn) (DIDDocOut, error) {
	doc, err := mailbox.Ask(ctx, h.IDs, identity.ResolveDIDRaw{DID: in.DID})
	return DIDDocOut{doc}, err
}

// IdentifierIn holds the parameter of com.atproto.identity.resolveIdentity and
// the input of refreshIdentity.
type IdentifierIn struct {
	Identifier syntax.AtIdentifier `query:"identifier" json:"identifier"`
}

// IdentityInfo is com.atproto.identity.defs#identityInfo.
type IdentityInfo struct {
	DID    syntax.DID      `json:"did"`
	Handle syntax.Handle   `json:"handle"` // handle.invalid unless it points back
	DIDDoc json.RawMessage `json:"didDoc"`
}

// ResolveIdentity finds the DID, its document, and the handle that the document
// names and that points back.
func (h Identity) ResolveIdentity(ctx context.Context, _ auth.Nobody, in IdentifierIn) (IdentityInfo, error) {
	return h.identity(ctx, in.Identifier, false)
}

// RefreshIdentity is ResolveIdentity past every cache. It asks for a session:
// strangers must not make this server ask others at will.
func (h Identity) RefreshIdentity(ctx context.Context, _ auth.Session, in IdentifierIn) (IdentityInfo, error) {
	return h.identity(ctx, in.Identifier, true)
}

func (s *Service) identity(ctx context.Context, at syntax.AtIdentifier, fresh bool) (IdentityInfo, error) {
	did, err := at.AsDID()
	if err != nil {
		handle, err := at.AsHandle()
		if err != nil {
			return IdentityInfo{}, Invalid{"InvalidRequest", "identifier must be a DID or a handle"}
		}
		if did, err = s.didOf(ctx, handle.Normalize(), fresh); err != nil {
			return IdentityInfo{}, err
		}
	}
	doc, err := mailbox.Ask(ctx, s.IDs, identity.ResolveDIDRaw{DID: did, Fresh: fresh})
	if err != nil {
		return IdentityInfo{}, err
	}
	info := IdentityInfo{DID: did, Handle: declaredHandle(doc), DIDDoc: doc}
	if !s.pointsBack(ctx, info.Handle, did, fresh) {
		info.Handle = syntax.HandleInvalid
	}
	return info, ctx.Err()
}

// pointsBack reports whether a handle that a DID's document names points to the
// DID. A handle that cannot be resolved does not.
func (s *Service) pointsBack(ctx context.Context, handle syntax.Handle, did syntax.DID, fresh bool) bool {
	if handle == "" {
		return false
	}
	back, err := s.didOf(ctx, handle, fresh)
	return err == nil && back == did
}

// declaredHandle is the handle that a DID document names first, "" if that is
// none.
func declaredHandle(doc json.RawMessage) syntax.Handle {
	var d struct {
		AlsoKnownAs []string `json:"alsoKnownAs"`
	}
	if json.Unmarshal(doc, &d) != nil {
		return ""
	}
	for _, aka := range d.AlsoKnownAs {
		if name, ok := strings.CutPrefix(aka, "at://"); ok {
			handle, err := syntax.ParseHandle(name)
			if err != nil {
				return ""
			}
			return handle.Normalize()
		}
	}
	return ""
}
