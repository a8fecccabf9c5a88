package plc

import (
	"context"
	"encoding/json"

	"github.com/bluesky-social/indigo/atproto/atcrypto"
	"github.com/bluesky-social/indigo/atproto/syntax"
	"github.com/did-method-plc/go-didplc/didplc"
)

// Signer signs what the owner of a DID wants to do with it.
type Signer struct {
	Directory *Directory
	Rotation  atcrypto.PrivateKey
	Recovery  atcrypto.PublicKey // the operator's offline rotation key; nil: none
}

// Fields are what an operation sets anew; nil keeps what the DID has.
type Fields struct {
	RotationKeys        []string
	AlsoKnownAs         []string
	VerificationMethods map[string]string
	Services            map[string]didplc.OpService
}

// Sign makes the operation that follows the DID's newest one and sets fields. It is
// not sent: that is its owner's to do, here or elsewhere.
// ErrNotFound, ErrGone, ErrUnavailable, ErrOperation.
func (s *Signer) Sign(ctx context.Context, did syntax.DID, f Fields) (json.RawMessage, error) {
	last, err := s.Directory.Last(ctx, did)
	if err != nil {
		return nil, err
	}
	next, err := Next(last)
	if err != nil {
		return nil, err
	}
	if f.RotationKeys != nil {
		next.RotationKeys = f.RotationKeys
	}
	if f.AlsoKnownAs != nil {
		next.AlsoKnownAs = f.AlsoKnownAs
	}
	if f.VerificationMethods != nil {
		next.VerificationMethods = f.VerificationMethods
	}
	if f.Services != nil {
		next.Services = f.Services
	}
	return Sign(next, s.Rotation)
}

// RotationKeys are the rotation keys that this server recommends to a DID, the
// stronger first.
func (s *Signer) RotationKeys() ([]string, error) {
	server, err := s.Rotation.PublicKey()
	return RotationKeys(s.Recovery, server), err
}
