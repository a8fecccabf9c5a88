package account

import "context"

// Limits on what is hashed (reference behaviour).
const (
	MaxPassword    = 512 // sign-in
	MaxNewPassword = 256
)

// Passwords hashes and verifies under a limit of concurrency. Its methods may be
// called from any goroutine but not from a turn: they take tens of milliseconds.
type Passwords struct{}

// PasswordOptions tunes Passwords. Zero values mean the defaults in parentheses.
type PasswordOptions struct {
	Parallel  int    // hashes at once (number of CPUs)
	Waiting   int    // calls that may wait for their turn; more get ErrBusy (256)
	MemoryKiB uint32 // of one new hash (19,456)
	Passes    uint32 // of one new hash (2)
}

// NewPasswords makes a pool.
func NewPasswords(o PasswordOptions) *Passwords { panic("skeleton") }

// Hash hashes a new password. Errors: ErrInvalidPassword, ErrBusy, ctx's.
func (p *Passwords) Hash(ctx context.Context, password string) (PasswordHash, error) {
	panic("skeleton")
}

// Verify checks a password. An empty hash costs what a wrong password costs.
// upgrade says that the hash is of an older form and should be replaced.
func (p *Passwords) Verify(ctx context.Context, hash PasswordHash, password string) (ok, upgrade bool, err error) {
	panic("skeleton")
}
