package identity

import (
	"context"
	"errors"
	"fmt"

	"github.com/bluesky-social/indigo/atproto/atcrypto"
	atid "github.com/bluesky-social/indigo/atproto/identity"
	"github.com/bluesky-social/indigo/atproto/syntax"

	"troupe/actors/mailbox"
)

// Names of verification methods that sign service tokens.
const (
	FragmentAtproto = "atproto"
	FragmentLabel   = "atproto_label"
)

// Directory asks the identities actor on behalf of code that is no actor. It is
// indigo's identity.Directory too, for that library's verifiers and clients.
type Directory struct {
	at mailbox.Address[*Identities]
}

var _ atid.Directory = Directory{}

// NewDirectory returns the directory behind an address.
func NewDirectory(at mailbox.Address[*Identities]) Directory { return Directory{at: at} }

// SigningKey is the public key that did's document declares under #fragment. fresh
// asks the network first. A cached document without a usable key of that name is
// refreshed once; after a signature that does not verify, ask again with fresh.
// ErrKeyNotFound, and the errors of ResolveDID.
func (d Directory) SigningKey(ctx context.Context, did syntax.DID, fragment string, fresh bool) (atcrypto.PublicKey, error) {
	key, err := d.signingKey(ctx, did, fragment, fresh)
	if errors.Is(err, ErrKeyNotFound) && !fresh {
		key, err = d.signingKey(ctx, did, fragment, true)
	}
	return key, err
}

func (d Directory) signingKey(ctx context.Context, did syntax.DID, fragment string, fresh bool) (atcrypto.PublicKey, error) {
	doc, err := mailbox.Ask(ctx, d.at, ResolveDID{DID: did, Fresh: fresh})
	if err != nil {
		return nil, err
	}
	return SigningKey(doc, fragment)
}

// SigningKey reads the key that a document declares under #fragment. ErrKeyNotFound.
func SigningKey(doc *atid.DIDDocument, fragment string) (atcrypto.PublicKey, error) {
	ident := atid.ParseIdentity(doc)
	key, err := ident.GetPublicKey(fragment)
	if err != nil {
		return nil, fmt.Errorf("%w: %s#%s: %w", ErrKeyNotFound, doc.DID, fragment, err)
	}
	return key, nil
}

// LookupDID resolves a DID and verifies its handle in both directions; a handle that
// does not point back becomes handle.invalid.
func (d Directory) LookupDID(ctx context.Context, did syntax.DID) (*atid.Identity, error) {
	doc, err := mailbox.Ask(ctx, d.at, ResolveDID{DID: did})
	if err != nil {
		return nil, err
	}
	ident := atid.ParseIdentity(doc)
	ident.Handle = syntax.HandleInvalid
	declared, err := ident.DeclaredHandle()
	if err != nil {
		return &ident, nil
	}
	back, err := mailbox.Ask(ctx, d.at, ResolveHandle{Handle: declared})
	if err == nil && back == did {
		ident.Handle = declared
	}
	return &ident, ctx.Err()
}

// LookupHandle resolves a handle, then its DID, and checks that the document names
// the handle in turn.
func (d Directory) LookupHandle(ctx context.Context, h syntax.Handle) (*atid.Identity, error) {
	h = h.Normalize()
	did, err := mailbox.Ask(ctx, d.at, ResolveHandle{Handle: h})
	if err != nil {
		return nil, err
	}
	doc, err := mailbox.Ask(ctx, d.at, ResolveDID{DID: did})
	if err != nil {
		return nil, err
	}
	ident := atid.ParseIdentity(doc)
	declared, err := ident.DeclaredHandle()
	if err != nil {
		return nil, err
	}
	if declared != h {
		return nil, fmt.Errorf("%w: %s names %s", atid.ErrHandleMismatch, did, declared)
	}
	ident.Handle = declared
	return &ident, nil
}

// Lookup is LookupDID or LookupHandle.
func (d Directory) Lookup(ctx context.Context, a syntax.AtIdentifier) (*atid.Identity, error) {
	if did, err := a.AsDID(); err == nil {
		return d.LookupDID(ctx, did)
	}
	h, err := a.AsHandle()
	if err != nil {
		return nil, fmt.Errorf("identity: %w", err)
	}
	return d.LookupHandle(ctx, h)
}

// Purge drops what is cached about a DID or a handle.
func (d Directory) Purge(ctx context.Context, a syntax.AtIdentifier) error {
	m := Forget{}
	if did, err := a.AsDID(); err == nil {
		m.DID = did
	} else if h, err := a.AsHandle(); err == nil {
		m.Handle = h
	}
	_, err := mailbox.Ask(ctx, d.at, m)
	return err
}
