package main

import (
	"context"
	"fmt"

	"github.com/bluesky-social/indigo/atproto/syntax"

	"troupe/actors/account"
	"troupe/actors/identity"
	"troupe/actors/mailbox"
	"troupe/actors/plcwatch"
	"troupe/actors/repo"
)

// newWatch makes what looks at the DIDs of accounts.
func (s *Server) newWatch(ids mailbox.Address[*identity.Identities], private *account.Reads) (*plcwatch.Watch, error) {
	rotation, err := s.config.Rotation.PublicKey()
	if err != nil {
		return nil, fmt.Errorf("rotation key: %w", err)
	}
	return plcwatch.New(plcwatch.Options{
		Each: s.index.DIDs(), Account: s.index.ByDID, Last: s.directory.Last, Known: private.PLCOperation,
		Note: func(ctx context.Context, m account.NoteOperation) error {
			_, err := mailbox.Ask(ctx, s.accounts, m)
			return err
		},
		Announce: func(ctx context.Context, did syntax.DID, m repo.AnnounceIdentity) error {
			_, err := mailbox.Ask(ctx, s.repos.Of(did.String()), m)
			return err
		},
		Refresh: func(ctx context.Context, did syntax.DID) error {
			_, err := mailbox.Ask(ctx, ids, identity.ResolveDID{DID: did, Fresh: true})
			return err
		},
		Key: s.signingKey, Rotation: rotation.DIDKey(), Endpoint: s.config.URL, Pause: s.config.Pace, Logger: s.log,
	}), nil
}

// startWatch has it go rounds, unless the operator does not want that. It asks
// accounts, identities and repos, so it stops before them.
func (s *Server) startWatch(ids mailbox.Address[*identity.Identities], private *account.Reads) (err error) {
	if s.watch, err = s.newWatch(ids, private); err != nil || !s.config.Watch {
		return err
	}
	ctx, stop := context.WithCancel(context.Background())
	done := make(chan struct{})
	go func() {
		defer close(done)
		s.watch.Run(ctx)
	}()
	s.closer.add("watch", func(context.Context) error { stop(); <-done; return nil })
	return nil
}
