package oauth

import (
	"context"
	nethttp "net/http"
	"slices"
	"time"

	"github.com/bluesky-social/indigo/atproto/syntax"

	"troupe/actors/account"
	"troupe/actors/mailbox"
	"troupe/actors/permission"
	"troupe/http/dpop"
	"troupe/http/oauth/client"
)

// tokens answers the token endpoint.
type tokens struct {
	Access    string     `json:"access_token"`
	Type      string     `json:"token_type"`
	Refresh   string     `json:"refresh_token,omitempty"`
	ExpiresIn int64      `json:"expires_in"` // seconds
	Scope     string     `json:"scope"`
	Sub       syntax.DID `json:"sub"`
}

func badGrant(description string) error {
	return client.Refusal{Code: "invalid_grant", Description: description}
}

// token exchanges a code, or a refresh token, for tokens.
func (s *Server) token(r *nethttp.Request, in input) (int, any, error) {
	c, auth, proof, err := s.authenticate(r, in, true)
	if err != nil {
		return 0, nil, err
	}
	grant := in["grant_type"]
	switch {
	case grant == "":
		return 0, nil, invalidRequest("grant_type is required")
	case grant != "authorization_code" && grant != "refresh_token":
		return 0, nil, client.Refusal{Code: "unsupported_grant_type", Description: "Grant type is not supported by the server"}
	case !slices.Contains(c.GrantTypes, grant):
		return 0, nil, badGrant("The grant type is not allowed for this client")
	}
	ask := s.exchange
	if grant == "refresh_token" {
		ask = s.refresh
	}
	session, refresh, err := ask(r.Context(), in, c, auth, proof)
	if err != nil {
		return 0, nil, err
	}
	access, err := s.Tokens.MintApp(s.Issuer, session)
	if err != nil {
		return 0, nil, err
	}
	return nethttp.StatusOK, tokens{
		Access: access, Type: "DPoP", Refresh: refresh, Scope: session.Scope, Sub: session.DID,
		ExpiresIn: int64(session.ExpiresAt.Sub(session.RefreshedAt) / time.Second),
	}, nil
}

func (s *Server) exchange(ctx context.Context, in input, c *client.Client, auth account.ClientAuth, proof *dpop.Proof) (account.AppSession, string, error) {
	code := in["code"]
	if code == "" {
		return account.AppSession{}, "", badGrant("code is required")
	}
	m := account.ExchangeCode{
		Code: code, Client: account.ClientID(c.ID), Auth: auth, Thumbprint: proof.Thumbprint, RedirectURI: in["redirect_uri"], Verifier: in["code_verifier"],
		Life: lifeOf(c), Token: account.NewAppToken(),
	}
	if m.Life.Idle > 0 {
		m.Refresh = account.NewAppRefresh()
	}
	q, found, err := s.Private.RequestOfCode(ctx, code)
	if err != nil {
		return account.AppSession{}, "", err
	}
	if found { // else accounts says what that means
		if m.Scope, err = s.meaning(ctx, q.Scope); err != nil {
			return account.AppSession{}, "", invalidRequest(err.Error())
		}
	}
	session, err := mailbox.Ask(context.WithoutCancel(ctx), s.Accounts, m)
	return session, m.Refresh, err
}

func (s *Server) refresh(ctx context.Context, in input, c *client.Client, auth account.ClientAuth, proof *dpop.Proof) (account.AppSession, string, error) {
	token := in["refresh_token"]
	if token == "" {
		return account.AppSession{}, "", badGrant("refresh_token is required")
	}
	m := account.RefreshApp{
		Refresh: token, Client: account.ClientID(c.ID), Auth: auth, Thumbprint: proof.Thumbprint,
		Life: lifeOf(c), Token: account.NewAppToken(), Next: account.NewAppRefresh(),
	}
	before, found, err := s.Private.AppSessionOfRefresh(ctx, token)
	if err != nil {
		return account.AppSession{}, "", err
	}
	if found {
		if m.Scope, err = s.meaning(ctx, before.Requested); err != nil {
			return account.AppSession{}, "", err
		}
	}
	session, err := mailbox.Ask(context.WithoutCancel(ctx), s.Accounts, m)
	return session, m.Next, err
}

// meaning is a consented scope with its permission sets taken apart.
func (s *Server) meaning(ctx context.Context, scope string) (string, error) {
	set, err := s.expand(ctx, permission.ParseSet(scope))
	return set.String(), err
}

// lifeOf is how long a client may keep what it is given.
func lifeOf(c *client.Client) account.AppLife {
	life := account.AppLife{Whole: c.SessionLife()}
	if slices.Contains(c.GrantTypes, "refresh_token") {
		life.Idle = c.RefreshLife()
	}
	return life
}
