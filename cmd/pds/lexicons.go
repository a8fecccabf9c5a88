package main

import (
	"context"
	"fmt"

	atid "github.com/bluesky-social/indigo/atproto/identity"
	"github.com/bluesky-social/indigo/atproto/syntax"

	"troupe/actors/identity"
	"troupe/actors/lexicon/resolver"
	"troupe/actors/mailbox"
	"troupe/actors/outbound"
	"troupe/http/atproto"
)

// startLexicons returns how to ask for record types that do not ship; nil if
// nobody is to be asked.
func (s *Server) startLexicons(system *mailbox.System, ids mailbox.Address[*identity.Identities]) (atproto.RecordTypes, error) {
	c := s.config
	if !c.ResolveLexicons {
		return nil, nil
	}
	h, err := resolver.Spawn(system, resolver.Options{
		Path: c.LexiconCache, Authority: c.LexiconAuthority, Dev: c.Dev, Timeout: c.ResolverTimeout, MaxProof: c.FetchLimit, Log: s.log,
		Document: func(ctx context.Context, did syntax.DID, fresh bool) (*atid.DIDDocument, error) {
			return mailbox.Ask(ctx, ids, identity.ResolveDID{DID: did, Fresh: fresh})
		},
		Web: outbound.NewClient(outbound.Options{
			AllowPrivate: c.AllowPrivate, AllowHTTP: c.Dev, Timeout: c.ResolverTimeout, MaxBody: c.FetchLimit,
		}),
	})
	if err != nil {
		return nil, fmt.Errorf("lexicons: %w", err)
	}
	s.closer.add("lexicons", h.Stop)
	return resolver.NewTypes(h.Address()).Record, nil
}
