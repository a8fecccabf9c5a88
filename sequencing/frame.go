package sequencing

import (
	"time"

	"github.com/bluesky-social/indigo/atproto/syntax"
	"github.com/ipfs/go-cid"
)

// Hard limits of the wire (atproto.com/specs/sync, "Firehose"). Deciding
// refuses what would exceed them; the log itself takes any frame.
const (
	MaxCommitBlocks = 2_000_000 // bytes of CAR in a #commit
	MaxCommitOps    = 200
	MaxSyncBlocks   = 10_000 // bytes of CAR in a #sync
)

// Action is what an op of a commit does to a record.
type Action string

const (
	ActionCreate Action = "create"
	ActionUpdate Action = "update"
	ActionDelete Action = "delete"
)

// Valid reports whether a is one of the constants.
func (a Action) Valid() bool { return a == ActionCreate || a == ActionUpdate || a == ActionDelete }

// RepoOp is com.atproto.sync.subscribeRepos#repoOp.
type RepoOp struct {
	Action Action
	Path   string  // collection/rkey
	CID    cid.Cid // Undef (null on the wire) for a delete
	Prev   cid.Cid // Undef (absent) for a create
}

// CommitFrame is com.atproto.sync.subscribeRepos#commit. rebase and tooBig are
// always false and blobs always empty.
type CommitFrame struct {
	Repo     syntax.DID
	Commit   cid.Cid
	Rev      syntax.TID
	Since    syntax.TID // "" (null) on the first commit
	Blocks   []byte     // CAR
	Ops      []RepoOp
	PrevData cid.Cid // Undef (absent) on the first commit
	Time     time.Time
}

// SyncFrame is com.atproto.sync.subscribeRepos#sync.
type SyncFrame struct {
	DID    syntax.DID
	Rev    syntax.TID
	Blocks []byte // CAR holding the commit block alone
	Time   time.Time
}

// IdentityFrame is com.atproto.sync.subscribeRepos#identity.
type IdentityFrame struct {
	DID    syntax.DID
	Handle syntax.Handle // "": absent
	Time   time.Time
}

// AccountFrame is com.atproto.sync.subscribeRepos#account.
type AccountFrame struct {
	DID    syntax.DID
	Active bool
	Status Status // left out of the frame when active or StatusNone
	Time   time.Time
}
