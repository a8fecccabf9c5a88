package account

import (
	"context"
	"time"

	"github.com/bluesky-social/indigo/atproto/syntax"

	"troupe/sequencing"
	"troupe/storage/accountdb"
)

// state is what an instance of the actor keeps in memory. All of it is read
// from the file again at the next start.
type state struct {
	db       *accountdb.DB  // the one read-write handle
	waiting  []request      // writes for the next transaction, in the order they came
	applied  sequencing.Seq // entries of the log up to here are in the file
	mailed   bool           // the last transaction queued mail
	unforced []TokenID      // access tokens that the last transaction put out of force
	doubtful bool           // a commit failed in a way that only the file can tell about
}

// request is a write that has been read and not yet decided.
type request struct {
	ctx    context.Context
	decide func(*batch) error // refuses with an error, or writes
	answer func(error)        // after the commit
	err    error              // what decide said
}

// batch is the transaction that several requests share.
type batch struct {
	*accountdb.Tx
	now     time.Time
	touched []syntax.DID // accounts whose index entry must be read anew
	mailed  bool         // mail was queued, perhaps by a decision that was refused later
	ended   []TokenID    // access tokens of apps that are not in force any more
}

// row → index entry.
func published(a accountdb.Actor) Account {
	return Account{
		DID:         a.DID,
		Handle:      a.Handle,
		Status:      sequencing.Status(a.Status),
		Locked:      a.Locked,
		HasPassword: a.HasPassword,
		Awaits:      a.Awaits,
		CreatedAt:   a.CreatedAt,
	}
}
