package account

import (
	"context"
	"time"

	"github.com/bluesky-social/indigo/atproto/syntax"

	"troupe/storage/accountdb"
)

// RequestOfCode is what a code was given for; false if nobody waits for it.
func (r *Reads) RequestOfCode(ctx context.Context, code string) (q AppRequest, found bool, err error) {
	err = r.with(ctx, func(db *accountdb.Reader) error {
		row, ok, err := db.AuthorizationRequestByCode(accountdb.HashOf(code))
		if err != nil || !ok {
			return err
		}
		found = true
		q, _, err = appRequest(row)
		return err
	})
	return q, found, err
}

// AppSessionOfRefresh is the session of a refresh token that is in force; false
// if it is not.
func (r *Reads) AppSessionOfRefresh(ctx context.Context, token string) (s AppSession, found bool, err error) {
	err = r.with(ctx, func(db *accountdb.Reader) (err error) {
		var used bool
		s, found, used, err = db.AppSessionByRefresh(accountdb.HashOf(token))
		found = found && !used
		return err
	})
	return s, found, err
}

// AppSessions lists what apps have of an account, the last used first.
func (r *Reads) AppSessions(ctx context.Context, did syntax.DID) (all []AppSession, err error) {
	err = r.with(ctx, func(db *accountdb.Reader) (err error) {
		all, err = db.AppSessions(did)
		return err
	})
	return all, err
}

// Allowed is the scope that an account has allowed a client so far, "" if none.
func (r *Reads) Allowed(ctx context.Context, did syntax.DID, client ClientID) (scope string, err error) {
	err = r.with(ctx, func(db *accountdb.Reader) error {
		c, _, err := db.AuthorizedClient(did, client)
		scope = c.Scope
		return err
	})
	return scope, err
}

// SignedIn is an account on a browser.
type SignedIn struct {
	DID   syntax.DID
	Since time.Time // when the password was last given
}

// SignedIn lists who is signed in on a browser, latest first.
func (r *Reads) SignedIn(ctx context.Context, device DeviceID) (all []SignedIn, err error) {
	err = r.with(ctx, func(db *accountdb.Reader) error {
		rows, err := db.DeviceAccounts(device)
		for _, row := range rows {
			all = append(all, SignedIn{row.DID, row.AuthenticatedAt})
		}
		return err
	})
	return all, err
}

// Browser is a browser that an account is signed in on.
type Browser struct {
	ID        DeviceID
	UserAgent string
	Address   string
	SeenAt    time.Time
	Since     time.Time // when the password was last given
}

// Browsers lists where an account is signed in, the last seen first.
func (r *Reads) Browsers(ctx context.Context, did syntax.DID) (all []Browser, err error) {
	err = r.with(ctx, func(db *accountdb.Reader) error {
		devices, since, err := db.AccountDevices(did)
		for i, d := range devices {
			all = append(all, Browser{d.ID, d.UserAgent, d.Address, d.SeenAt, since[i].AuthenticatedAt})
		}
		return err
	})
	return all, err
}
