package account

import (
	"crypto/sha256"
	"crypto/subtle"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"

	"troupe/storage/accountdb"
)

// verifier bounds (RFC 7636 §4.1).
const (
	minVerifier = 43
	maxVerifier = 128
)

func exchangeCode(b *batch, m ExchangeCode) (AppSession, error) {
	code := accountdb.HashOf(m.Code)
	row, found, err := b.AuthorizationRequestByCode(code)
	if err != nil {
		return AppSession{}, err
	}
	if !found {
		return AppSession{}, b.codeReplayed(code)
	}
	// Whatever comes now, the code has been used.
	if err := b.DeleteAuthorizationRequest(row.ID); err != nil {
		return AppSession{}, err
	}
	q, auth, err := appRequest(row)
	if err != nil {
		return AppSession{}, err
	}
	if err := b.mayExchange(m, row, q, auth); err != nil {
		var refused AppRefused
		if errors.As(err, &refused) {
			err = noted{err}
		}
		return AppSession{}, err
	}
	s := AppSession{
		DID: row.DID, Client: m.Client, Auth: encode(m.Auth), Device: row.Device, Thumbprint: m.Thumbprint, Requested: q.Scope, Scope: m.Scope,
		CreatedAt: b.now, RefreshedAt: b.now, Token: m.Token, ExpiresAt: m.Life.tokenEnds(b.now, b.now), EndsAt: m.Life.ends(b.now, b.now),
		Refresh: accountdb.HashOf(m.Refresh), Code: code,
	}
	return s, b.InsertAppSession(s)
}

// codeReplayed refuses a code that is not waiting to be exchanged. If it was
// exchanged, two have had it.
func (b *batch) codeReplayed(code accountdb.Hash) error {
	refused := badGrant("Invalid code")
	s, found, err := b.AppSessionByCode(code)
	if err != nil || !found {
		return either(err, refused)
	}
	if err := b.endApp(s); err != nil {
		return err
	}
	if err := b.DeleteDeviceAccount(s.Device, s.DID); err != nil {
		return err
	}
	return noted{refused}
}

func (b *batch) mayExchange(m ExchangeCode, row accountdb.AuthorizationRequest, q AppRequest, auth ClientAuth) error {
	sum := sha256.Sum256([]byte(m.Verifier))
	challenge := base64.RawURLEncoding.EncodeToString(sum[:])
	switch {
	case row.ExpiresAt.Before(b.now):
		return badGrant("This code has expired")
	case row.Client != m.Client:
		return badGrant("Token was not issued to this client")
	case q.Thumbprint != "" && q.Thumbprint != m.Thumbprint:
		return badGrant("DPoP proof does not match the expected JKT")
	case row.Auth != nil && !m.Auth.ContinuesFrom(auth):
		return badGrant("The session was initiated with a different key than the client assertion currently used")
	case q.RedirectURI != m.RedirectURI:
		return badGrant("The redirect_uri parameter must match the one used in the authorization request")
	case m.Verifier == "":
		return badGrant("code_verifier is required")
	case len(m.Verifier) < minVerifier || len(m.Verifier) > maxVerifier:
		return badGrant("code_verifier must have 43 to 128 characters")
	case subtle.ConstantTimeCompare([]byte(challenge), []byte(q.Challenge)) != 1:
		return badGrant("Invalid code_verifier")
	}
	if first, err := b.UseChallenge(accountdb.HashOf(q.Challenge), b.now); err != nil || !first {
		return either(err, badGrant("Code challenge already used"))
	}
	if err := b.standing(row.DID); err != nil {
		var refused AppRefused
		if errors.As(err, &refused) || errors.Is(err, ErrNotFound) {
			return badGrant("The account is not active")
		}
		return err
	}
	return nil
}

func refreshApp(b *batch, m RefreshApp) (AppSession, error) {
	s, found, used, err := b.AppSessionByRefresh(accountdb.HashOf(m.Refresh))
	if err != nil || !found {
		return AppSession{}, either(err, badGrant("Invalid refresh token"))
	}
	if used {
		err = badGrant("Refresh token replayed")
	} else {
		err = b.mayRefresh(m, s)
	}
	if err != nil {
		if err := b.endApp(s); err != nil {
			return AppSession{}, err
		}
		return AppSession{}, noted{err}
	}
	b.ended = append(b.ended, s.Token)
	s.Auth, s.Scope, s.RefreshedAt = encode(m.Auth), m.Scope, b.now
	s.Token, s.ExpiresAt, s.EndsAt = m.Token, m.Life.tokenEnds(s.CreatedAt, b.now), m.Life.ends(s.CreatedAt, b.now)
	s.Refresh = accountdb.HashOf(m.Next)
	return s, b.RotateAppSession(s)
}

func (b *batch) mayRefresh(m RefreshApp, s AppSession) error {
	if err := ownApp(s, m.Client, m.Auth, m.Thumbprint); err != nil {
		return err
	}
	switch {
	case m.Life.Idle == 0:
		return badGrant("Refresh token grant not allowed")
	case !b.now.Before(s.CreatedAt.Add(m.Life.Whole)):
		return badGrant("Session expired")
	case !b.now.Before(s.RefreshedAt.Add(m.Life.Idle)):
		return badGrant("Refresh token expired")
	}
	row, err := b.hosted(s.DID)
	if err == nil && banned(row) {
		return badGrant("Account has been taken down")
	}
	return err
}

// ownApp refuses a session to anybody but the app that it was made for.
func ownApp(s AppSession, client ClientID, auth ClientAuth, thumbprint string) error {
	var before ClientAuth
	if err := json.Unmarshal(s.Auth, &before); err != nil {
		return fmt.Errorf("account: session of an app cannot be read: %w", err)
	}
	switch {
	case s.Client != client:
		return badGrant("Token was not issued to this client")
	case s.Thumbprint != thumbprint:
		return badGrant("DPoP proof does not match the expected JKT")
	case !auth.ContinuesFrom(before):
		return badGrant("The session was initiated with a different key than the client assertion currently used")
	}
	return nil
}

func revokeApp(b *batch, m RevokeApp) (Done, error) {
	var s AppSession
	var found bool
	var err error
	if m.Refresh != "" {
		s, found, _, err = b.AppSessionByRefresh(accountdb.HashOf(m.Refresh))
	} else {
		s, found, err = b.AppSessionByToken(m.Token)
	}
	if err != nil || !found {
		return Done{}, err
	}
	if err := ownApp(s, m.Client, m.Auth, m.Thumbprint); err != nil {
		return Done{}, err
	}
	return Done{}, b.endApp(s)
}

// endApp ends a session; its access token is worth nothing from then on.
func (b *batch) endApp(s AppSession) error {
	b.ended = append(b.ended, s.Token)
	return b.DeleteAppSession(s.ID)
}

func endApp(b *batch, m EndApp) (Done, error) {
	s, found, err := b.AppSession(m.ID)
	if err != nil || !found || s.DID != m.DID {
		return Done{}, err
	}
	return Done{}, b.endApp(s)
}

func endApps(b *batch, m EndApps) (Done, error) {
	all, err := b.AppSessions(m.DID)
	if err != nil {
		return Done{}, err
	}
	for _, s := range all {
		if err := b.endApp(s); err != nil {
			return Done{}, err
		}
	}
	if m.Forget {
		return Done{}, b.DeleteAuthorizedClients(m.DID)
	}
	return Done{}, nil
}
