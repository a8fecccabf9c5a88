package atproto

import (
	"context"
	"encoding/json"
	"errors"
	"strings"
	"time"

	"github.com/bluesky-social/indigo/atproto/atcrypto"
	"github.com/bluesky-social/indigo/atproto/syntax"

	"troupe/actors/account"
	"troupe/actors/identity"
	"troupe/actors/mailbox"
	"troupe/actors/saga"
	"troupe/http/auth"
	"troupe/http/xrpc"
	"troupe/sequencing"
)

// DescribeServerOut answers com.atproto.server.describeServer.
type DescribeServerOut struct {
	DID                  syntax.DID    `json:"did"`
	AvailableUserDomains []string      `json:"availableUserDomains"`
	InviteCodeRequired   bool          `json:"inviteCodeRequired"`
	Links                ServerLinks   `json:"links"`
	Contact              ServerContact `json:"contact"`
	BlobUploadLimit      int64         `json:"blobUploadLimit,omitempty"`
}

// ServerLinks is com.atproto.server.describeServer#links.
type ServerLinks struct {
	PrivacyPolicy  string `json:"privacyPolicy,omitempty"`
	TermsOfService string `json:"termsOfService,omitempty"`
}

// ServerContact is com.atproto.server.describeServer#contact.
type ServerContact struct {
	Email string `json:"email,omitempty"`
}

// DescribeServer tells a client what it may offer to a newcomer.
func (h Server) DescribeServer(context.Context, auth.Nobody, xrpc.None) (DescribeServerOut, error) {
	return DescribeServerOut{
		DID: h.DID, AvailableUserDomains: h.Handles.Domains, InviteCodeRequired: h.Invites.Required,
		Links:   ServerLinks{h.PrivacyPolicy, h.TermsOfService},
		Contact: ServerContact{h.Contact}, BlobUploadLimit: h.BlobLimit,
	}, nil
}

// CreateAccountIn is the input of com.atproto.server.createAccount.
type CreateAccountIn struct {
	Email       string             `json:"email"`
	Handle      string             `json:"handle"`
	DID         syntax.DID         `json:"did"`
	InviteCode  account.InviteCode `json:"inviteCode"`
	Password    string             `json:"password"`
	RecoveryKey string             `json:"recoveryKey"`
	PLCOp       json.RawMessage    `json:"plcOp"`
}

// SessionOut answers createAccount, createSession and refreshSession.
type SessionOut struct {
	AccessJWT      string          `json:"accessJwt,omitempty"`
	RefreshJWT     string          `json:"refreshJwt,omitempty"`
	Handle         syntax.Handle   `json:"handle"`
	DID            syntax.DID      `json:"did"`
	DIDDoc         json.RawMessage `json:"didDoc,omitempty"`
	Email          string          `json:"email,omitempty"`
	EmailConfirmed *bool           `json:"emailConfirmed,omitempty"`
	EmailFactor    *bool           `json:"emailAuthFactor,omitempty"`
	Active         *bool           `json:"active,omitempty"`
	Status         string          `json:"status,omitempty"`
}

// CreateAccount signs somebody up and in.
func (h Server) CreateAccount(ctx context.Context, who auth.Newcomer, in CreateAccountIn) (SessionOut, error) {
	m := saga.SignUp{Handle: in.Handle, Email: in.Email, Password: in.Password, Invite: in.InviteCode, DID: in.DID}
	switch {
	case len(in.PLCOp) > 0 && string(in.PLCOp) != "null":
		return SessionOut{}, Invalid{"InvalidRequest", "Unsupported input: \"plcOp\""}
	case h.HostedDIDWeb && in.DID != "" && who.Issuer == "" && in.DID == h.Handles.HostedDID(syntax.Handle(in.Handle)):
		m.DID, m.HostDID = "", true // nobody else can speak for the name
	case in.DID != "" && in.DID != who.Issuer:
		return SessionOut{}, NotIssuer{in.DID} // before the handle: nobody unknown makes us ask the network about one
	}
	if in.RecoveryKey != "" {
		key, err := atcrypto.ParsePublicDIDKey(in.RecoveryKey)
		if err != nil {
			return SessionOut{}, Invalid{"InvalidRequest", "Input/recoveryKey must be a did:key"}
		}
		m.Recovery = key
	}
	s, err := h.signUp(ctx, m)
	switch {
	case errors.Is(err, account.ErrHandleTaken):
		return SessionOut{}, Taken{"Handle", syntax.Handle(in.Handle).Normalize().String()}
	case errors.Is(err, account.ErrEmailTaken):
		return SessionOut{}, Taken{"Email", in.Email}
	case err != nil:
		return SessionOut{}, err
	}
	return SessionOut{
		AccessJWT: s.Access, RefreshJWT: s.Refresh, Handle: handleOf(s.Account), DID: s.Account.DID,
		DIDDoc: h.didDoc(ctx, s.Account.DID),
	}, nil
}

