package main

import (
	"context"
	"fmt"

	atid "github.com/bluesky-social/indigo/atproto/identity"
	"github.com/bluesky-social/indigo/atproto/syntax"

	"troupe/actors/account"
	"troupe/actors/identity"
	"troupe/actors/mailbox"
	"troupe/actors/repo"
	"troupe/actors/saga"
	"troupe/actors/sequencer"
	"troupe/sequencing"
	"troupe/storage/keys"
)

// sagaParts is what stories need beyond what the server holds.
type sagaParts struct {
	system    *mailbox.System
	log       sequencing.Log
	seq       mailbox.Address[*sequencer.Sequencer]
	ids       mailbox.Address[*identity.Identities]
	vault     *keys.Vault
	tokens    account.Tokens
	passwords *account.Passwords
}

// startSagas starts what tells the stories that span actors. It asks all of
// them, so it stops before them, and the sweeper, which asks it, before that.
func (s *Server) startSagas(p sagaParts) error {
	c := s.config
	rotation, err := c.Rotation.PublicKey()
	if err != nil {
		return fmt.Errorf("rotation key: %w", err)
	}
	s.resides = saga.Residence{
		Directory: s.directory, Rotation: rotation.DIDKey(), Endpoint: c.URL,
		Document: func(ctx context.Context, did syntax.DID) (*atid.DIDDocument, error) {
			return mailbox.Ask(ctx, p.ids, identity.ResolveDID{DID: did, Fresh: true})
		},
		SigningKey: s.signingKey,
	}
	h, err := saga.Spawn(saga.Options{
		System: p.system, Accounts: s.accounts, Index: s.index, Passwords: p.passwords, Tokens: p.tokens,
		Vault: p.vault, Actors: c.Actors, Directory: s.directory, Rotation: c.Rotation, Recovery: c.Recovery,
		Endpoint: c.URL, Emails: c.Emails, Handles: c.Handles, InviteRequired: c.InviteRequired, Await: c.Await,
		Repos: s.repos, Snapshots: s.shots, Log: p.log, Clock: s.clock, Blobs: s.blobs, Residence: s.resides,
		Append: func(a sequencing.Append, done func(sequencing.Committed, error)) {
			mailbox.Post(context.Background(), p.seq, sequencer.Append{Chain: a}, done)
		},
		IDs: p.ids, Reserved: s.reserved,
		CreateRepo: func(ctx context.Context, did syntax.DID, m repo.Create) (repo.Commit, error) {
			return mailbox.Ask(ctx, s.repos.Of(did.String()), m)
		},
		ResolveHandle: func(ctx context.Context, h syntax.Handle) (syntax.DID, error) {
			return mailbox.Ask(ctx, p.ids, identity.ResolveHandle{Handle: h, Fresh: true})
		},
		Forget: func(ctx context.Context, did syntax.DID, h syntax.Handle) error {
			_, err := mailbox.Ask(ctx, p.ids, identity.Forget{DID: did, Handle: h})
			return err
		},
		Logger: s.log,
	})
	if err != nil {
		return fmt.Errorf("sagas: %w", err)
	}
	s.closer.add("sagas", h.Stop)
	s.sagas = h.Address()
	return nil
}
