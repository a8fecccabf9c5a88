package sweeper

import (
	"context"
	"errors"
	"iter"
	"log/slog"
	"time"

	"github.com/bluesky-social/indigo/atproto/syntax"
	"github.com/ipfs/go-cid"

	"troupe/actors/account"
	"troupe/actors/repo"
	"troupe/storage/blob"
)

// Chore is one kind of sweeping.
type Chore string

// The chores.
const (
	Uploads    Chore = "uploads"
	Blobs      Chore = "blobs"
	Everybody  Chore = "everybody"
	Rows       Chore = "rows"
	Identities Chore = "identities"
	Trash      Chore = "trash"
	Accounts   Chore = "accounts"
	Signups    Chore = "signups"
	Keys       Chore = "keys"
)

// Kind is a kind of thing that is removed.
type Kind string

// The kinds.
const (
	KindUpload       Kind = "upload"
	KindOrphan       Kind = "orphan"
	KindRefreshToken Kind = "refresh_token"
	KindEmailToken   Kind = "email_token"
	KindMail         Kind = "mail"
	KindOAuth        Kind = "oauth"
	KindIdentity     Kind = "identity"
	KindTrash        Kind = "trash"
	KindAccount      Kind = "account"
	KindSignup       Kind = "signup" // activated, not removed
	KindKey          Kind = "reserved_key"
)

// Report is how many of each kind a chore removed. It is never changed once given out.
type Report map[Kind]int64

// ErrNoChore: there is no chore of that name, or nothing to do it with.
var ErrNoChore = errors.New("sweeper: no such chore")

// Options of the sweeper. A function that is nil makes its chore one that there is not.
type Options struct {
	Blobs       blob.Store
	SweepBlobs  func(context.Context, syntax.DID, repo.SweepBlobs) (int64, error)
	OrphanBlobs func(context.Context, syntax.DID, repo.OrphanBlobs) ([]cid.Cid, error)
	EachAccount iter.Seq[syntax.DID] // of this server

	SweepExpired   func(context.Context, account.SweepExpired) (account.Expired, error)
	TrimIdentities func(context.Context) (int, error)
	Trash          string // folder of what deleted accounts left; "": none

	SweepKeys func(before time.Time) (int, error) // removes keys that were reserved before

	ListOverdue   func(context.Context, account.ListOverdue) ([]syntax.DID, error)
	DeleteOverdue func(context.Context, syntax.DID) error // an account, if its time has come
	DeleteRemains func(context.Context, syntax.DID) error // of an account, if it was deleted

	ListReleased func(ctx context.Context, limit int) ([]syntax.DID, error)
	Activate     func(context.Context, syntax.DID) error

	UploadLifetime time.Duration // an upload that no record uses by then goes; 0: 24 hours
	Pause          time.Duration // between two accounts, or two pieces of one; 0: 50 ms
	Now            func() time.Time
	Log            *slog.Logger
}

func (o Options) withDefaults() Options {
	if o.UploadLifetime == 0 {
		o.UploadLifetime = 24 * time.Hour
	}
	if o.Pause == 0 {
		o.Pause = 50 * time.Millisecond
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	if o.Log == nil {
		o.Log = slog.Default()
	}
	return o
}
