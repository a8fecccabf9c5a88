package atproto

import (
	"context"
	"errors"

	"github.com/bluesky-social/indigo/atproto/syntax"

	"troupe/actors/account"
	"troupe/actors/mailbox"
	"troupe/actors/saga"
	"troupe/http/auth"
	"troupe/http/xrpc"
)

// UpdateAccountHandleIn is the input of com.atproto.admin.updateAccountHandle.
type UpdateAccountHandleIn struct {
	DID    syntax.DID `json:"did"`
	Handle string     `json:"handle"`
}

// UpdateAccountHandle gives an account another handle, a reserved one if need be.
func (h Admin) UpdateAccountHandle(ctx context.Context, _ auth.Admin, in UpdateAccountHandleIn) (xrpc.None, error) {
	return xrpc.None{}, h.changeHandle(ctx, saga.ChangeHandle{DID: in.DID, Handle: in.Handle, Admin: true})
}

// UpdateAccountSigningKeyIn is the input of com.atproto.admin.updateAccountSigningKey.
type UpdateAccountSigningKeyIn struct {
	DID        syntax.DID `json:"did"`
	SigningKey string     `json:"signingKey"`
}

// UpdateAccountSigningKey has an account sign with a key that was reserved for it
// (com.atproto.server.reserveSigningKey); with the key that it has, that one is made
// known again.
func (h Admin) UpdateAccountSigningKey(ctx context.Context, _ auth.Admin, in UpdateAccountSigningKeyIn) (xrpc.None, error) {
	_, err := mailbox.Ask(ctx, h.Sagas, saga.RotateKey{DID: in.DID, Key: in.SigningKey})
	if errors.Is(err, account.ErrNotFound) {
		err = Invalid{"InvalidRequest", "Account not found"}
	}
	return xrpc.None{}, err
}
