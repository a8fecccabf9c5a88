package saga

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	atid "github.com/bluesky-social/indigo/atproto/identity"
	"github.com/bluesky-social/indigo/atproto/syntax"

	"troupe/actors/identity"
	"troupe/actors/identity/plc"
)

// Residence is where a DID must lead for its account to be active here. Its
// methods may be called from any goroutine; they ask the network.
type Residence struct {
	Directory *plc.Directory
	Rotation  string // did:key of this server's rotation key
	Endpoint  string // URL of this server, as DID documents name it
	// Document is the DID document as it is now, for methods other than did:plc.
	Document func(context.Context, syntax.DID) (*atid.DIDDocument, error)
	// SigningKey is the did:key that an account signs with here.
	SigningKey func(context.Context, syntax.DID) (string, error)
}

// Check is nil if the DID leads here, in the order in which the reference looks:
// [ErrNoDocument], [ErrDocumentUnknown], [ErrNoRotationKey], [ErrWrongEndpoint],
// [ErrWrongKey]. Of a did:plc the directory's own data are asked for: what a
// document leaves out, the rotation keys, decides who owns the account.
func (r Residence) Check(ctx context.Context, did syntax.DID) error {
	endpoint, key, err := r.declared(ctx, did)
	if err != nil {
		return err
	}
	if endpoint == "" || endpoint != r.Endpoint {
		return ErrWrongEndpoint
	}
	own, err := r.SigningKey(ctx, did)
	if err != nil {
		return err
	}
	if key == "" || key != own {
		return ErrWrongKey
	}
	return nil
}

// declared is the server and the signing key that a DID names.
func (r Residence) declared(ctx context.Context, did syntax.DID) (endpoint, key string, err error) {
	if strings.HasPrefix(did.String(), "did:plc:") {
		data, err := r.Directory.Data(ctx, did)
		switch {
		case errors.Is(err, plc.ErrNotFound), errors.Is(err, plc.ErrGone):
			return "", "", fmt.Errorf("%w: %w", ErrNoDocument, err)
		case err != nil:
			return "", "", fmt.Errorf("%w: %w", ErrDocumentUnknown, err)
		case !slices.Contains(data.RotationKeys, r.Rotation):
			return "", "", ErrNoRotationKey
		}
		return data.Services["atproto_pds"].Endpoint, data.VerificationMethods["atproto"], nil
	}
	doc, err := r.Document(ctx, did)
	switch {
	case errors.Is(err, identity.ErrNotFound), errors.Is(err, identity.ErrDeactivated), errors.Is(err, identity.ErrUnsupported):
		return "", "", fmt.Errorf("%w: %w", ErrNoDocument, err)
	case err != nil:
		return "", "", fmt.Errorf("%w: %w", ErrDocumentUnknown, err)
	}
	if public, err := identity.SigningKey(doc, identity.FragmentAtproto); err == nil {
		key = public.DIDKey()
	}
	return pdsOf(doc), key, nil
}

// pdsOf is the URL of the PDS that a document names, "" if it names none.
func pdsOf(doc *atid.DIDDocument) string {
	for _, v := range doc.Service {
		if (v.ID == "#atproto_pds" || v.ID == doc.DID.String()+"#atproto_pds") && v.Type == "AtprotoPersonalDataServer" {
			return v.ServiceEndpoint
		}
	}
	return ""
}
