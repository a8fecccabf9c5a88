package atproto

import (
	"context"
	"log/slog"

	"github.com/bluesky-social/indigo/atproto/syntax"

	"troupe/actors/account"
	"troupe/actors/identity"
	"troupe/actors/identity/plc"
	"troupe/actors/lexicon"
	"troupe/actors/mailbox"
	"troupe/actors/repo"
	"troupe/actors/saga"
	"troupe/http/auth"
	"troupe/http/rate"
	"troupe/sequencing"
	"troupe/storage/blob"
)

// Service is what the handlers of every namespace ask.
type Service struct {
	DID       syntax.DID
	URL       string // of this server, as DID documents name it
	Handles   account.HandleRules
	Index     *account.Index
	Accounts  mailbox.Address[*account.Accounts]
	Private   *account.Reads
	SignIns   *account.SignIns
	Tokens    account.Tokens
	Emails    account.EmailRules // which addresses are taken
	Sagas     mailbox.Address[*saga.Sagas]
	Residence saga.Residence // where DIDs of this server's accounts lead
	Repos     *mailbox.Router[*repo.Repo]
	PLC       *plc.Signer
	// ReserveKey makes a signing key for an account to come, or for nobody in
	// particular (""), and returns it as a did:key.
	ReserveKey func(syntax.DID) (string, error)
	Log        sequencing.Log // heads, for reads that wake nobody
	IDs        mailbox.Address[*identity.Identities]
	Foreign    Foreign // nil: nothing is known of other servers' accounts
	// AskHandle asks the app view where a handle points that the network did not
	// tell; nil: there is none.
	AskHandle func(context.Context, syntax.Handle) (syntax.DID, error)
	Lexicons  *lexicon.Catalog
	Types     RecordTypes // of records that Lexicons does not know; nil: none
	Logger    *slog.Logger
	Blobs     blob.Store
	SpoolDir  string         // where uploads are collected
	Imports   *repo.Importer // nil: repositories are not taken in
	SignUps   *rate.SignUps  // bounds how many accounts are made; nil: any number

	Invites        InviteRules
	HostedDIDWeb   bool // newcomers may have did:web:<handle>
	BlobLimit      int64
	ImportLimit    int64
	Contact        string
	PrivacyPolicy  string
	TermsOfService string
	DIDDocs        bool // session answers carry the DID document
}

// RecordTypes finds a catalog that knows a type of record; false if there is
// none, or none yet. It answers at once unless it is told to wait, and then soon.
type RecordTypes func(ctx context.Context, collection syntax.NSID, wait bool) (*lexicon.Catalog, bool)

// Namespaces share one Service; the types only sort the methods.
type (
	Repo     struct{ *Service }
	Sync     struct{ *Service }
	Server   struct{ *Service }
	Identity struct{ *Service }
	Admin    struct{ *Service }
	Temp     struct{ *Service }
)

// account finds an account by what a client calls it: a DID or a handle.
func (s *Service) account(at syntax.AtIdentifier) (account.Account, bool) {
	if did, err := at.AsDID(); err == nil {
		return s.Index.ByDID(did)
	}
	handle, err := at.AsHandle()
	if err != nil {
		return account.Account{}, false
	}
	return s.Index.ByHandle(handle.Normalize())
}

// own finds the repository that a session names, which must be its own and
// able to act.
func (s *Service) own(who auth.Writer, at syntax.AtIdentifier) (account.Account, error) {
	a, ok := s.account(at)
	switch {
	case !ok:
		return a, ErrNoAccount
	case a.Status != sequencing.StatusActive:
		return a, AccountUnavailable{a.Status}
	case a.DID != who.DID:
		return a, ErrNotYours
	}
	return a, nil
}

// visible finds a repository that the viewer may see: an active one, or their
// own, or any for the operator.
func (s *Service) visible(who auth.Viewer, did syntax.DID) (account.Account, error) {
	a, ok := s.Index.ByDID(did)
	switch {
	case !ok:
		return a, RepoUnavailable{DID: did}
	case a.Active() || who.Admin || who.DID == did:
		return a, nil
	default:
		return a, RepoUnavailable{did, a.Status}
	}
}

// repo is the actor of an account.
func (s *Service) repo(did syntax.DID) mailbox.Address[*repo.Repo] { return s.Repos.Of(did.String()) }

// handleOf is the handle as clients are told it.
func handleOf(a account.Account) syntax.Handle {
	if a.Handle == "" {
		return syntax.HandleInvalid
	}
	return a.Handle
}

func uri(did syntax.DID, collection syntax.NSID, rkey syntax.RecordKey) string {
	return "at://" + did.String() + "/" + collection.String() + "/" + rkey.String()
}
