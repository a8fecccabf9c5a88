package atproto

import (
	"context"
	"io"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/bluesky-social/indigo/atproto/syntax"
	"github.com/ipfs/go-cid"

	"troupe/actors/mailbox"
	"troupe/actors/repo"
	"troupe/http/auth"
	"troupe/http/xrpc"
	"troupe/sequencing"
	"troupe/storage/car"
)

// carType is the media type of repository exports (atproto.com/specs/repository).
const carType = "application/vnd.ipld.car"

// DIDIn holds the parameter of methods that ask about one account.
type DIDIn struct {
	DID syntax.DID `query:"did"`
}

// LatestCommitOut answers com.atproto.sync.getLatestCommit.
type LatestCommitOut struct {
	CID string `json:"cid"`
	Rev string `json:"rev"`
}

// GetLatestCommit tells the head of a repository, from the log's own table:
// no actor is woken.
func (h Sync) GetLatestCommit(ctx context.Context, who auth.Viewer, in DIDIn) (LatestCommitOut, error) {
	head, err := h.head(ctx, who, in.DID)
	if err != nil {
		return LatestCommitOut{}, err
	}
	return LatestCommitOut{CID: head.Commit.String(), Rev: head.Rev.String()}, nil
}

// HeadOut answers com.atproto.sync.getHead.
type HeadOut struct {
	Root string `json:"root"`
}

// GetHead is the deprecated form of GetLatestCommit.
func (h Sync) GetHead(ctx context.Context, who auth.Viewer, in DIDIn) (HeadOut, error) {
	head, err := h.head(ctx, who, in.DID)
	if err != nil { // RepoNotFound, like the methods that replaced this one; every account has a head
		return HeadOut{}, err
	}
	return HeadOut{Root: head.Commit.String()}, nil
}

func (h Sync) head(ctx context.Context, who auth.Viewer, did syntax.DID) (sequencing.Head, error) {
	if _, err := h.visible(who, did); err != nil {
		return sequencing.Head{}, err
	}
	head, found, err := h.Log.Head(ctx, did)
	if err == nil && (!found || !head.Commit.Defined()) {
		err = RepoUnavailable{DID: did}
	}
	return head, err
}

// RepoStatusOut answers com.atproto.sync.getRepoStatus.
type RepoStatusOut struct {
	DID    syntax.DID `json:"did"`
	Active bool       `json:"active"`
	Status string     `json:"status,omitempty"`
	Rev    string     `json:"rev,omitempty"`
}

// GetRepoStatus tells the hosting status of an account, whatever it is.
func (h Sync) GetRepoStatus(ctx context.Context, _ auth.Nobody, in DIDIn) (RepoStatusOut, error) {
	head, found, err := h.Log.Head(ctx, in.DID)
	switch {
	case err != nil:
		return RepoStatusOut{}, err
	case !found || head.Status == sequencing.StatusDeleted:
		return RepoStatusOut{}, RepoUnavailable{DID: in.DID}
	case head.Status == sequencing.StatusActive:
		return RepoStatusOut{DID: in.DID, Active: true, Rev: head.Rev.String()}, nil
	default:
		return RepoStatusOut{DID: in.DID, Status: head.Status.String()}, nil
	}
}

// ListReposIn holds the parameters of com.atproto.sync.listRepos.
type ListReposIn struct {
	Limit  int    `query:"limit"`
	Cursor string `query:"cursor"`
}

// ListReposOut answers listRepos.
type ListReposOut struct {
	Cursor string       `json:"cursor,omitempty"`
	Repos  []RepoListed `json:"repos"`
}

// RepoListed is com.atproto.sync.listRepos#repo.
type RepoListed struct {
	DID    syntax.DID `json:"did"`
	Head   string     `json:"head"`
	Rev    string     `json:"rev"`
	Active bool       `json:"active"`
	Status string     `json:"status,omitempty"`
}

// ListRepos pages over every account, inactive ones included, oldest first.
func (h Sync) ListRepos(ctx context.Context, _ auth.Nobody, in ListReposIn) (ListReposOut, error) {
	after, err := parseRepoCursor(in.Cursor)
	if err != nil {
		return ListReposOut{}, err
	}
	out := ListReposOut{Repos: []RepoListed{}}
	for len(out.Repos) < in.Limit {
		page, err := h.Log.Heads(ctx, after, in.Limit-len(out.Repos))
		if err != nil {
			return ListReposOut{}, err
		}
		if len(page) == 0 {
			return out, nil
		}
		for _, head := range page {
			after = sequencing.HeadCursor{CreatedAt: head.CreatedAt, DID: head.DID}
			if head.Status == sequencing.StatusDeleted || !head.Commit.Defined() {
				continue
			}
			r := RepoListed{DID: head.DID, Head: head.Commit.String(), Rev: head.Rev.String(), Active: head.Status == sequencing.StatusActive}
			if !r.Active {
				r.Status = head.Status.String()
			}
			out.Repos = append(out.Repos, r)
		}
		out.Cursor = strconv.FormatInt(after.CreatedAt.UnixMicro(), 10) + "::" + after.DID.String()
	}
	return out, nil
}

// ListByCollectionIn holds the parameters of com.atproto.sync.listReposByCollection.
type ListByCollectionIn struct {
	Collection syntax.NSID `query:"collection"`
	Limit      int         `query:"limit"`
	Cursor     string      `query:"cursor"`
}

// ListByCollectionOut answers listReposByCollection.
type ListByCollectionOut struct {
	Cursor string          `json:"cursor,omitempty"`
	Repos  []CollectionDID `json:"repos"`
}

