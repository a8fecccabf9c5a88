package atproto

import (
	"context"
	"errors"

	"github.com/bluesky-social/indigo/atproto/syntax"

	"troupe/actors/account"
	"troupe/actors/mailbox"
	"troupe/http/auth"
	"troupe/http/xrpc"
)

// errAccountNotFound is what moderators and owners are told of an account that is not here.
var errAccountNotFound = Invalid{"NotFound", "Account not found"}

// AccountView is com.atproto.admin.defs#accountView.
type AccountView struct {
	DID              syntax.DID    `json:"did"`
	Handle           syntax.Handle `json:"handle"`
	Email            account.Email `json:"email,omitempty"`
	IndexedAt        string        `json:"indexedAt"`
	InvitedBy        *InviteCode   `json:"invitedBy,omitempty"`
	Invites          []InviteCode  `json:"invites"`
	InvitesDisabled  bool          `json:"invitesDisabled"`
	EmailConfirmedAt string        `json:"emailConfirmedAt,omitempty"`
	DeactivatedAt    string        `json:"deactivatedAt,omitempty"`

	// ThreatSignatures say what a sign-up waits for: the lexicon has no field for it.
	ThreatSignatures []ThreatSignature `json:"threatSignatures,omitempty"`
}

// ThreatSignature is com.atproto.admin.defs#threatSignature.
type ThreatSignature struct {
	Property string `json:"property"`
	Value    string `json:"value"`
}

// waitsFor is the property of sign-ups that wait, once for each thing.
const waitsFor = "signupQueued"

func accountView(i account.Info) AccountView {
	v := AccountView{
		DID: i.DID, Handle: handleOf(account.Account{Handle: i.Handle}), Email: i.Email, IndexedAt: datetime(i.CreatedAt),
		Invites: inviteCodes(i.Invites), InvitesDisabled: i.InvitesDisabled,
	}
	if i.InvitedBy != nil {
		by := inviteCode(*i.InvitedBy)
		v.InvitedBy = &by
	}
	if !i.ConfirmedAt.IsZero() {
		v.EmailConfirmedAt = datetime(i.ConfirmedAt)
	}
	if !i.DeactivatedAt.IsZero() {
		v.DeactivatedAt = datetime(i.DeactivatedAt)
	}
	if i.Awaits&account.AwaitsEmail != 0 {
		v.ThreatSignatures = append(v.ThreatSignatures, ThreatSignature{waitsFor, "email"})
	}
	if i.Awaits&account.AwaitsApproval != 0 {
		v.ThreatSignatures = append(v.ThreatSignatures, ThreatSignature{waitsFor, "approval"})
	}
	return v
}

func accountViews(all []account.Info) []AccountView {
	views := make([]AccountView, len(all))
	for i := range all {
		views[i] = accountView(all[i])
	}
	return views
}

// GetAccountInfo tells moderators about an account.
func (h Admin) GetAccountInfo(ctx context.Context, _ auth.Moderator, in DIDIn) (AccountView, error) {
	all, err := h.Private.Infos(ctx, []syntax.DID{in.DID})
	if err != nil {
		return AccountView{}, err
	}
	if len(all) == 0 {
		return AccountView{}, errAccountNotFound
	}
	return accountView(all[0]), nil
}

// AccountInfosIn holds the parameter of com.atproto.admin.getAccountInfos.
type AccountInfosIn struct {
	DIDs []syntax.DID `query:"dids"`
}

// AccountInfosOut answers getAccountInfos.
type AccountInfosOut struct {
	Infos []AccountView `json:"infos"`
}

// maxInfos is how many accounts one request may ask about.
const maxInfos = 500

// GetAccountInfos tells moderators about several accounts, as far as they are here.
func (h Admin) GetAccountInfos(ctx context.Context, _ auth.Moderator, in AccountInfosIn) (AccountInfosOut, error) {
	if len(in.DIDs) > maxInfos {
		return AccountInfosOut{}, Invalid{"InvalidRequest", "Too many dids. Max: 500"}
	}
	all, err := h.Private.Infos(ctx, in.DIDs)
	return AccountInfosOut{accountViews(all)}, err
}

