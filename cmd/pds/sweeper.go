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
	"troupe/actors/sweeper"
)

// startSweeper starts what removes the things that nobody else comes by to
// remove. It asks accounts, identities and repos, so it stops before them.
func (s *Server) startSweeper(system *mailbox.System, ids mailbox.Address[*identity.Identities]) error {
	h, err := sweeper.Spawn(system, sweeper.Options{
		Blobs: s.blobs,
		SweepBlobs: func(ctx context.Context, did syntax.DID, m repo.SweepBlobs) (int64, error) {
			return mailbox.Ask(ctx, s.repos.Of(did.String()), m)
		},
		OrphanBlobs: func(ctx context.Context, did syntax.DID, m repo.OrphanBlobs) ([]cid.Cid, error) {
			return mailbox.Ask(ctx, s.repos.Of(did.String()), m)
		},
		SweepExpired: func(ctx context.Context, m account.SweepExpired) (account.Expired, error) {
			return mailbox.Ask(ctx, s.accounts, m)
		},
		TrimIdentities: func(ctx context.Context) (int, error) { return mailbox.Ask(ctx, ids, identity.Trim{}) },
		Trash:          filepath.Join(s.config.Actors, ".trash"),
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