// CollectionDID is com.atproto.sync.listReposByCollection#repo.
type CollectionDID struct {
	DID syntax.DID `json:"did"`
}

// ListReposByCollection pages over the active accounts that hold records of a
// collection.
func (h Sync) ListReposByCollection(ctx context.Context, _ auth.Nobody, in ListByCollectionIn) (ListByCollectionOut, error) {
	var after int64
	if in.Cursor != "" {
		var err error
		if after, err = strconv.ParseInt(in.Cursor, 10, 64); err != nil || after < 0 {
			return ListByCollectionOut{}, Invalid{"InvalidRequest", "Malformed cursor"}
		}
	}
	page, err := h.Log.Holders(ctx, in.Collection, sequencing.HolderCursor(after), in.Limit)
	if err != nil {
		return ListByCollectionOut{}, err
	}
	out := ListByCollectionOut{Repos: make([]CollectionDID, len(page))}
	for i, holder := range page {
		out.Repos[i] = CollectionDID{holder.DID}
	}
	if len(page) == in.Limit {
		out.Cursor = strconv.FormatInt(int64(page[len(page)-1].Cursor), 10)
	}
	return out, nil
}

func parseRepoCursor(s string) (sequencing.HeadCursor, error) {
	if s == "" {
		return sequencing.HeadCursor{}, nil
	}
	at, did, ok := strings.Cut(s, "::")
	micros, err := strconv.ParseInt(at, 10, 64)
	if !ok || err != nil || did == "" {
		return sequencing.HeadCursor{}, Invalid{"InvalidRequest", "Malformed cursor"}
	}
	return sequencing.HeadCursor{CreatedAt: time.UnixMicro(micros).UTC(), DID: syntax.DID(did)}, nil
}

// GetRepoIn holds the parameters of com.atproto.sync.getRepo.
type GetRepoIn struct {
	DID   syntax.DID `query:"did"`
	Since syntax.TID `query:"since"`
}

// GetRepo streams a repository, whole or what came after a rev, as one moment
// saw it. Writes go on meanwhile.
func (h Sync) GetRepo(ctx context.Context, who auth.Viewer, in GetRepoIn) (xrpc.Stream, error) {
	if _, err := h.visible(who, in.DID); err != nil {
		return xrpc.Stream{}, err
	}
	snapshot, err := mailbox.Ask(ctx, h.repo(in.DID), repo.OpenSnapshot{})
	if err != nil {
		return xrpc.Stream{}, err
	}
	return xrpc.Stream{
		ContentType: carType,
		Write:       func(ctx context.Context, w io.Writer) error { return snapshot.WriteCAR(ctx, w, in.Since) },
		Close:       snapshot.Close,
	}, nil
}

// GetCheckout is the deprecated form of GetRepo: the whole repository.
func (h Sync) GetCheckout(ctx context.Context, who auth.Viewer, in DIDIn) (xrpc.Stream, error) {
	return h.GetRepo(ctx, who, GetRepoIn{DID: in.DID})
}

// GetBlocksIn holds the parameters of com.atproto.sync.getBlocks.
type GetBlocksIn struct {
	DID  syntax.DID `query:"did"`
	CIDs []string   `query:"cids"`
}

// GetBlocks reads blocks of a repository by CID, as a CAR without roots.
func (h Sync) GetBlocks(ctx context.Context, who auth.Viewer, in GetBlocksIn) (xrpc.Stream, error) {
	if _, err := h.visible(who, in.DID); err != nil {
		return xrpc.Stream{}, err
	}
	m := repo.GetBlocks{CIDs: make([]cid.Cid, 0, len(in.CIDs))}
	for _, s := range in.CIDs {
		c, err := parseCID("cids", s)
		if err != nil {
			return xrpc.Stream{}, err
		}
		if !slices.Contains(m.CIDs, c) { // a block is sent once, however often it is asked for
			m.CIDs = append(m.CIDs, c)
		}
	}
	blocks, err := mailbox.Ask(ctx, h.repo(in.DID), m)
	if err != nil {
		return xrpc.Stream{}, err
	}
	return carOf(nil, blocks), nil
}

// SyncRecordIn holds the parameters of com.atproto.sync.getRecord.
type SyncRecordIn struct {
	DID        syntax.DID       `query:"did"`
	Collection syntax.NSID      `query:"collection"`
	RKey       syntax.RecordKey `query:"rkey"`
}

// GetRecord proves that a record is in the repository, or that it is not.
func (h Sync) GetRecord(ctx context.Context, who auth.Viewer, in SyncRecordIn) (xrpc.Stream, error) {
	if _, err := h.visible(who, in.DID); err != nil {
		return xrpc.Stream{}, err
	}
	proof, err := mailbox.Ask(ctx, h.repo(in.DID), repo.ProveRecord{Collection: in.Collection, RKey: in.RKey})
	if err != nil {
		return xrpc.Stream{}, err
	}
	return carOf([]cid.Cid{proof.Commit}, proof.Blocks), nil
}

// carOf is a CAR that is small enough to be made at once.
func carOf(roots []cid.Cid, blocks []car.Block) xrpc.Stream {
	b := car.AppendHeader(nil, roots...)
	for _, block := range blocks {
		b = car.AppendBlock(b, block.CID, block.Data)
	}
	return xrpc.Stream{ContentType: carType, Length: int64(len(b)), Write: func(_ context.Context, w io.Writer) error {
		_, err := w.Write(b)
		return err
	}}
}
