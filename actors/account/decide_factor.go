package account

import (
	"context"
	"fmt"
	"time"

	"github.com/bluesky-social/indigo/atproto/syntax"

	"troupe/storage/accountdb"
)

const (
	enrolment    = time.Hour // from the secret to the first code
	freeTries    = 5         // wrong codes before an account waits
	firstLock    = 30 * time.Second
	longestLock  = time.Hour
	totpPurpose  = "totp secret"
	codesAreLost = "If that was not you, change your password now, and ask the operator of this server for help."
)

// enrolTOTP stores the secret sealed: a copy of the file makes nobody's codes.
func (a *Accounts) enrolTOTP(b *batch, m EnrolTOTP) (Enrolment, error) {
	row, err := b.hosted(m.DID)
	if err != nil {
		return Enrolment{}, err
	}
	if f, found, err := b.TOTP(m.DID); err != nil || found && !f.ConfirmedAt.IsZero() {
		return Enrolment{}, either(err, ErrFactorExists)
	}
	if a.o.Vault == nil {
		return Enrolment{}, errNoVault
	}
	name := row.Handle.String()
	if name == "" {
		name = row.DID.String()
	}
	key, err := newTOTP(m.Issuer, name)
	if err != nil {
		return Enrolment{}, fmt.Errorf("account: make a secret: %w", err)
	}
	f := accountdb.TOTP{DID: m.DID, Secret: a.o.Vault.Seal(totpPurpose, m.DID.String(), []byte(key.Secret())), CreatedAt: b.now}
	return Enrolment{Secret: key.Secret(), URL: key.URL()}, b.PutTOTP(f)
}

func (a *Accounts) confirmTOTP(b *batch, m ConfirmTOTP) (RecoveryCodes, error) {
	f, found, err := b.TOTP(m.DID)
	switch {
	case err != nil || !found:
		return RecoveryCodes{}, either(err, ErrNoFactor)
	case !f.ConfirmedAt.IsZero():
		return RecoveryCodes{}, ErrFactorExists
	case !b.now.Before(f.CreatedAt.Add(enrolment)):
		return RecoveryCodes{}, ErrNoFactor
	}
	f, err = a.checkTOTP(b, f, m.Code)
	if err != nil {
		return RecoveryCodes{}, err
	}
	f.ConfirmedAt = b.now
	if err := b.PutTOTP(f); err != nil {
		return RecoveryCodes{}, err
	}
	codes, err := b.freshRecoveryCodes(m.DID)
	if err != nil {
		return RecoveryCodes{}, err
	}
	return codes, b.tell(m.DID, "An authenticator app was added",
		"Signing in to your account takes a code of your authenticator app from now on. Keep the recovery codes where you find them without it.", codesAreLost)
}

func (b *batch) freshRecoveryCodes(did syntax.DID) (r RecoveryCodes, err error) {
	if err := b.DeleteRecoveryCodes(did); err != nil {
		return r, err
	}
	for range recoveryCodes {
		code := newRecoveryCode()
		if err := b.InsertRecoveryCode(did, hashRecoveryCode(did, code)); err != nil {
			return RecoveryCodes{}, err
		}
		r.Codes = append(r.Codes, code)
	}
	return r, nil
}

func (a *Accounts) verifyFactor(b *batch, m VerifyFactor) (Done, error) {
	if f, ok, err := b.inForce(m.DID); err != nil || ok {
		if err == nil {
			err = a.useApp(b, f, m.Code)
		}
		return Done{}, err
	}
	row, found, err := b.Account(m.DID)
	if err != nil || !found || !row.EmailFactor {
		return Done{}, err
	}
	return Done{}, b.use(m.DID, PurposeSignIn, m.Code)
}

func (b *batch) inForce(did syntax.DID) (accountdb.TOTP, bool, error) {
	f, found, err := b.TOTP(did)
	return f, found && !f.ConfirmedAt.IsZero(), err
}

// useApp uses up a code of the app, or a recovery code.
func (a *Accounts) useApp(b *batch, f accountdb.TOTP, code string) error {
	code = bare(code)
	if digits(code) {
		f, err := a.checkTOTP(b, f, code)
		if err != nil {
			return err
		}
		return b.PutTOTP(f)
	}
	if b.now.Before(f.LockedUntil) {
		return ErrFactorLocked
	}
	used, err := b.UseRecoveryCode(f.DID, hashRecoveryCode(f.DID, code))
	if err != nil {
		return err
	}
	if !used {
		return b.missed(f)
	}
	f.Failures, f.LockedUntil = 0, time.Time{}
	if err := b.PutTOTP(f); err != nil {
		return err
	}
	left, err := b.RecoveryCodes(f.DID)
	if err != nil {
		return err
	}
	return b.tell(f.DID, "A recovery code was used",
		fmt.Sprintf("Somebody used one of the recovery codes of your account. %d are left.", left), codesAreLost)
}

