package saga

import (
	"context"
	"log/slog"
	"time"

	"github.com/bluesky-social/indigo/atproto/atcrypto"
	"github.com/bluesky-social/indigo/atproto/syntax"

	"troupe/actors/account"
	"troupe/actors/identity/plc"
	"troupe/actors/mailbox"
	"troupe/actors/repo"
)

// Options of the sagas actor. Zero values mean the defaults in parentheses.
type Options struct {
	System    *mailbox.System
	Accounts  mailbox.Address[*account.Accounts]
	Index     *account.Index
	Passwords *account.Passwords
	Tokens    account.Tokens
	Vault     Vault
	Actors    string // folder of the accounts' folders
	Directory *plc.Directory
	Rotation  atcrypto.PrivateKey
	Recovery  atcrypto.PublicKey // the operator's offline rotation key (none)
	Endpoint  string             // public URL, as DID documents shall show it
	Handles   account.HandleRules

	InviteRequired bool

	// CreateRepo asks the DID's repo actor for its creation chain.
	CreateRepo func(context.Context, syntax.DID, repo.Create) (repo.Commit, error)
	// ResolveHandle finds the DID of a handle of another domain, by DNS or HTTPS.
	ResolveHandle func(context.Context, syntax.Handle) (syntax.DID, error)

	Running  int              // sign-ups at once (64)
	Patience time.Duration    // how long a client waits for the directory (12 s)
	Settle   time.Duration    // how long after a sending its absence is believed (2 min)
	Now      func() time.Time // (time.Now)
	Logger   *slog.Logger     // (slog.Default)
}

// Sagas starts stories, resumes unfinished ones, and owns their timers.
type Sagas struct{ o Options }

// Spawn starts the sagas actor, which resumes what is unfinished.
func Spawn(o Options) (*mailbox.Handle[*Sagas], error) {
	return mailbox.Spawn(o.System, "sagas", 1024, func(self mailbox.Self) *Sagas { return &Sagas{o: o} })
}

func (s *Sagas) Start(ctx context.Context) error { panic("skeleton") }
func (s *Sagas) Receive(t *mailbox.Turn)         { panic("skeleton") }
func (s *Sagas) Stop(why mailbox.Reason)         { panic("skeleton") }

// Vault seals signing keys; a *keys.Vault.
type Vault interface {
	WriteSigningKey(dir string, did syntax.DID, k atcrypto.PrivateKeyExportable) error
}
