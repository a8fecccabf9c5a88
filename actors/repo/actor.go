package repo

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"github.com/bluesky-social/indigo/atproto/atcrypto"
	"github.com/bluesky-social/indigo/atproto/syntax"

	"troupe/actors/mailbox"
	"troupe/sequencing"
	"troupe/storage/keys"
	"troupe/storage/repodb"
	"troupe/storage/sqlite"
)

// Config is what every Repo of a server shares.
type Config struct {
	Root      string // the folder of all accounts
	Vault     *keys.Vault
	Log       sequencing.Log // for reading; writes go through Append
	Append    func(sequencing.Append, func(sequencing.Committed, error))
	Clock     *sequencing.Clock
	Flusher   *Flusher
	Pending   *Pending // nil: this actor's own
	Snapshots *repodb.Snapshots
	Reaper    *Reaper       // nil: bytes of blobs stay where they are
	BlobQuota int64         // bytes of blobs that an account may keep; 0: any number
	HoldLimit time.Duration // how long writes wait for a rotation of the key; 0: 20 s
	Logger    *slog.Logger
	VFS       string // "" is the product's own
}

// Repo is the actor of one account's repository.
type Repo struct {
	Config
	did  syntax.DID
	dir  string
	self mailbox.Self

	// Owned by the actor's turns.
	db      *repodb.DB          // nil until the repository exists
	key     atcrypto.PrivateKey // nil until something is signed
	state   State               // what the log holds
	pending *overlay            // what the log holds and the file does not
	queue   []job
	flight  *flight // the chain on its way, or nil
	held    hold    // whether a rotation of the key keeps the queue; then no chain that was signed is on its way

	importing *importing // or nil
	enlarged  bool       // the file's cache is that of an import
	leftovers bool       // the file has import tables that are to go
	clearing  bool       // a turn that removes some of them is due

	unreaped bool // there may be blobs to delete that nobody has been told of
}

// New makes the actor of a DID; the router starts it.
func New(c Config, did syntax.DID, self mailbox.Self) *Repo {
	if c.Pending == nil {
		c.Pending = &Pending{}
	}
	if c.HoldLimit == 0 {
		c.HoldLimit = holdLimit
	}
	return &Repo{Config: c, did: did, dir: keys.ActorDir(c.Root, did), self: self, pending: newOverlay(), unreaped: true}
}