// signUp asks for an account, of which there are only so many in a time. A
// sign-up whose outcome is not known keeps its place.
func (s *Service) signUp(ctx context.Context, m saga.SignUp) (account.Session, error) {
	failed, err := s.SignUps.Take(xrpc.CallOf(ctx))
	if err != nil {
		return account.Session{}, err
	}
	session, err := mailbox.Ask(ctx, s.Sagas, m)
	if err != nil && ctx.Err() == nil && !errors.Is(err, saga.ErrUnfinished) && !errors.Is(err, saga.ErrUnconfirmed) {
		failed()
	}
	return session, err
}

// sessionDoc is the DID document for a session's answer, if this server sends it.
func (s *Service) sessionDoc(ctx context.Context, did syntax.DID) json.RawMessage {
	if !s.DIDDocs {
		return nil
	}
	return s.didDoc(ctx, did)
}

// didDoc is the DID document of an account. Clients do without one when it
// cannot be had.
func (s *Service) didDoc(ctx context.Context, did syntax.DID) json.RawMessage {
	doc, err := mailbox.Ask(ctx, s.IDs, identity.ResolveDIDRaw{DID: did})
	if err != nil {
		return nil
	}
	return doc
}

// CreateSessionIn is the input of com.atproto.server.createSession.
type CreateSessionIn struct {
	Identifier      string `json:"identifier"`
	Password        string `json:"password"`
	AuthFactorToken string `json:"authFactorToken"`
	AllowTakendown  bool   `json:"allowTakendown"`
}

// RateName implements xrpc.RateName: the identifier, which signing in takes in
// any case.
func (in CreateSessionIn) RateName() string {
	return strings.TrimPrefix(strings.ToLower(strings.TrimSpace(in.Identifier)), "@")
}

// CreateSession signs in.
func (h Server) CreateSession(ctx context.Context, _ auth.Nobody, in CreateSessionIn) (SessionOut, error) {
	s, err := h.SignIns.SignIn(ctx, account.Credentials{
		Identifier: in.Identifier, Password: in.Password, Factor: in.AuthFactorToken, AllowTakendown: in.AllowTakendown,
	})
	if errors.Is(err, account.ErrInvalidPassword) {
		err = ErrLongPassword
	}
	if err != nil {
		return SessionOut{}, err
	}
	return h.sessionOut(ctx, s)
}

// RefreshSession exchanges a refresh token for a new pair.
func (h Server) RefreshSession(ctx context.Context, who auth.Refresh, _ xrpc.None) (SessionOut, error) {
	switch a, ok := h.Index.ByDID(who.DID); {
	case !ok:
		return SessionOut{}, noUserInfo(who.DID)
	case down(a): // whatever became of the token
		return SessionOut{}, account.ErrTakendown
	}
	s, err := h.SignIns.Refresh(ctx, who.Refresh)
	if err != nil {
		return SessionOut{}, err
	}
	return h.sessionOut(ctx, s)
}

// DeleteSession signs out.
func (h Server) DeleteSession(ctx context.Context, who auth.Refresh, _ xrpc.None) (xrpc.None, error) {
	_, err := mailbox.Ask(ctx, h.Accounts, account.CloseSession{DID: who.DID, ID: who.ID})
	return xrpc.None{}, err
}

// GetSession tells a client whose session it holds. A taken-down account has
// none, though its last access token may not have expired.
func (h Server) GetSession(ctx context.Context, who auth.Session, _ xrpc.None) (SessionOut, error) {
	a, ok := h.Index.ByDID(who.DID)
	if !ok || down(a) {
		return SessionOut{}, noUserInfo(who.DID)
	}
	return h.sessionOut(ctx, account.Session{Account: a})
}

