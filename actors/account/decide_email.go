package account

import (
	"strings"

	"troupe/storage/accountdb"
)

func confirmEmail(b *batch, m ConfirmEmail) (Done, error) {
	row, found, err := b.Account(m.DID)
	if err != nil || !found {
		return Done{}, either(err, ErrNotFound)
	}
	if row.Email != m.Email {
		return Done{}, ErrEmailMismatch
	}
	if err := b.use(m.DID, PurposeConfirmEmail, m.Token); err != nil {
		return Done{}, err
	}
	if err := b.ConfirmEmail(m.DID, b.now); err != nil {
		return Done{}, err
	}
	return Done{}, b.fulfil(m.DID, AwaitsEmail)
}

func updateEmail(b *batch, m UpdateEmail) (Done, error) {
	row, private, err := b.reachable(m.DID)
	if err != nil {
		return Done{}, err
	}
	if m.Token != "" {
		err = b.use(m.DID, PurposeUpdateEmail, m.Token)
	} else if needsToken(private, m) {
		err = ErrTokenRequired
	}
	if err != nil {
		return Done{}, err
	}
	if m.Email == private.Email && m.Factor != nil {
		return Done{}, b.switchEmailFactor(row, private, *m.Factor)
	}
	if m.Factor != nil && *m.Factor {
		return Done{}, ErrUnconfirmed // the new address is nobody's yet
	}
	if _, err := setEmail(b, SetEmail{DID: m.DID, Email: m.Email}); err != nil {
		return Done{}, err
	}
	if m.Email == private.Email {
		return Done{}, nil
	}
	return Done{}, b.notify(row, private.Email, "Your e-mail address was changed",
		"The address of your account is now "+obscured(m.Email)+". Mail about your account goes there from now on.",
		"If that was not you, somebody has access to your account: change your password now, and ask the operator of this server for help.")
}

// needsToken reports whether a change gives something up that a confirmed
// address protects. Asking for a second factor gives nothing up.
func needsToken(private accountdb.Account, m UpdateEmail) bool {
	if private.ConfirmedAt.IsZero() {
		return false
	}
	return m.Email != private.Email || m.Factor == nil || !*m.Factor
}

// switchEmailFactor leaves the address as it is. The codes that are out stay
// good: nothing they rest on has changed.
func (b *batch) switchEmailFactor(row accountdb.Actor, private accountdb.Account, on bool) error {
	if on && private.ConfirmedAt.IsZero() {
		return ErrUnconfirmed
	}
	if on == private.EmailFactor {
		return nil
	}
	if err := b.SetEmailFactor(row.DID, on); err != nil {
		return err
	}
	if on {
		return b.notify(row, private.Email, "Sign-in codes are on", "Signing in to your account takes a code from now on that is sent to this address.")
	}
	return b.notify(row, private.Email, "Sign-in codes are off", "Signing in to your account takes no code from this address any more.",
		"If that was not you, change your password now.")
}

// obscured shows enough of an address to whom it belongs, and to nobody else.
func obscured(e Email) string {
	local, domain, _ := strings.Cut(string(e), "@")
	return local[:1] + "…@" + domain
}

func resetPassword(b *batch, m ResetPassword) (Done, error) {
	k, found, err := b.EmailTokenByHash(PurposeResetPassword, hashToken(PurposeResetPassword, m.Token))
	switch {
	case err != nil || !found:
		return Done{}, either(err, ErrInvalidEmailToken)
	case !b.fresh(k):
		return Done{}, ErrExpiredEmailToken
	}
	row, private, err := b.reachable(k.DID)
	if err != nil {
		return Done{}, err
	}
	return Done{}, b.replacePassword(row, private, m.Hash) // uses the code up
}