// SearchAccountsIn holds the parameters of com.atproto.admin.searchAccounts.
type SearchAccountsIn struct {
	Email  string     `query:"email"`
	Cursor syntax.DID `query:"cursor"`
	Limit  int        `query:"limit"`
}

// SearchAccountsOut answers searchAccounts.
type SearchAccountsOut struct {
	Cursor   syntax.DID    `json:"cursor,omitempty"`
	Accounts []AccountView `json:"accounts"`
}

// SearchAccounts finds accounts by a part of their address.
func (h Admin) SearchAccounts(ctx context.Context, _ auth.Moderator, in SearchAccountsIn) (SearchAccountsOut, error) {
	all, err := h.Private.Search(ctx, account.SearchedEmail(in.Email), in.Cursor, in.Limit)
	out := SearchAccountsOut{Accounts: accountViews(all)}
	if len(all) == in.Limit {
		out.Cursor = all[len(all)-1].DID
	}
	return out, err
}

// UpdateAccountEmailIn is the input of com.atproto.admin.updateAccountEmail.
type UpdateAccountEmailIn struct {
	Account syntax.AtIdentifier `json:"account"`
	Email   string              `json:"email"`
}

// UpdateAccountEmail replaces an account's address. Its owner has to confirm it again.
func (h Admin) UpdateAccountEmail(ctx context.Context, _ auth.Admin, in UpdateAccountEmailIn) (xrpc.None, error) {
	a, ok := h.account(in.Account)
	if !ok {
		return xrpc.None{}, Invalid{"InvalidRequest", "Account does not exist: " + in.Account.String()}
	}
	email, err := account.ParseEmail(in.Email)
	if err != nil {
		return xrpc.None{}, err
	}
	_, err = mailbox.Ask(ctx, h.Accounts, account.SetEmail{DID: a.DID, Email: email})
	switch {
	case errors.Is(err, account.ErrNotFound): // it does not sign in here
		err = Invalid{"InvalidRequest", "Account does not exist: " + in.Account.String()}
	case errors.Is(err, account.ErrEmailTaken):
		err = Taken{"Email", in.Email}
	}
	return xrpc.None{}, err
}

// UpdateAccountPasswordIn is the input of com.atproto.admin.updateAccountPassword.
type UpdateAccountPasswordIn struct {
	DID      syntax.DID `json:"did"`
	Password string     `json:"password"`
}

// UpdateAccountPassword replaces an account's password and ends its sessions.
func (h Admin) UpdateAccountPassword(ctx context.Context, _ auth.Admin, in UpdateAccountPasswordIn) (xrpc.None, error) {
	hash, err := h.SignIns.Passwords.Hash(ctx, in.Password)
	if errors.Is(err, account.ErrInvalidPassword) {
		err = Invalid{"InvalidRequest", "Invalid password length."}
	}
	if err != nil {
		return xrpc.None{}, err
	}
	_, err = mailbox.Ask(ctx, h.Accounts, account.SetPassword{DID: in.DID, Hash: hash})
	if errors.Is(err, account.ErrNotFound) {
		err = errAccountNotFound
	}
	return xrpc.None{}, err
}

// SendEmailIn is the input of com.atproto.admin.sendEmail.
type SendEmailIn struct {
	RecipientDID syntax.DID `json:"recipientDid"`
	Content      string     `json:"content"` // HTML
	Subject      string     `json:"subject"`
	SenderDID    syntax.DID `json:"senderDid"`
	Comment      string     `json:"comment"`
}

// SendEmailOut answers sendEmail.
type SendEmailOut struct {
	Sent bool `json:"sent"`
}

// SendEmail writes to the owner of an account, from the moderators' address.
// Sent means that the mail is kept until it has left.
func (h Admin) SendEmail(ctx context.Context, _ auth.Moderator, in SendEmailIn) (SendEmailOut, error) {
	if in.Subject == "" {
		in.Subject = "Message via your PDS"
	}
	_, err := mailbox.Ask(ctx, h.Accounts, account.Moderation(in.RecipientDID, in.Subject, in.Content))
	switch {
	case errors.Is(err, account.ErrNotFound):
		err = Invalid{"InvalidRequest", "Recipient not found"}
	case errors.Is(err, account.ErrNoEmail):
		err = Invalid{"InvalidRequest", "account does not have an email address"}
	}
	return SendEmailOut{err == nil}, err
}
