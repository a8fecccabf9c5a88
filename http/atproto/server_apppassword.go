package atproto

import (
	"context"
	"slices"

	"troupe/actors/account"
	"troupe/actors/mailbox"
	"troupe/http/auth"
	"troupe/http/xrpc"
)

// maxAppPasswordName is the longest name of an app password, in bytes.
const maxAppPasswordName = 512

// CreateAppPasswordIn is the input of com.atproto.server.createAppPassword.
type CreateAppPasswordIn struct {
	Name       string `json:"name"`
	Privileged bool   `json:"privileged"`
}

// AppPassword is #appPassword of createAppPassword, and without the password
// that of listAppPasswords.
type AppPassword struct {
	Name       string `json:"name"`
	Password   string `json:"password,omitempty"`
	CreatedAt  string `json:"createdAt"`
	Privileged bool   `json:"privileged"`
}

// CreateAppPassword makes a password for one app. It is shown this once.
func (h Server) CreateAppPassword(ctx context.Context, who auth.Owner, in CreateAppPasswordIn) (AppPassword, error) {
	// A session without the name of an app password is one of the account's own
	// password, so the empty name must belong to nobody.
	if in.Name == "" || len(in.Name) > maxAppPasswordName {
		return AppPassword{}, Invalid{"InvalidRequest", "Input/name must have between 1 and 512 bytes"}
	}
	password := account.NewAppPassword()
	hash, err := h.SignIns.Passwords.HashApp(ctx, who.DID, password)
	if err != nil {
		return AppPassword{}, err
	}
	made, err := mailbox.Ask(ctx, h.Accounts, account.CreateAppPassword{DID: who.DID, Name: in.Name, Password: hash, Privileged: in.Privileged})
	if err != nil {
		return AppPassword{}, err
	}
	return AppPassword{made.Name, password, datetime(made.CreatedAt), made.Privileged}, nil
}

// AppPasswordsOut answers com.atproto.server.listAppPasswords.
type AppPasswordsOut struct {
	Passwords []AppPassword `json:"passwords"`
}

// ListAppPasswords lists the app passwords of an account, newest first.
func (h Server) ListAppPasswords(ctx context.Context, who auth.Session, _ xrpc.None) (AppPasswordsOut, error) {
	all, err := h.Private.AppPasswords(ctx, who.DID)
	out := AppPasswordsOut{Passwords: []AppPassword{}}
	for _, p := range slices.Backward(all) {
		out.Passwords = append(out.Passwords, AppPassword{Name: p.Name, CreatedAt: datetime(p.CreatedAt), Privileged: p.Privileged})
	}
	return out, err
}

// RevokeAppPasswordIn is the input of com.atproto.server.revokeAppPassword.
type RevokeAppPasswordIn struct {
	Name string `json:"name"`
}

// RevokeAppPassword ends an app password and the sessions that it opened.
func (h Server) RevokeAppPassword(ctx context.Context, who auth.Session, in RevokeAppPasswordIn) (xrpc.None, error) {
	_, err := mailbox.Ask(ctx, h.Accounts, account.RevokeAppPassword{DID: who.DID, Name: in.Name})
	return xrpc.None{}, err
}
