package account

import (
	"errors"

	"troupe/storage/accountdb"
)

func setPassword(b *batch, m SetPassword) (Done, error) {
	row, private, err := b.reachable(m.DID)
	if errors.Is(err, ErrNoEmail) { // nor has it a password that could be replaced
		err = ErrNotFound
	}
	if err != nil {
		return Done{}, err
	}
	return Done{}, b.replacePassword(row, private, m.Hash)
}

// replacePassword sets a password and ends what the old one opened: sessions,
// those of apps, and browsers that are signed in. What apps were allowed stays,
// so that signing in to them again is one click. App passwords stay: they are no
// copies of the password, and their owner sees and revokes each by its name.
func (b *batch) replacePassword(row accountdb.Actor, private accountdb.Account, hash PasswordHash) error {
	if err := b.SetPassword(row.DID, hash); err != nil {
		return err
	}
	if err := b.DeleteRefreshTokens(row.DID); err != nil {
		return err
	}
	if _, err := endApps(b, EndApps{DID: row.DID}); err != nil {
		return err
	}
	if err := b.DeleteDeviceAccounts(row.DID); err != nil {
		return err
	}
	for _, p := range []Purpose{PurposeResetPassword, PurposeSignIn} {
		if err := b.DeleteEmailToken(p, row.DID); err != nil {
			return err
		}
	}
	return b.notify(row, private.Email, "Your password was changed",
		"The password of your account was changed, and every session that was open has been closed.",
		"If that was not you, set a new password now, and look through your app passwords.")
}

func setEmail(b *batch, m SetEmail) (Done, error) {
	if _, err := b.hosted(m.DID); err != nil {
		return Done{}, err
	}
	held, err := b.Reservations("", m.Email, "")
	if err != nil {
		return Done{}, err
	}
	for _, r := range held {
		if r.Email == m.Email {
			return Done{}, ErrEmailTaken
		}
	}
	if other, taken, err := b.AccountByEmail(m.Email); err != nil || taken && other.DID != m.DID {
		return Done{}, either(err, ErrEmailTaken)
	}
	if err := b.SetEmail(m.DID, m.Email); err != nil {
		return Done{}, err
	}
	return Done{}, b.DeleteEmailTokens(m.DID)
}
