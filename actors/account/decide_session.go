package account

import (
	"crypto/rand"
	"encoding/base64"
	"time"

	"github.com/bluesky-social/indigo/atproto/syntax"

	"troupe/sequencing"
	"troupe/storage/accountdb"
)

// grace is how long a refresh token may be presented again after it was
// exchanged: clients lose answers, and open several tabs.
const grace = 2 * time.Hour

// newTokenID makes the jti of a refresh token: 32 random bytes in base64.
func newTokenID() TokenID {
	var b [32]byte
	rand.Read(b[:])
	return TokenID(base64.RawStdEncoding.EncodeToString(b[:]))
}

func openSession(b *batch, m OpenSession) (Done, error) {
	row, err := b.hosted(m.DID)
	if err != nil {
		return Done{}, err
	}
	if banned(row) {
		return Done{}, ErrTakendown
	}
	return Done{}, b.insertGrant(m.DID, m.Session)
}

// insertGrant stores a refresh token, unless its app password has been revoked
// since it was checked.
func (b *batch) insertGrant(did syntax.DID, g Grant) error {
	if g.AppPassword != "" {
		if _, found, err := b.AppPassword(did, g.AppPassword); err != nil || !found {
			return either(err, ErrBadCredentials)
		}
	}
	return b.InsertRefreshToken(accountdb.RefreshToken{ID: g.ID, DID: did, ExpiresAt: g.Expires, AppPassword: g.AppPassword})
}

func banned(row accountdb.Actor) bool {
	return row.Status == accountdb.Takendown || row.Status == accountdb.Suspended
}

func rotateSession(b *batch, m RotateSession) (Rotated, error) {
	token, found, err := b.RefreshToken(m.ID)
	if err != nil || !found || token.DID != m.DID || !token.ExpiresAt.After(b.now) {
		return Rotated{}, either(err, ErrRevoked)
	}
	row, err := b.hosted(m.DID)
	if err != nil {
		return Rotated{}, err
	}
	if banned(row) {
		return Rotated{}, ErrTakendown
	}
	scope, err := b.scopeOf(row, token)
	if err != nil {
		return Rotated{}, err
	}
	if err := b.DeleteExpiredRefreshTokens(m.DID, b.now); err != nil {
		return Rotated{}, err
	}
	next := Grant{ID: token.Next, AppPassword: token.AppPassword}
	if next.ID == "" {
		next.ID, next.Expires = newTokenID(), b.now.Add(RefreshLifetime)
		if err := b.RotateRefreshToken(token.ID, next.ID, earlier(token.ExpiresAt, b.now.Add(grace))); err != nil {
			return Rotated{}, err
		}
		if err := b.insertGrant(m.DID, next); err != nil {
			return Rotated{}, err
		}
		return Rotated{Account: published(row), Next: next, Scope: scope}, nil
	}
	// Presented again inside the grace. The successor outlives this token by
	// construction, so that one which is missing was revoked.
	successor, found, err := b.RefreshToken(next.ID)
	if err != nil || !found {
		return Rotated{}, either(err, ErrRevoked)
	}
	next.Expires = successor.ExpiresAt
	return Rotated{Account: published(row), Next: next, Scope: scope}, nil
}

func earlier(a, b time.Time) time.Time {
	if a.Before(b) {
		return a
	}
	return b
}

// scopeOf is the access scope of a session, from its account and its app password
// as they are now.
func (b *batch) scopeOf(row accountdb.Actor, t accountdb.RefreshToken) (Scope, error) {
	if row.Awaits != 0 {
		return ScopeSignupQueued, nil
	}
	if t.AppPassword == "" {
		return ScopeAccess, nil
	}
	p, found, err := b.AppPassword(t.DID, t.AppPassword)
	if err != nil || !found {
		return "", either(err, ErrRevoked)
	}
	return appScope(p.Privileged), nil
}

func appScope(privileged bool) Scope {
	if privileged {
		return ScopeAppPassPrivileged
	}
	return ScopeAppPass
}

func closeSession(b *batch, m CloseSession) (Done, error) {
	return Done{}, b.DeleteRefreshChain(m.DID, m.ID)
}

func closeSessions(b *batch, m CloseSessions) (Done, error) {
	return Done{}, b.DeleteRefreshTokens(m.DID)
}

func createAppPassword(b *batch, m CreateAppPassword) (AppPassword, error) {
	if _, err := b.hosted(m.DID); err != nil {
		return AppPassword{}, err
	}
	if _, found, err := b.AppPassword(m.DID, m.Name); err != nil || found {
		return AppPassword{}, either(err, ErrDuplicate)
	}
	p := AppPassword{DID: m.DID, Name: m.Name, Password: m.Password, Privileged: m.Privileged, CreatedAt: b.now.Truncate(time.Microsecond)}
	return p, b.InsertAppPassword(p)
}

func revokeAppPassword(b *batch, m RevokeAppPassword) (Done, error) {
	return Done{}, b.DeleteAppPassword(m.DID, m.Name)
}

// suspendedOrTakendown is banned for index entries.
func suspendedOrTakendown(s sequencing.Status) bool {
	return s == sequencing.StatusTakendown || s == sequencing.StatusSuspended
}
