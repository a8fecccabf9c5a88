package saga

import "errors"

var (
	// ErrInviteRequired: this server takes sign-ups with an invite code only.
	ErrInviteRequired = errors.New("saga: an invite code is required")
	// ErrEmailRequired: no address was given.
	ErrEmailRequired = errors.New("saga: an e-mail address is required")
	// ErrPasswordRequired: no password was given.
	ErrPasswordRequired = errors.New("saga: a password is required")
	// ErrHandleNotResolved: a handle of another domain does not resolve to the DID.
	ErrHandleNotResolved = errors.New("saga: handle did not resolve to the DID")
	// ErrRefused: the PLC directory refused the DID. Nothing was kept.
	ErrRefused = errors.New("saga: the PLC directory refused")
	// ErrUnconfirmed: the PLC directory did not say whether it made the DID. The
	// sign-up can be tried again with the same handle, address and password.
	ErrUnconfirmed = errors.New("saga: the PLC directory did not answer")
	// ErrUnfinished: the DID exists and the account will be completed; signing in
	// works in a while.
	ErrUnfinished = errors.New("saga: the account is still being made")
	// ErrBusy: too many sign-ups at once.
	ErrBusy = errors.New("saga: too many sign-ups")
)
