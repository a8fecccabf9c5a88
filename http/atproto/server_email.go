package atproto

import (
	"context"
	"errors"
	"time"

	"troupe/actors/account"
	"troupe/actors/mailbox"
	"troupe/http/auth"
	"troupe/http/xrpc"
)

// RequestEmailConfirmation mails the code that confirms the account's address.
func (h Server) RequestEmailConfirmation(ctx context.Context, who auth.Session, _ xrpc.None) (xrpc.None, error) {
	return xrpc.None{}, h.mailCode(ctx, account.IssueToken{DID: who.DID, Purpose: account.PurposeConfirmEmail})
}

func (s *Service) mailCode(ctx context.Context, m account.IssueToken) error {
	_, err := mailbox.Ask(ctx, s.Accounts, m)
	if errors.Is(err, account.ErrNotFound) {
		err = Invalid{"InvalidRequest", "account not found"}
	}
	return err
}

// ConfirmEmailIn is the input of com.atproto.server.confirmEmail.
type ConfirmEmailIn struct {
	Email string `json:"email"`
	Token string `json:"token"`
}

// ConfirmEmail takes the code that confirms the account's address.
func (h Server) ConfirmEmail(ctx context.Context, who auth.Session, in ConfirmEmailIn) (xrpc.None, error) {
	email, err := account.ParseEmail(in.Email)
	if err != nil { // an address that no account can have
		email = ""
	}
	_, err = mailbox.Ask(ctx, h.Accounts, account.ConfirmEmail{DID: who.DID, Email: email, Token: in.Token})
	if errors.Is(err, account.ErrNotFound) {
		err = Invalid{"AccountNotFound", "user not found"}
	}
	if err == nil {
		h.letIn(ctx, who.DID)
	}
	return xrpc.None{}, err
}

// RequestEmailUpdateOut answers com.atproto.server.requestEmailUpdate.
type RequestEmailUpdateOut struct {
	TokenRequired bool `json:"tokenRequired"`
}

// RequestEmailUpdate says whether the account's address is given up with a code
// only, and mails that code.
func (h Server) RequestEmailUpdate(ctx context.Context, who auth.Owner, _ xrpc.None) (RequestEmailUpdateOut, error) {
	private, err := h.Private.Private(ctx, who.DID)
	switch {
	case errors.Is(err, account.ErrNotFound):
		return RequestEmailUpdateOut{}, Invalid{"InvalidRequest", "account not found"}
	case err != nil:
		return RequestEmailUpdateOut{}, err
	case private.ConfirmedAt.IsZero():
		return RequestEmailUpdateOut{}, nil
	}
	return RequestEmailUpdateOut{true}, h.mailCode(ctx, account.IssueToken{DID: who.DID, Purpose: account.PurposeUpdateEmail})
}

// UpdateEmailIn is the input of com.atproto.server.updateEmail.
type UpdateEmailIn struct {
	Email           string `json:"email"`
	EmailAuthFactor *bool  `json:"emailAuthFactor"`
	Token           string `json:"token"`
}

// UpdateEmail changes the account's address, or whether signing in takes a code
// that is mailed there.
func (h Server) UpdateEmail(ctx context.Context, who auth.Owner, in UpdateEmailIn) (xrpc.None, error) {
	email, err := h.Emails.Parse(in.Email)
	if err != nil && in.EmailAuthFactor != nil {
		// An address that was taken before it was thought of as one to refuse keeps its factor.
		same, invalid := account.ParseEmail(in.Email)
		if private, err := h.Private.Private(ctx, who.DID); err == nil && invalid == nil && private.Email == same {
			email = same
		}
	}
	if email == "" {
		return xrpc.None{}, err
	}
	_, err = mailbox.Ask(ctx, h.Accounts, account.UpdateEmail{DID: who.DID, Email: email, Token: in.Token, Factor: in.EmailAuthFactor})
	switch {
	case errors.Is(err, account.ErrNotFound):
		err = Invalid{"InvalidRequest", "account not found"}
	case errors.Is(err, account.ErrEmailTaken):
		err = Invalid{"InvalidRequest", "This email address is already in use, please use a different email."}
	}
	return xrpc.None{}, err
}

// RequestPasswordResetIn is the input of com.atproto.server.requestPasswordReset.
type RequestPasswordResetIn struct {
	Email string `json:"email"`
}

// RequestPasswordReset mails a code to the account of an address. An address that
// nobody has is refused, as clients expect who tell a person of a typing error;
// the answer leaves at the same time whatever the address, so that only who asks
// as a client does, within its rate limit, learns anything. An address that has
// had too much mail is answered like any other.
func (h Server) RequestPasswordReset(ctx context.Context, _ auth.Nobody, in RequestPasswordResetIn) (xrpc.None, error) {
	floor := time.NewTimer(h.SignIns.Floor)
	defer floor.Stop()
	err := h.requestReset(ctx, in.Email)
	select {
	case <-floor.C:
	case <-ctx.Done(): // nobody is there to measure
	}
	return xrpc.None{}, err
}

func (h Server) requestReset(ctx context.Context, address string) error {
	email, err := account.ParseEmail(address)
	if err != nil {
		return errNoSuchAddress
	}
	did, err := h.Private.ByEmail(ctx, email)
	if err == nil {
		_, err = mailbox.Ask(ctx, h.Accounts, account.IssueToken{DID: did, Purpose: account.PurposeResetPassword})
	}
	switch {
	case errors.Is(err, account.ErrNotFound), errors.Is(err, account.ErrNoEmail):
		return errNoSuchAddress
	case errors.Is(err, account.ErrMailBudget):
		return nil
	}
	return err
}

var errNoSuchAddress = Invalid{"InvalidRequest", "account does not have an email address"}

// ResetPasswordIn is the input of com.atproto.server.resetPassword.
type ResetPasswordIn struct {
	Token    string `json:"token"`
	Password string `json:"password"`
}

// ResetPassword sets a password by a code that was mailed.
func (h Server) ResetPassword(ctx context.Context, _ auth.Nobody, in ResetPasswordIn) (xrpc.None, error) {
	if len(in.Password) > account.MaxNewPassword || in.Password == "" {
		return xrpc.None{}, Invalid{"InvalidRequest", "Invalid password length."}
	}
	// Before the password is hashed: guessing codes must not cost that.
	if err := h.Private.CheckReset(ctx, in.Token, time.Now()); err != nil {
		return xrpc.None{}, err
	}
	hash, err := h.SignIns.Passwords.Hash(ctx, in.Password)
	if err == nil {
		_, err = mailbox.Ask(ctx, h.Accounts, account.ResetPassword{Token: in.Token, Hash: hash})
	}
	return xrpc.None{}, err
}
