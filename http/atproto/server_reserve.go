package atproto

import (
	"context"

	"github.com/bluesky-social/indigo/atproto/syntax"

	"troupe/http/auth"
)

// ReserveSigningKeyIn is the input of com.atproto.server.reserveSigningKey.
type ReserveSigningKeyIn struct {
	DID syntax.DID `json:"did"`
}

// SigningKeyOut answers reserveSigningKey.
type SigningKeyOut struct {
	SigningKey string `json:"signingKey"`
}

// ReserveSigningKey makes the key that an account to come will sign with, so that a
// DID can name it before the account is here. Anybody may ask, so their number is
// bounded, by address and in all, and they end.
func (h Server) ReserveSigningKey(_ context.Context, _ auth.Nobody, in ReserveSigningKeyIn) (SigningKeyOut, error) {
	key, err := h.ReserveKey(in.DID)
	return SigningKeyOut{key}, err
}