// checkTOTP checks a code of an app and returns the row with its step used up.
// Every code of that step or an older one is refused from then on.
func (a *Accounts) checkTOTP(b *batch, f accountdb.TOTP, code string) (accountdb.TOTP, error) {
	if b.now.Before(f.LockedUntil) {
		return f, ErrFactorLocked // before the code is looked at: there is nothing to learn meanwhile
	}
	if a.o.Vault == nil {
		return f, errNoVault
	}
	secret, err := a.o.Vault.Open(totpPurpose, f.DID.String(), f.Secret)
	if err != nil {
		return f, fmt.Errorf("account: secret of an authenticator app: %w", err)
	}
	step, ok, err := matchTOTP(string(secret), bare(code), b.now, f.LastStep)
	if err != nil {
		return f, err
	}
	if !ok {
		return f, b.missed(f)
	}
	f.LastStep, f.Failures, f.LockedUntil = step, 0, time.Time{}
	return f, nil
}

// missed counts a wrong code. After a few the account waits, longer each time;
// only somebody who has the password comes as far as this.
func (b *batch) missed(f accountdb.TOTP) error {
	if f.Failures++; f.Failures >= freeTries {
		lock := firstLock
		for n := int64(freeTries); n < f.Failures && lock < longestLock; n++ {
			lock *= 2
		}
		f.LockedUntil = b.now.Add(min(lock, longestLock))
	}
	return either(b.PutTOTP(f), noted{ErrInvalidEmailToken})
}

func (a *Accounts) renewRecoveryCodes(b *batch, m RenewRecoveryCodes) (RecoveryCodes, error) {
	f, ok, err := b.inForce(m.DID)
	if err != nil || !ok {
		return RecoveryCodes{}, either(err, ErrNoFactor)
	}
	if err := a.useApp(b, f, m.Code); err != nil {
		return RecoveryCodes{}, err
	}
	codes, err := b.freshRecoveryCodes(m.DID)
	if err != nil {
		return RecoveryCodes{}, err
	}
	return codes, b.tell(m.DID, "Your recovery codes were replaced", "The recovery codes of your account were replaced; the old ones are void.", codesAreLost)
}

func (a *Accounts) disableTOTP(b *batch, m DisableTOTP) (Done, error) {
	f, ok, err := b.inForce(m.DID)
	if err != nil || !ok {
		return Done{}, either(err, ErrNoFactor)
	}
	if err := a.useApp(b, f, m.Code); err != nil {
		return Done{}, err
	}
	if err := b.DeleteTOTP(m.DID); err != nil {
		return Done{}, err
	}
	return Done{}, b.tell(m.DID, "The authenticator app was removed", "Signing in to your account takes no code of an authenticator app any more.", codesAreLost)
}

func removeFactors(b *batch, m RemoveFactors) (Done, error) {
	if _, err := b.hosted(m.DID); err != nil {
		return Done{}, err
	}
	if err := b.DeleteTOTP(m.DID); err != nil {
		return Done{}, err
	}
	if err := b.SetEmailFactor(m.DID, false); err != nil {
		return Done{}, err
	}
	return Done{}, b.tell(m.DID, "Your second factors were removed",
		"The operator of this server removed the second factors of your account. Signing in takes the password alone until you add one again.", codesAreLost)
}

// tell is notify for whoever has not read the rows.
func (b *batch) tell(did syntax.DID, subject string, paragraphs ...string) error {
	row, private, err := b.reachable(did)
	if err != nil {
		return err
	}
	return b.notify(row, private.Email, subject, paragraphs...)
}

// Factors says what an account has beside its password; ErrNotFound.
func (r *Reads) Factors(ctx context.Context, did syntax.DID) (f Factors, err error) {
	found := false
	err = r.with(ctx, func(q *accountdb.Reader) error {
		row, ok, err := q.Account(did)
		if err != nil || !ok {
			return err
		}
		app, enrolled, err := q.TOTP(did)
		if err != nil {
			return err
		}
		found, f.Email, f.App, f.AppSince = true, row.EmailFactor, enrolled && !app.ConfirmedAt.IsZero(), app.ConfirmedAt
		f.RecoveryCodes, err = q.RecoveryCodes(did)
		return err
	})
	if err == nil && !found {
		err = ErrNotFound
	}
	return f, err
}
