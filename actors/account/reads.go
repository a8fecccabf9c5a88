package account

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/bluesky-social/indigo/atproto/syntax"

	"troupe/storage/accountdb"
)

// Reads answers questions about private state from read-only connections.
// Its methods may be called from any goroutine.
type Reads struct {
	idle chan *accountdb.DB
	n    int
}

// OpenReads opens n connections to the file that the accounts actor created.
func OpenReads(ctx context.Context, path string, n int, vfs string) (*Reads, error) {
	r := &Reads{idle: make(chan *accountdb.DB, n)}
	for ; r.n < n; r.n++ {
		db, err := accountdb.Open(ctx, path, accountdb.Options{ReadOnly: true, VFS: vfs})
		if err != nil {
			return nil, errors.Join(fmt.Errorf("account: open for reading: %w", err), r.Close())
		}
		r.idle <- db
	}
	return r, nil
}

// Close closes the connections after the calls under way.
func (r *Reads) Close() (err error) {
	for ; r.n > 0; r.n-- {
		err = errors.Join(err, (<-r.idle).Close())
	}
	return err
}

// with runs fn on a connection that nobody else uses meanwhile.
func (r *Reads) with(ctx context.Context, fn func(*accountdb.Reader) error) error {
	select {
	case db := <-r.idle:
		defer func() { r.idle <- db }()
		return db.Read(ctx, fn)
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}

// Private is what only its owner and operators may know of an account.
type Private struct {
	Email           Email
	ConfirmedAt     time.Time // zero: not confirmed
	InvitesDisabled bool
	EmailFactor     bool // signing in takes a code that is mailed
}

// Private finds the private row of an account; ErrNotFound.
func (r *Reads) Private(ctx context.Context, did syntax.DID) (Private, error) {
	a, err := r.account(ctx, did)
	return Private{Email: a.Email, ConfirmedAt: a.ConfirmedAt, InvitesDisabled: a.InvitesDisabled, EmailFactor: a.EmailFactor}, err
}

// Standing tells how an account stands; ErrNotFound.
func (r *Reads) Standing(ctx context.Context, did syntax.DID) (s Standing, err error) {
	err = r.with(ctx, func(q *accountdb.Reader) (err error) {
		s, err = standingOf(q, did)
		return err
	})
	return s, err
}

func (r *Reads) account(ctx context.Context, did syntax.DID) (a accountdb.Account, err error) {
	found := false
	err = r.with(ctx, func(q *accountdb.Reader) (err error) {
		a, found, err = q.Account(did)
		return err
	})
	if err == nil && !found {
		err = ErrNotFound
	}
	return a, err
}

// ByEmail finds the account of an address; ErrNotFound.
func (r *Reads) ByEmail(ctx context.Context, e Email) (syntax.DID, error) {
	a, err := r.accountByEmail(ctx, e)
	return a.DID, err
}

func (r *Reads) accountByEmail(ctx context.Context, e Email) (a accountdb.Account, err error) {
	found := false
	err = r.with(ctx, func(q *accountdb.Reader) (err error) {
		a, found, err = q.AccountByEmail(e)
		return err
	})
	if err == nil && !found {
		err = ErrNotFound
	}
	return a, err
}

// AppPasswords lists an account's app passwords, oldest first.
func (r *Reads) AppPasswords(ctx context.Context, did syntax.DID) (all []AppPassword, err error) {
	err = r.with(ctx, func(q *accountdb.Reader) (err error) {
		all, err = q.AppPasswords(did)
		return err
	})
	return all, err
}

// CheckInvite is nil while the code can be used, else ErrInvite.
func (r *Reads) CheckInvite(ctx context.Context, code InviteCode) error {
	var invite Invite
	err := r.with(ctx, func(q *accountdb.Reader) (err error) {
		invite, _, err = q.Invite(code)
		return err
	})
	if err == nil && !invite.Available() {
		err = ErrInvite
	}
	return err
}

// CheckReset is nil while a code resets a password at a time, else
// ErrInvalidEmailToken or ErrExpiredEmailToken.
func (r *Reads) CheckReset(ctx context.Context, token string, now time.Time) error {
	return r.with(ctx, func(q *accountdb.Reader) error {
		k, found, err := q.EmailTokenByHash(PurposeResetPassword, hashToken(PurposeResetPassword, token))
		switch {
		case err != nil || !found:
			return either(err, ErrInvalidEmailToken)
		case !now.Before(k.RequestedAt.Add(EmailTokenLifetime)):
			return ErrExpiredEmailToken
		}
		return nil
	})
}
