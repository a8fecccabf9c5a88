package bsky

import (
	"context"
	"log/slog"

	"github.com/bluesky-social/indigo/atproto/syntax"

	"troupe/actors/account"
	"troupe/actors/lexicon"
	"troupe/actors/mailbox"
	"troupe/actors/repo"
	"troupe/http/upstream"
)

// Service is what the handlers of every namespace ask.
type Service struct {
	Upstream *upstream.Client
	Index    *account.Index
	Repos    *mailbox.Router[*repo.Repo]
	Lexicons *lexicon.Catalog
	URLs     URLs
	Logger   *slog.Logger
}

// Namespaces share one Service; the types only sort the methods.
type (
	Actor struct{ *Service }
	Feed  struct{ *Service }
)

// repo is the actor of an account.
func (s *Service) repo(did syntax.DID) mailbox.Address[*repo.Repo] { return s.Repos.Of(did.String()) }

// foreign says whether the call under way names, in its header, somebody else
// than the app view of this server.
func (s *Service) foreign(ctx context.Context) (upstream.Service, bool, error) {
	to, err := s.Upstream.Named(callOf(ctx))
	return to, err == nil && !s.Upstream.IsAppView(to), err
}