// Receive is the table of what a Repo answers.
func (r *Repo) Receive(t *mailbox.Turn) {
	switch m := t.Message().(type) {
	case ApplyWrites:
		mailbox.Later(r, t, m, r.applyWrites)
	case Create:
		mailbox.Later(r, t, m, r.create)
	case SetStatus:
		mailbox.Later(r, t, m, r.setStatus)
	case Activate:
		mailbox.Later(r, t, m, r.activateAccount)
	case AnnounceIdentity:
		mailbox.Later(r, t, m, r.announceIdentity)
	case GetRecord:
		mailbox.Reply(r, t, m, r.getRecord)
	case TakedownRecord:
		mailbox.Reply(r, t, m, r.takedownRecord)
	case InspectRecord:
		mailbox.Reply(r, t, m, r.inspectRecord)
	case ListRecords:
		mailbox.Reply(r, t, m, r.listRecords)
	case Describe:
		mailbox.Reply(r, t, m, r.describe)
	case Count:
		mailbox.Reply(r, t, m, r.count)
	case GetBlocks:
		mailbox.Reply(r, t, m, r.getBlocks)
	case ProveRecord:
		mailbox.Reply(r, t, m, r.proveRecord)
	case ReserveBlob:
		mailbox.Reply(r, t, m, r.reserveBlob)
	case ConfirmBlob:
		mailbox.Reply(r, t, m, r.confirmBlob)
	case ForgetBlobs:
		mailbox.Reply(r, t, m, r.forgetBlobs)
	case TakedownBlob:
		mailbox.Reply(r, t, m, r.takedownBlob)
	case SweepBlobs:
		mailbox.Later(r, t, m, r.sweepBlobs)
	case OrphanBlobs:
		mailbox.Reply(r, t, m, r.orphanBlobs)
	case GetBlob:
		mailbox.Reply(r, t, m, r.getBlob)
	case InspectBlob:
		mailbox.Reply(r, t, m, r.inspectBlob)
	case ListBlobs:
		mailbox.Reply(r, t, m, r.listBlobs)
	case ListMissingBlobs:
		mailbox.Reply(r, t, m, r.listMissingBlobs)
	case BeginImport:
		mailbox.Later(r, t, m, r.beginImport)
	case StageImport:
		mailbox.Reply(r, t, m, r.stageImport)
	case FinishImport:
		mailbox.Later(r, t, m, r.finishImport)
	case AbandonImport:
		mailbox.Reply(r, t, m, r.abandonImport)
	case GetPreferences:
		mailbox.Reply(r, t, m, r.getPreferences)
	case PutPreferences:
		mailbox.Reply(r, t, m, r.putPreferences)
	case ReadRecent:
		mailbox.Reply(r, t, m, r.readRecent)
	case OpenSnapshot:
		mailbox.Reply(r, t, m, r.openSnapshot)
	case SignServiceAuth:
		mailbox.Reply(r, t, m, r.signServiceAuth)
	case SigningKey:
		mailbox.Reply(r, t, m, r.signingKey)
	case StageKey:
		mailbox.Later(r, t, m, r.stageKey)
	case AdoptKey:
		mailbox.Later(r, t, m, r.adoptKey)
	case DropKey:
		mailbox.Later(r, t, m, r.dropKey)
	case Wake:
		mailbox.Reply(r, t, m, r.wake)
	case Flush:
		mailbox.Reply(r, t, m, r.flushNow)
	}
}

// Stop brings the file up to date and closes it. After a crash it only waits
// for the chain that is on its way, so that the next instance reads a log that
// has it, and closes.
//
// What is left to do may panic like any turn. The file is closed all the same:
// a handle that stayed open would be a second owner beside the next instance.
func (r *Repo) Stop(why mailbox.Reason) {
	defer func() { r.Pending.add(-r.pending.bytes) }() // of what was not flushed
	defer r.closeFile()
	if r.held != holdNone {
		r.refuseHeld()
	}
	for why != mailbox.Crashed && (r.flight != nil || len(r.queue) > 0) {
		if f := r.flight; f != nil {
			<-f.landed
			r.land(f)
		}
		r.pumpIfIdle()
	}
	if r.flight != nil {
		<-r.flight.landed
	}
	if why != mailbox.Crashed && r.db != nil {
		if err := r.flush(context.Background()); err != nil {
			r.Logger.Warn("pending changes stay in the log", "did", r.did, "err", err)
		}
	}
}

func (r *Repo) closeFile() {
	if r.db == nil {
		return
	}
	if err := r.db.Close(); err != nil {
		r.Logger.Warn("close account file", "did", r.did, "err", err)
	}
	r.db = nil
}

// Idle uses a quiet moment to bring the file up to date and to let go of the
// tree's nodes.
func (r *Repo) Idle() {
	if r.exists() != nil || r.flight != nil {
		return
	}
	if err := r.flush(context.Background()); err != nil {
		r.Logger.Warn("flush when idle", "did", r.did, "err", err)
		return
	}
	r.reap(context.Background())
	if r.leftovers {
		r.clearLeftovers()
	}
	r.state.Tree = r.state.Tree.Forget()
}

// unexpected wraps an error that is not a refusal of the request.
func (r *Repo) unexpected(err error) error {
	if errors.Is(err, sqlite.ErrFull) { // by the one name that a full disk has outside
		return fmt.Errorf("%w: %w: %w", ErrUnavailable, sequencing.ErrFull, err)
	}
	if errors.Is(err, sqlite.ErrIO) || errors.Is(err, sqlite.ErrCorrupt) || errors.Is(err, sequencing.ErrClockJump) {
		return fmt.Errorf("%w: %w", ErrUnavailable, err)
	}
	return err
}
