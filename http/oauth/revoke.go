package oauth

import (
	"context"
	"errors"
	"log/slog"
	nethttp "net/http"
	"strings"

	"troupe/actors/account"
	"troupe/actors/mailbox"
)

// revoke ends the session of a token (RFC 7009). The answer is the same whether
// there is one: an app could do nothing about it.
func (s *Server) revoke(r *nethttp.Request, in input) (int, any, error) {
	c, auth, proof, err := s.authenticate(r, in, true)
	if err != nil {
		return 0, nil, err
	}
	token := in["token"]
	if token == "" {
		return 0, nil, invalidRequest("token is required")
	}
	m := account.RevokeApp{Client: account.ClientID(c.ID), Auth: auth, Thumbprint: proof.Thumbprint}
	switch {
	case strings.HasPrefix(token, "ref-"):
		m.Refresh = token
	case strings.HasPrefix(token, "tok-"):
		m.Token = account.TokenID(token)
	default:
		access, err := s.Tokens.ReadApp(token)
		if err != nil {
			return nethttp.StatusOK, struct{}{}, nil // none of ours
		}
		m.Token = access.ID
	}
	_, err = mailbox.Ask(context.WithoutCancel(r.Context()), s.Accounts, m)
	var refused account.AppRefused
	if errors.As(err, &refused) {
		s.Logger.Warn("oauth: an app tried to revoke the token of another", slog.String("client", c.ID), slog.Any("error", err))
		err = nil
	}
	return nethttp.StatusOK, struct{}{}, err
}
