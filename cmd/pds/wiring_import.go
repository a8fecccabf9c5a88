package main

import (
	"context"
	"time"

	"github.com/bluesky-social/indigo/atproto/atcrypto"
	"github.com/bluesky-social/indigo/atproto/syntax"

	"troupe/actors/identity"
	"troupe/actors/mailbox"
	"troupe/actors/repo"
)

// importLimit is the largest repository that is taken in unless the operator
// says otherwise: some three million records.
const importLimit = 1 << 30

func (c *Config) readImports(s *settings) {
	c.ImportLimit = s.number("PDS_MAX_REPO_IMPORT_SIZE", importLimit)
	c.Imports = s.flag("PDS_ACCEPTING_REPO_IMPORTS", true)
}

// newImporter is nil where the operator wants no imports.
func (s *Server) newImporter(ids mailbox.Address[*identity.Identities]) *repo.Importer {
	if !s.config.Imports {
		return nil
	}
	directory := identity.NewDirectory(ids)
	return &repo.Importer{
		Repos: s.repos, Dir: s.spool, Limit: s.config.ImportLimit, Now: time.Now, Logger: s.log,
		Key: func(ctx context.Context, did syntax.DID) (atcrypto.PublicKey, error) {
			return directory.SigningKey(ctx, did, "atproto", false)
		},
	}
}
