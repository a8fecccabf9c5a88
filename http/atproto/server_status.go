package atproto

import (
	"context"
	"encoding/json"
	"slices"

	atid "github.com/bluesky-social/indigo/atproto/identity"

	"troupe/actors/account"
	"troupe/actors/identity"
	"troupe/actors/mailbox"
	"troupe/actors/repo"
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
	valid, err := h.validDID(ctx, a)
	return AccountStatusOut{
		Activated: a.Active(), ValidDID: valid,
		RepoCommit: cidText(n.Commit.CID), RepoRev: n.Commit.Rev.String(), RepoBlocks: n.Blocks,
		IndexedRecords: n.Records, ExpectedBlobs: n.BlobsWanted, ImportedBlobs: n.BlobsPresent,
	}, err
}

// validDID reports whether the DID document leads here: it names this server,
// the key that the account signs with here, and its handle. The document is
// fetched anew: who asks has just changed it. One that cannot be had is not valid.
func (s *Service) validDID(ctx context.Context, a account.Account) (bool, error) {
	doc, err := mailbox.Ask(ctx, s.IDs, identity.ResolveDIDRaw{DID: a.DID, Fresh: true})
	if err != nil {
		return false, ctx.Err()
	}
	var parsed atid.DIDDocument
	if json.Unmarshal(doc, &parsed) != nil {
		return false, nil
	}
	key, err := mailbox.Ask(ctx, s.repo(a.DID), repo.SigningKey{})
	if err != nil {
		return false, err
	}
	return s.hostedHere(parsed) && signsWith(parsed, key) && declaredHandle(doc) == a.Handle, nil
}

// hostedHere reports whether the document names this server as the account's PDS.
func (s *Service) hostedHere(doc atid.DIDDocument) bool {
	return slices.ContainsFunc(doc.Service, func(v atid.DocService) bool {
		return (v.ID == "#atproto_pds" || v.ID == doc.DID.String()+"#atproto_pds") &&
			v.Type == "AtprotoPersonalDataServer" && v.ServiceEndpoint == s.URL
	})
}

// signsWith reports whether the document names key, a did:key, as the account's.
func signsWith(doc atid.DIDDocument, key string) bool {
	declared, err := identity.SigningKey(&doc, identity.FragmentAtproto)
	return err == nil && declared.DIDKey() == key
}
