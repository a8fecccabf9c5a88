package account

import (
	"context"
	"errors"
	"log/slog"
	"strings"
	"time"

	"github.com/bluesky-social/indigo/atproto/syntax"

	"troupe/actors/mailbox"
	"troupe/storage/accountdb"
)

// DefaultFloor is the time below which no sign-in is answered.
const DefaultFloor = 350 * time.Millisecond

// SignIns checks credentials and opens sessions, in the caller's goroutine.
type SignIns struct {
	Accounts  mailbox.Address[*Accounts]
	Index     *Index
	Reads     *Reads
	Passwords *Passwords
	Tokens    Tokens
	Floor     time.Duration // no answer comes sooner, right or wrong; DefaultFloor in a server
	Logger    *slog.Logger  // nil: slog.Default
}

// Credentials are what somebody signs in with.
type Credentials struct {
	Identifier     string // a handle, a DID or an e-mail address, in any case
	Password       string
	Factor         string // a code of the account's second factor; "": none was given
	AllowTakendown bool   // the owner of a taken-down account gets a restricted session that cannot be refreshed
}

// SignIn is createSession.
//
// An unknown identifier, a wrong password, and an app password of a taken-down
// account are all ErrBadCredentials, after the same work and not before Floor
// has passed. Other errors: ErrTakendown, ErrInvalidPassword, ErrBusy; only after
// the right password ErrFactorRequired, ErrInvalidEmailToken,
// ErrExpiredEmailToken, ErrFactorLocked, ErrMailBudget.
func (s *SignIns) SignIn(ctx context.Context, c Credentials) (Session, error) {
	floor := time.NewTimer(s.Floor)
	defer floor.Stop()
	session, err := s.signIn(ctx, c)
	select {
	case <-floor.C:
	case <-ctx.Done(): // nobody is there to measure
	}
	return session, err
}

func (s *SignIns) signIn(ctx context.Context, c Credentials) (Session, error) {
	row, err := s.find(ctx, c.Identifier)
	if err != nil && !errors.Is(err, ErrNotFound) {
		return Session{}, err
	}
	a, _ := s.Index.ByDID(row.DID)
	down := suspendedOrTakendown(a.Status)
	ok, app, err := s.check(ctx, row, c.Password)
	switch {
	case err != nil:
		return Session{}, err
	case !ok || a.DID == "" || (app.Name != "" && down):
		return Session{}, ErrBadCredentials
	case down && !c.AllowTakendown:
		return Session{}, ErrTakendown
	case app.Name == "": // an app password was made for what cannot ask for codes
		if err := s.factor(ctx, a.DID, c.Factor); err != nil {
			return Session{}, err
		}
	}
	grant, scope := s.Tokens.NewGrant(app.Name), ScopeAccess
	switch {
	case down: // the refresh token is for show: it is not stored
		return s.Tokens.Session(a, ScopeTakendown, grant)
	case a.Queued():
		scope = ScopeSignupQueued
	case app.Name != "":
		scope = appScope(app.Privileged)
	}
	if _, err := mailbox.Ask(ctx, s.Accounts, OpenSession{DID: a.DID, Session: grant}); err != nil {
		if errors.Is(err, ErrNotFound) { // deleted since
			err = ErrBadCredentials
		}
		return Session{}, err
	}
	return s.Tokens.Session(a, scope, grant)
}

// factor asks for the second factor of an account that has one. Without a code
// one is mailed, unless an app makes them.
func (s *SignIns) factor(ctx context.Context, did syntax.DID, code string) error {
	f, err := s.Reads.Factors(ctx, did)
	switch {
	case err != nil || !f.Any():
		return err
	case code != "":
		_, err = mailbox.Ask(ctx, s.Accounts, VerifyFactor{DID: did, Code: code})
		return err
	case !f.App:
		if _, err := mailbox.Ask(ctx, s.Accounts, IssueToken{DID: did, Purpose: PurposeSignIn}); err != nil {
			return err
		}
	}
	return ErrFactorRequired
}

// Verify is nil if the password is the account's own; app passwords do not count.
// ErrBadCredentials, after the same work for an account that is not here, ErrBusy.
func (s *SignIns) Verify(ctx context.Context, did syntax.DID, password string) error {
	row, err := s.Reads.account(ctx, did)
	if err != nil && !errors.Is(err, ErrNotFound) {
		return err
	}
	ok, _, err := s.Passwords.Verify(ctx, row.Password, password)
	if err == nil && !ok {
		err = ErrBadCredentials
	}
	return err
}

// find looks an identifier up. The row of an unknown one is empty.
func (s *SignIns) find(ctx context.Context, identifier string) (accountdb.Account, error) {
	written := strings.TrimSpace(identifier)
	id := strings.ToLower(written)
	if strings.Contains(id, "@") && !strings.HasPrefix(id, "@") {
		return s.Reads.accountByEmail(ctx, Email(id))
	}
	did := syntax.DID(id)
	if !strings.HasPrefix(id, "did:") {
		a, ok := s.Index.ByHandle(syntax.Handle(strings.TrimPrefix(id, "@")))
		if !ok {
			// The same question to the file as for a known one.
			a.DID = "did:none:none"
		}
		did = a.DID
	} else if _, ok := s.Index.ByDID(syntax.DID(written)); ok {
		did = syntax.DID(written) // the %3A of a did:web with a port is not lower-case
	}
	return s.Reads.account(ctx, did)
}

// check tries the account's password, then its app passwords. What it costs
// does not depend on whether the account exists.
func (s *SignIns) check(ctx context.Context, row accountdb.Account, password string) (ok bool, app AppPassword, err error) {
	ok, upgrade, err := s.Passwords.Verify(ctx, row.Password, password)
	if err != nil {
		return false, app, err
	}
	if ok {
		if upgrade {
			s.upgrade(ctx, row, password)
		}
		return true, app, nil
	}
	if !appPasswordForm.MatchString(password) {
		return false, app, nil
	}
	hash, err := s.Passwords.HashApp(ctx, row.DID, password)
	if err != nil {
		return false, app, err
	}
	all, err := s.Reads.AppPasswords(ctx, row.DID)
	if err != nil {
		return false, app, err
	}
	app, ok = matchApp(all, hash)
	return ok, app, nil
}

// upgrade replaces a hash of an older form. Failing costs only that the next
// sign-in tries again.
func (s *SignIns) upgrade(ctx context.Context, row accountdb.Account, password string) {
	hash, err := s.Passwords.Hash(ctx, password)
	if err == nil {
		_, err = mailbox.Ask(ctx, s.Accounts, UpgradePassword{DID: row.DID, Old: row.Password, New: hash})
	}
	if err != nil && !errors.Is(err, ErrNoSuchPassword) && !errors.Is(err, ErrInvalidPassword) {
		log := s.Logger
		if log == nil {
			log = slog.Default()
		}
		log.Warn("accounts: password hash not upgraded", slog.String("did", row.DID.String()), slog.Any("error", err))
	}
}

// Refresh is refreshSession. Errors: ErrRevoked, ErrTakendown, ErrNotFound.
func (s *SignIns) Refresh(ctx context.Context, r Refresh) (Session, error) {
	next, err := mailbox.Ask(ctx, s.Accounts, RotateSession{DID: r.DID, ID: r.ID})
	if err != nil {
		return Session{}, err
	}
	return s.Tokens.Session(next.Account, next.Scope, next.Next)
}
