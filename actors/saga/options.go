package saga

import (
	"context"
	"log/slog"
	"time"

	"github.com/bluesky-social/indigo/atproto/atcrypto"
	"github.com/bluesky-social/indigo/atproto/syntax"

	"troupe/actors/account"
	"troupe/actors/identity"
	"troupe/actors/identity/plc"
	"troupe/actors/mailbox"
	"troupe/actors/repo"
	"troupe/sequencing"
	"troupe/storage/blob"
	"troupe/storage/keys"
	"troupe/storage/repodb"
)

// Options of the sagas actor. Zero values mean the defaults in parentheses.
type Options struct {
	System    *mailbox.System
	Accounts  mailbox.Address[*account.Accounts]
	Index     *account.Index
	Passwords *account.Passwords
	Tokens    account.Tokens
	Handles   account.HandleRules
	Emails    account.EmailRules // which addresses are taken
	Vault     *keys.Vault
	Actors    string // folder of the accounts' folders; exists
	Directory *plc.Directory
	Rotation  atcrypto.PrivateKey
	Recovery  atcrypto.PublicKey // the operator's offline rotation key (none)
	Endpoint  string             // public URL, as DID documents shall show it

	Repos     *mailbox.Router[*repo.Repo]
	Snapshots *repodb.Snapshots
	Log       sequencing.Log // for reading; writes go through Append
	Append    func(sequencing.Append, func(sequencing.Committed, error))
	Clock     *sequencing.Clock
	Blobs     blob.Store
	Residence Residence

	InviteRequired bool
	Await          account.Awaits // what everybody waits for who has signed up (nothing)

	IDs      mailbox.Address[*identity.Identities]
	Reserved *keys.Reserved // signing keys for accounts to come (none)

	// CreateRepo asks the DID's repo actor for its creation chain.
	CreateRepo func(context.Context, syntax.DID, repo.Create) (repo.Commit, error)
	// ResolveHandle finds the DID of a handle of another domain, by DNS or HTTPS
	// (such handles are refused).
	ResolveHandle func(context.Context, syntax.Handle) (syntax.DID, error)
	// Forget drops what is cached about an account's DID and handle.
	Forget func(context.Context, syntax.DID, syntax.Handle) error

	Running   int              // stories of a kind that clients wait for, at once (64)
	Unsettled int              // unfinished ones beyond which sign-ups are refused (1000)
	Patience  time.Duration    // how long a client waits for the directory before it is told so (10 s)
	Sending   time.Duration    // how long one request to the directory may take (5 s)
	Settle    time.Duration    // how long after a sending its absence is believed (2 min)
	Retry     time.Duration    // first wait before an unfinished one is looked at again (1 s); doubles up to 5 min
	Now       func() time.Time // (time.Now)
	Logger    *slog.Logger     // (slog.Default)

	probe func(point string) // tests: called between steps
}

// background bounds the unfinished stories that are looked at at once.
const background = 8

func (o Options) withDefaults() Options {
	set(&o.Running, 64)
	set(&o.Unsettled, 1000)
	set(&o.Patience, 10*time.Second)
	set(&o.Sending, 5*time.Second)
	set(&o.Settle, 2*time.Minute)
	set(&o.Retry, time.Second)
	if o.Now == nil {
		o.Now = time.Now
	}
	if o.Logger == nil {
		o.Logger = slog.Default()
	}
	if o.probe == nil {
		o.probe = func(string) {}
	}
	return o
}

func set[T comparable](field *T, def T) {
	var zero T
	if *field == zero {
		*field = def
	}
}
