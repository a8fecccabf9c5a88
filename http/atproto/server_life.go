package atproto

import (
	"context"
	"errors"
	"time"

	"github.com/bluesky-social/indigo/atproto/syntax"

	"troupe/actors/account"
	"troupe/actors/mailbox"
	"troupe/actors/saga"
	"troupe/http/auth"
	"troupe/http/xrpc"
)

// ActivateAccount brings an account (back) to life, if its DID leads here.
func (h Server) ActivateAccount(ctx context.Context, who auth.Owner, _ xrpc.None) (xrpc.None, error) {
	_, err := mailbox.Ask(ctx, h.Sagas, saga.Activate{DID: who.DID})
	if errors.Is(err, account.ErrNotFound) {
		err = Invalid{"AccountNotFound", "user not found"}
	}
	return xrpc.None{}, err
}

// DeactivateAccountIn is the input of com.atproto.server.deactivateAccount.
type DeactivateAccountIn struct {
	DeleteAfter string `json:"deleteAfter"`
}

// DeactivateAccount hides an account until its owner activates it, or until the
// time at which it is to be deleted.
func (h Server) DeactivateAccount(ctx context.Context, who auth.Owner, in DeactivateAccountIn) (xrpc.None, error) {
	var after time.Time
	if in.DeleteAfter != "" {
		at, err := syntax.ParseDatetime(in.DeleteAfter)
		if err != nil {
			return xrpc.None{}, Invalid{"InvalidRequest", "Input/deleteAfter must be an valid atproto datetime (both RFC-3339 and ISO-8601)"}
		}
		after = at.Time()
	}
	_, err := mailbox.Ask(ctx, h.Sagas, saga.Deactivate{DID: who.DID, DeleteAfter: after})
	if errors.Is(err, account.ErrNotFound) {
		err = Invalid{"InvalidRequest", "Account not found"}
	}
	return xrpc.None{}, err
}

// RequestAccountDelete mails the code that deleting the account takes.
func (h Server) RequestAccountDelete(ctx context.Context, who auth.Owner, _ xrpc.None) (xrpc.None, error) {
	_, err := mailbox.Ask(ctx, h.Accounts, account.IssueToken{DID: who.DID, Purpose: account.PurposeDeleteAccount})
	if errors.Is(err, account.ErrNotFound) {
		err = noSuchAccount
	}
	return xrpc.None{}, err
}

var noSuchAccount = Invalid{"InvalidRequest", "account not found"}

// DeleteAccountIn is the input of com.atproto.server.deleteAccount.
type DeleteAccountIn struct {
	DID      syntax.DID `json:"did"`
	Password string     `json:"password"`
	Token    string     `json:"token"`
}

// DeleteAccount deletes an account for whoever knows its password and reads its
// mail. A session is not asked for, and an app password is not enough.
func (h Server) DeleteAccount(ctx context.Context, _ auth.Nobody, in DeleteAccountIn) (xrpc.None, error) {
	if _, ok := h.Index.ByDID(in.DID); !ok {
		return xrpc.None{}, noSuchAccount
	}
	if len(in.Password) > account.MaxPassword {
		return xrpc.None{}, ErrLongPassword
	}
	err := h.SignIns.Verify(ctx, in.DID, in.Password)
	switch {
	case errors.Is(err, account.ErrBadCredentials):
		return xrpc.None{}, ErrWrongPassword
	case err != nil:
		return xrpc.None{}, err
	}
	if _, err := mailbox.Ask(ctx, h.Accounts, account.UseToken{DID: in.DID, Purpose: account.PurposeDeleteAccount, Token: in.Token}); err != nil {
		return xrpc.None{}, err
	}
	// The code is used up. From here on it is this server's business that the
	// account goes, whether its owner waits for that or not.
	_, err = mailbox.Ask(context.WithoutCancel(ctx), h.Sagas, saga.Delete{DID: in.DID})
	return xrpc.None{}, err
}
