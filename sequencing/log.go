package sequencing

import (
	"context"
	"time"

	"github.com/bluesky-social/indigo/atproto/syntax"
)

// Log is the truth about every repo, identity and status of this server.
// The per-account files are projections of it.
//
// Guarantees every implementation gives:
//
//   - An append that was answered with Committed survives a power cut.
//   - An append is compared with its DID's head and replaces it in one step: of
//     two appends that expect the same head, one wins.
//   - Entries of a chain are all in the log or none is; their numbers ascend.
//   - Numbers strictly increase in the order of commit and are never used
//     again, not even after the newest entries were lost with a restore.
//   - A reader sees an entry only after it is durable, and in order: once
//     Events returned number n, no smaller public number appears later.
//   - What was returned once for a number is returned byte for byte again,
//     until the entry is purged or pruned.
//
// Methods may be called from any goroutine.
type Log interface {
	// Append queues a chain and returns at once. It cannot be cancelled. done
	// runs exactly once, in the order of the log, on the committer's goroutine
	// (or on the caller's, when the append is refused at the door); it must not
	// block, and a panic in it stops the log. Its error is nil, Refused, ErrFull, ErrQueueFull, ErrInvalid or
	// ErrClosed. With ErrFull, ErrQueueFull, ErrInvalid and Refused nothing was
	// kept; after ErrClosed the caller must read the head to know.
	// The append's slices belong to the log until done runs.
	Append(a Append, done func(Committed, error))

	// Head answers from a connection of its own; nothing waits for the committer.
	Head(ctx context.Context, did syntax.DID) (Head, bool, error)
	// Heads pages over every head, tombstones included, by (created_at, did).
	Heads(ctx context.Context, after HeadCursor, limit int) ([]Head, error)
	// Holders pages over the active accounts that hold records of a collection, in
	// an order of the log's own, in which new accounts come last.
	Holders(ctx context.Context, collection syntax.NSID, after HolderCursor, limit int) ([]Holder, error)
	// Behind pages, by DID, over heads whose own file has not caught up.
	Behind(ctx context.Context, after syntax.DID, limit int) ([]Head, error)

	// Events returns public events above after, ascending: at most limit, and no
	// more than maxBytes of frames unless the first alone is larger.
	Events(ctx context.Context, after Seq, limit int, maxBytes int) ([]Event, error)
	// Replay calls fn with every entry of one DID above after, public and
	// internal, ascending, with Effects, Private and Next. It ends early with
	// fn's error. No transaction is held while fn runs.
	Replay(ctx context.Context, did syntax.DID, after Seq, fn func(Event) error) error
	// ReplayKinds is Replay over every DID for some kinds of entries.
	ReplayKinds(ctx context.Context, after Seq, kinds []Kind, fn func(Event) error) error

	// Last is the highest number that is, or may once have been, in use.
	Last() Seq
	// Earliest is the first public entry not older than since.
	Earliest(ctx context.Context, since time.Time) (Seq, bool, error)

	// MarkApplied records what account files hold durably. Marks never go back.
	MarkApplied(ctx context.Context, marks []Applied) error
	// MarkAccounts records up to where account.sqlite has applied identity and
	// account entries. It never goes back.
	MarkAccounts(ctx context.Context, seq Seq) error
	// Prune deletes at most limit rows that are older than before and that no
	// projection needs any more; it returns how many. Call until it returns 0.
	Prune(ctx context.Context, before time.Time, limit int) (n int, err error)

	// Close ends the committer after what is queued and closes the files.
	Close() error
}
