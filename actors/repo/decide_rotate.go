package repo

import (
	"time"

	"github.com/bluesky-social/indigo/atproto/syntax"

	"troupe/sequencing"
	"troupe/storage/commit"
	"troupe/storage/repodb"
)

// decideResign signs what the repository holds anew: a commit that changes
// nothing but its rev and its signature. It is internal, because a #commit that
// a new key has signed could reach consumers who still hold the old one; the
// #identity and the #sync behind it bring them to the key first and to the head
// then. Without announcement (an account that is not shown) the head moves
// silently.
func decideResign(s State, at Moment) (Decision, error) {
	if !s.Exists || s.Status == sequencing.StatusDeleted {
		return Decision{}, ErrNotFound
	}
	block, err := commit.Sign(s.DID, s.Data, at.Rev, at.Key)
	if err != nil {
		return Decision{}, err
	}
	next := s
	next.Rev, next.Commit, next.Block = at.Rev, block.CID, block.Data
	blocks, err := eventBlocks(block, next.Data, nil, nil)
	if err != nil {
		return Decision{}, err
	}
	entry := commitEntry(s, next, blocks, nil)
	entry.Visibility = sequencing.Internal
	change := &repodb.Change{Rev: at.Rev, Commit: block, Data: next.Data, Time: entry.Time}
	return Decision{Entries: []sequencing.Entry{entry}, Changes: []*repodb.Change{change}, Next: next}, nil
}

// decideRotate is what follows a change of the account's key: unless the new key
// has signed the head already, a commit by it, then identity and sync.
func decideRotate(s State, handle syntax.Handle, at Moment, now time.Time) (Decision, error) {
	d := Decision{Next: s}
	signed, err := signedBy(s.Block, at.Key)
	if err == nil && !signed {
		d, err = decideResign(s, at)
	}
	if err != nil {
		return Decision{}, err
	}
	d.Entries = append(d.Entries, identityEntry(d.Next, handle, now))
	d.Changes = append(d.Changes, nil)
	if s.Status == sequencing.StatusActive {
		d.Entries = append(d.Entries, syncEntry(d.Next, now))
		d.Changes = append(d.Changes, nil)
	}
	return d, nil
}