// down reports whether moderation has closed the account.
func down(a account.Account) bool {
	return a.Status == sequencing.StatusTakendown || a.Status == sequencing.StatusSuspended
}

// noUserInfo refuses the session of an account that is gone.
func noUserInfo(did syntax.DID) error {
	return Invalid{"InvalidRequest", "Could not find user info for account: " + did.String()}
}

func (s *Service) sessionOut(ctx context.Context, in account.Session) (SessionOut, error) {
	out := SessionOut{
		AccessJWT: in.Access, RefreshJWT: in.Refresh, Handle: handleOf(in.Account), DID: in.Account.DID,
		DIDDoc: s.sessionDoc(ctx, in.Account.DID),
	}
	private, err := s.Private.Private(ctx, in.Account.DID)
	if err != nil && !errors.Is(err, account.ErrNotFound) {
		return SessionOut{}, err
	}
	active, confirmed := in.Account.Active(), !private.ConfirmedAt.IsZero()
	out.Active = &active
	if !active {
		out.Status = in.Account.Status.String()
	}
	if err == nil {
		out.Email, out.EmailConfirmed, out.EmailFactor = string(private.Email), &confirmed, &private.EmailFactor
	}
	return out, nil
}

// GetServiceAuthIn holds the parameters of com.atproto.server.getServiceAuth.
type GetServiceAuthIn struct {
	Aud string      `query:"aud"`
	Exp int64       `query:"exp"`
	Lxm syntax.NSID `query:"lxm"`
}

// ServiceAuthOut answers getServiceAuth.
type ServiceAuthOut struct {
	Token string `json:"token"`
}

// GetServiceAuth mints a token that the account's key signs, for another service.
func (h Server) GetServiceAuth(ctx context.Context, who auth.Session, in GetServiceAuthIn) (ServiceAuthOut, error) {
	expires, err := serviceAuthExpiry(in, time.Now())
	if err != nil {
		return ServiceAuthOut{}, err
	}
	if err := mayMint(who, in); err != nil {
		return ServiceAuthOut{}, err
	}
	if a, ok := h.Index.ByDID(who.DID); !ok {
		return ServiceAuthOut{}, ErrNoAccount
	} else if a.Status == sequencing.StatusTakendown && !who.Takendown() && in.Lxm != methodCreateAccount {
		return ServiceAuthOut{}, AccountUnavailable{a.Status}
	}
	token, err := mailbox.Ask(ctx, h.repo(who.DID), signServiceAuth(in, expires))
	return ServiceAuthOut{token}, err
}

const methodCreateAccount syntax.NSID = "com.atproto.server.createAccount"

// mayMint holds the rules about which method a session gets a token for.
func mayMint(who auth.Session, in GetServiceAuthIn) error {
	if !audience(in.Aud) {
		return Invalid{"InvalidRequest", "aud must be a valid atproto DID or did#serviceId reference"}
	}
	switch {
	case who.Takendown() && in.Lxm != methodCreateAccount:
		return Invalid{"InvalidToken", "Bad token scope"}
	case auth.Protected(in.Lxm):
		return Invalid{"InvalidRequest", "cannot request a service auth token for the following protected method: " + in.Lxm.String()}
	case !who.Privileged() && !who.Takendown() && auth.Privileged(in.Lxm):
		return Invalid{"InvalidRequest", "insufficient access to request a service auth token for the following method: " + in.Lxm.String()}
	}
	return nil
}

func serviceAuthExpiry(in GetServiceAuthIn, now time.Time) (time.Time, error) {
	if in.Exp == 0 {
		return now.Add(time.Minute), nil
	}
	at := time.Unix(in.Exp, 0)
	switch {
	case at.Before(now):
		return at, Invalid{"BadExpiration", "expiration is in past"}
	case at.After(now.Add(time.Hour)):
		return at, Invalid{"BadExpiration", "cannot request a token with an expiration more than an hour in the future"}
	case in.Lxm == "" && at.After(now.Add(time.Minute)):
		return at, Invalid{"BadExpiration", "cannot request a method-less token with an expiration more than a minute in the future"}
	}
	return at, nil
}
