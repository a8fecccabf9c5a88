package main

import (
	"context"
	"fmt"
	"path/filepath"

	"github.com/bluesky-social/indigo/atproto/syntax"
	"github.com/ipfs/go-cid"

	"troupe/actors/account"
	"troupe/actors/identity"
	"troupe/actors/mailbox"
	"troupe/actors/repo"
	"troupe/actors/saga"
	"troupe/actors/sweeper"
)

// startSweeper starts what removes the things that nobody else comes by to
// remove. It asks sagas, accounts, identities and repos, so it stops before them.
func (s *Server) startSweeper(system *mailbox.System, ids mailbox.Address[*identity.Identities], private *account.Reads) error {
	h, err := sweeper.Spawn(system, sweeper.Options{
		Blobs: s.blobs,
		SweepBlobs: func(ctx context.Context, did syntax.DID, m repo.SweepBlobs) (int64, error) {
			return mailbox.Ask(ctx, s.repos.Of(did.String()), m)
		},
		OrphanBlobs: func(ctx context.Context, did syntax.DID, m repo.OrphanBlobs) ([]cid.Cid, error) {
			return mailbox.Ask(ctx, s.repos.Of(did.String()), m)
		},
		EachAccount: s.index.DIDs(),
		SweepExpired: func(ctx context.Context, m account.SweepExpired) (account.Expired, error) {
			return mailbox.Ask(ctx, s.accounts, m)
		},
		TrimIdentities: func(ctx context.Context) (int, error) { return mailbox.Ask(ctx, ids, identity.Trim{}) },
		Trash:          filepath.Join(s.config.Actors, saga.TrashName),
		ListOverdue: func(ctx context.Context, m account.ListOverdue) ([]syntax.DID, error) {
			return mailbox.Ask(ctx, s.accounts, m)
		},
		ListReleased: private.Released,
		Activate: func(ctx context.Context, did syntax.DID) error {
			_, err := mailbox.Ask(ctx, s.sagas, saga.Activate{DID: did})
			return err
		},
		DeleteOverdue:  s.deleteIf(saga.Overdue),
		DeleteRemains:  s.deleteIf(saga.Gone),
		SweepKeys:      s.reserved.Sweep,
		UploadLifetime: s.config.UploadLifetime,
		Log:            s.log,
	})
	if err != nil {
		return fmt.Errorf("sweeper: %w", err)
	}
	s.closer.add("sweeper", h.Stop)
	s.sweeper = h.Address()
	return nil
}

// deleteIf asks for an account to be deleted, if a condition holds.
func (s *Server) deleteIf(c saga.Condition) func(context.Context, syntax.DID) error {
	return func(ctx context.Context, did syntax.DID) error {
		_, err := mailbox.Ask(ctx, s.sagas, saga.Delete{DID: did, If: c})
		return err
	}
}
