package account

import (
	"context"
	"time"

	"github.com/bluesky-social/indigo/atproto/syntax"
)

// Reads answers questions about private state from read-only connections.
// Its methods may be called from any goroutine.
type Reads struct{}

// OpenReads opens n connections to the file that the accounts actor created.
func OpenReads(ctx context.Context, path string, n int, vfs string) (*Reads, error) {
	panic("skeleton")
}

// Private is what only its owner and operators may know of an account.
type Private struct {
	Email           Email
	ConfirmedAt     time.Time // zero: not confirmed
	InvitesDisabled bool
}

// Private finds the private row of an account; ErrNotFound.
func (r *Reads) Private(ctx context.Context, did syntax.DID) (Private, error) { panic("skeleton") }

// ByEmail finds the account of an address; ErrNotFound.
func (r *Reads) ByEmail(ctx context.Context, e Email) (syntax.DID, error) { panic("skeleton") }

// AppPasswords lists an account's app passwords, oldest first.
func (r *Reads) AppPasswords(ctx context.Context, did syntax.DID) ([]AppPassword, error) {
	panic("skeleton")
}

// CheckInvite is nil while the code can be used, else ErrInvite.
func (r *Reads) CheckInvite(ctx context.Context, code InviteCode) error { panic("skeleton") }

// Close closes the connections after the calls under way.
func (r *Reads) Close() error { panic("skeleton") }
