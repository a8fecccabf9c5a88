package atproto

import (
	"context"
	"errors"

	"github.com/bluesky-social/indigo/atproto/syntax"

	"troupe/actors/mailbox"
	"troupe/actors/repo"
	"troupe/actors/saga"
	"troupe/http/auth"
	"troupe/http/xrpc"
)

// AccountStatusOut answers com.atproto.server.checkAccountStatus.
type AccountStatusOut struct {
	Activated          bool   `json:"activated"`
	ValidDID           bool   `json:"validDid"`
	RepoCommit         string `json:"repoCommit"`
	RepoRev            string `json:"repoRev"`
	RepoBlocks         int64  `json:"repoBlocks"`
	IndexedRecords     int64  `json:"indexedRecords"`
	PrivateStateValues int64  `json:"privateStateValues"` // always 0, as in the reference
	ExpectedBlobs      int64  `json:"expectedBlobs"`
	ImportedBlobs      int64  `json:"importedBlobs"`
}

// CheckAccountStatus tells an owner who moves here what has arrived, and whether
// the DID leads here already.
func (h Server) CheckAccountStatus(ctx context.Context, who auth.Session, _ xrpc.None) (AccountStatusOut, error) {
	a, ok := h.Index.ByDID(who.DID)
	if !ok {
		return AccountStatusOut{}, ErrNoAccount
	}
	n, err := mailbox.Ask(ctx, h.repo(a.DID), repo.Count{})
	if err != nil {
		return AccountStatusOut{}, err
	}
	valid, err := h.residesHere(ctx, a.DID)
	return AccountStatusOut{
		Activated: a.Active(), ValidDID: valid,
		RepoCommit: cidText(n.Commit.CID), RepoRev: n.Commit.Rev.String(), RepoBlocks: n.Blocks,
		IndexedRecords: n.Records, ExpectedBlobs: n.BlobsWanted, ImportedBlobs: n.BlobsPresent,
	}, err
}

// residesHere reports whether the DID leads here: what an activation asks. The
// network is asked anew, since who wants to know has just changed it; a document
// that cannot be had is not valid.
func (s *Service) residesHere(ctx context.Context, did syntax.DID) (bool, error) {
	err := s.Residence.Check(ctx, did)
	for _, no := range []error{saga.ErrNoDocument, saga.ErrDocumentUnknown, saga.ErrNoRotationKey, saga.ErrWrongEndpoint, saga.ErrWrongKey} {
		if errors.Is(err, no) {
			return false, ctx.Err()
		}
	}
	return err == nil, err
}
