package account

import (
	"errors"
	"fmt"
)

// Refusals of the accounts actor.
var (
	ErrNotFound       = errors.New("account: no such account")
	ErrHandleTaken    = errors.New("account: handle is taken")
	ErrEmailTaken     = errors.New("account: e-mail address is taken")
	ErrDIDTaken       = errors.New("account: the DID has an account here")
	ErrInvite         = errors.New("account: invite code is not available")
	ErrTakendown      = errors.New("account: taken down")
	ErrRevoked        = errors.New("account: refresh token has been revoked") // unknown, closed, or rotated more than two hours ago
	ErrUnderWay       = errors.New("account: another change of the account is under way")
	ErrNoSaga         = errors.New("account: no such story")
	ErrDuplicate      = errors.New("account: already exists") // an invite code or an app password of that name
	ErrNoSuchPassword = errors.New("account: the password has changed")
	ErrUnknownDevice  = errors.New("account: the browser is not known") // or shows a secret that is not its own any more
)

// Refusals of mail and of the codes in it.
var (
	ErrNoEmail           = errors.New("account: the account has no e-mail address")
	ErrMailBudget        = errors.New("account: too much mail to this address")
	ErrInvalidEmailToken = errors.New("account: the code is not valid") // wrong, used, replaced, or burnt by wrong tries
	ErrExpiredEmailToken = errors.New("account: the code has expired")
	ErrTokenRequired     = errors.New("account: a confirmed address is changed with a code")
	ErrEmailMismatch     = errors.New("account: the account has another e-mail address")
	ErrUnconfirmed       = errors.New("account: the e-mail address is not confirmed")
)

// Refusals of second factors. A wrong code of any of them is ErrInvalidEmailToken.
var (
	ErrFactorRequired = errors.New("account: signing in takes a code")
	ErrFactorLocked   = errors.New("account: too many wrong codes")
	ErrFactorExists   = errors.New("account: there is an authenticator app already")
	ErrNoFactor       = errors.New("account: there is no authenticator app")

	errNoVault = errors.New("account: no key to seal secrets with")
)

// Refusals of names, addresses and passwords.
var (
	ErrInvalidHandle      = errors.New("account: invalid handle")
	ErrHandleTLD          = fmt.Errorf("%w: top-level domain is not allowed", ErrInvalidHandle)
	ErrHandleDots         = fmt.Errorf("%w: more than one label in front of the service domain", ErrInvalidHandle)
	ErrHandleShort        = fmt.Errorf("%w: too short", ErrInvalidHandle)
	ErrHandleLong         = fmt.Errorf("%w: too long", ErrInvalidHandle)
	ErrHandleNotAvailable = errors.New("account: reserved handle")
	ErrUnsupportedDomain  = errors.New("account: handle domain is not offered here")
	ErrInvalidEmail       = errors.New("account: invalid e-mail address")
	ErrInvalidPassword    = errors.New("account: password is too long")
	ErrBadCredentials     = errors.New("account: wrong identifier or password") // says no more on purpose
	ErrBusy               = errors.New("account: too many passwords are waiting to be checked")
)

// Refusals of session tokens. ErrBadScope is an ErrInvalidToken.
var (
	ErrExpiredToken = errors.New("account: token has expired")
	ErrInvalidToken = errors.New("account: token could not be verified")
	ErrBadScope     = fmt.Errorf("%w: bad token scope", ErrInvalidToken)
)

// Pending refuses a sign-up whose handle, address and invite are held by one
// unfinished sign-up. It is an ErrHandleTaken, unless the same person tries
// again: actors/saga finds out.
type Pending struct{ Saga Saga }

func (p Pending) Error() string { return ErrHandleTaken.Error() + " by an unfinished sign-up" }
func (p Pending) Unwrap() error { return ErrHandleTaken }
