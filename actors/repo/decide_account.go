package repo

import (
	"time"

	"github.com/bluesky-social/indigo/atproto/atcrypto"
	"github.com/bluesky-social/indigo/atproto/syntax"
	"github.com/ipfs/go-cid"

	"troupe/sequencing"
	"troupe/storage/car"
	"troupe/storage/commit"
	"troupe/storage/mst"
	"troupe/storage/repodb"
)

// decideCreate makes the creation chain: identity, account, commit, sync; or
// one internal commit when the account does not start active.
func decideCreate(s State, m Create, at Moment) (Decision, error) {
	edit := mst.Empty().Edit()
	tree, changed, err := edit.Finish()
	if err != nil {
		return Decision{}, err
	}
	if len(changed.New) == 0 {
		// An empty tree is one node, which no edit brought in.
		if changed.New, err = tree.Path(""); err != nil {
			return Decision{}, err
		}
	}
	block, err := commit.Sign(s.DID, tree.Root(), at.Rev, at.Key)
	if err != nil {
		return Decision{}, err
	}
	prev := State{DID: s.DID}
	next := State{DID: s.DID, Exists: true, Status: m.Status, Rev: at.Rev, Commit: block.CID, Data: tree.Root(), Block: block.Data, Tree: tree}
	blocks, err := eventBlocks(block, next.Data, changed.New, nil)
	if err != nil {
		return Decision{}, err
	}
	commit := commitEntry(prev, next, blocks, nil)
	commit.Effects.New = []cid.Cid{changed.New[0].CID}
	change := &repodb.Change{Rev: at.Rev, Commit: block, Data: next.Data, Time: commit.Time, Nodes: changed.New}
	if m.Status != sequencing.StatusActive {
		commit.Visibility = sequencing.Internal
		commit.Next.Status = m.Status
		return Decision{Entries: []sequencing.Entry{commit}, Changes: []*repodb.Change{change}, Next: next}, nil
	}
	return Decision{
		Entries: []sequencing.Entry{
			identityEntry(next, m.Handle, commit.Time),
			accountEntry(next, commit.Time),
			commit,
			syncEntry(next, commit.Time),
		},
		Changes: []*repodb.Change{nil, nil, change, nil},
		Next:    next,
	}, nil
}

// decideStatus announces a status. Only deletion is final, and it is a story
// that asks the log itself; everything else may follow anything.
func decideStatus(s State, m SetStatus, now time.Time) (Decision, error) {
	if !s.Exists || s.Status == sequencing.StatusDeleted {
		return Decision{}, ErrNotFound
	}
	next := s
	next.Status = m.Status
	if m.Status == sequencing.StatusNone {
		next.Status = m.Standing.Status()
	}
	entry := accountEntry(next, now)
	if m.Status == sequencing.StatusNone {
		entry.Private = m.Standing.Encode()
	}
	return Decision{Entries: []sequencing.Entry{entry}, Changes: []*repodb.Change{nil}, Next: next}, nil
}

// decideActivate makes the activation chain. The commit by the present key, where
// there is need of one, is internal: nobody follows an account that is not
// active, and the #sync behind it shows the same.
func decideActivate(s State, m Activate, at Moment, now time.Time) (Decision, error) {
	if !s.Exists || s.Status == sequencing.StatusDeleted {
		return Decision{}, ErrNotFound
	}
	d := Decision{Next: s}
	signed, err := signedBy(s.Block, at.Key)
	if err == nil && !signed {
		d, err = decideResign(s, at)
	}
	if err != nil {
		return Decision{}, err
	}
	d.Next.Status = sequencing.StatusActive
	entry := accountEntry(d.Next, now)
	entry.Private = sequencing.Standing{}.Encode()
	d.Entries = append(d.Entries, entry, identityEntry(d.Next, m.Handle, now), syncEntry(d.Next, now))
	d.Changes = append(d.Changes, nil, nil, nil)
	return d, nil
}

// signedBy reports whether a commit bears the signature of a key.
func signedBy(block []byte, key atcrypto.PrivateKey) (bool, error) {
	public, err := key.PublicKey()
	if err != nil {
		return false, err
	}
	o, err := commit.Parse(block)
	return err == nil && o.Verify(public) == nil, nil
}

// decideIdentity announces that the DID document or the handle may be new.
func decideIdentity(s State, m AnnounceIdentity, now time.Time) (Decision, error) {
	if !s.Exists || s.Status == sequencing.StatusDeleted {
		return Decision{}, ErrNotFound
	}
	return Decision{Entries: []sequencing.Entry{identityEntry(s, m.Handle, now)}, Changes: []*repodb.Change{nil}, Next: s}, nil
}

// decideAdopt takes over a head that the file has and the log lost: the log
// learns it silently, and subscribers are told to read the repository again.
// collections are all that it holds.
func decideAdopt(file State, collections []syntax.NSID, now time.Time) Decision {
	adopt := sequencing.Entry{
		Kind: sequencing.KindAdopt, Visibility: sequencing.Internal, Time: now,
		Next: sequencing.Change{Rev: file.Rev, Commit: file.Commit, Data: file.Data, Status: file.Status},
	}
	for _, nsid := range collections {
		adopt.Effects.Collections = append(adopt.Effects.Collections, sequencing.Collection{NSID: nsid, Present: true})
	}
	d := Decision{Entries: []sequencing.Entry{adopt}, Changes: []*repodb.Change{nil}, Next: file}
	if file.Status == sequencing.StatusActive {
		d.Entries = append(d.Entries, syncEntry(file, now))
		d.Changes = append(d.Changes, nil)
	}
	return d
}

func identityEntry(s State, handle syntax.Handle, now time.Time) sequencing.Entry {
	f := sequencing.IdentityFrame{DID: s.DID, Handle: handle, Time: now}
	return sequencing.Entry{Kind: sequencing.KindIdentity, Visibility: sequencing.Public, Frame: f.Encode(), Time: now}
}

func accountEntry(s State, now time.Time) sequencing.Entry {
	f := sequencing.AccountFrame{DID: s.DID, Active: s.Status == sequencing.StatusActive, Status: s.Status, Time: now}
	return sequencing.Entry{
		Kind: sequencing.KindAccount, Visibility: sequencing.Public, Frame: f.Encode(), Time: now,
		Next: sequencing.Change{Status: s.Status},
	}
}

func syncEntry(s State, now time.Time) sequencing.Entry {
	blocks := car.AppendBlock(car.AppendHeader(nil, s.Commit), s.Commit, s.Block)
	f := sequencing.SyncFrame{DID: s.DID, Rev: s.Rev, Blocks: blocks, Time: now}
	return sequencing.Entry{Kind: sequencing.KindSync, Visibility: sequencing.Public, Frame: f.Encode(), Time: now}
}
