package atproto

import (
	"context"
	"encoding/json"
	"errors"

	"github.com/bluesky-social/indigo/atproto/syntax"

	"troupe/actors/identity"
	"troupe/actors/mailbox"
	"troupe/actors/repo"
	"troupe/http/auth"
)

// GetRecordIn holds the parameters of com.atproto.repo.getRecord.
type GetRecordIn struct {
	Repo       syntax.AtIdentifier `query:"repo"`
	Collection syntax.NSID         `query:"collection"`
	RKey       syntax.RecordKey    `query:"rkey"`
	CID        string              `query:"cid"`
}

// RecordView is a record as clients read it.
type RecordView struct {
	URI   string          `json:"uri"`
	CID   string          `json:"cid"`
	Value json.RawMessage `json:"value"`
}

// GetRecord reads one record of an account of this server.
func (h Repo) GetRecord(ctx context.Context, _ auth.Nobody, in GetRecordIn) (RecordView, error) {
	missing := RecordMissing{"at://" + in.Repo.String() + "/" + in.Collection.String() + "/" + in.RKey.String()}
	a, ok := h.account(in.Repo)
	if !ok || !a.Active() {
		return RecordView{}, missing
	}
	m := repo.GetRecord{Collection: in.Collection, RKey: in.RKey}
	if in.CID != "" {
		c, err := parseCID("cid", in.CID)
		if err != nil {
			return RecordView{}, err
		}
		m.CID = c
	}
	found, err := mailbox.Ask(ctx, h.repo(a.DID), m)
	switch {
	case errors.Is(err, repo.ErrRecordNotFound):
		return RecordView{}, missing
	case err != nil:
		return RecordView{}, err
	}
	value, err := toJSON(found.Bytes)
	return RecordView{URI: uri(a.DID, in.Collection, in.RKey), CID: found.CID.String(), Value: value}, err
}

// ListRecordsIn holds the parameters of com.atproto.repo.listRecords.
type ListRecordsIn struct {
	Repo       syntax.AtIdentifier `query:"repo"`
	Collection syntax.NSID         `query:"collection"`
	Limit      int                 `query:"limit"`
	Cursor     string              `query:"cursor"`
	Reverse    bool                `query:"reverse"`
}

// ListRecordsOut answers listRecords.
type ListRecordsOut struct {
	Cursor  string       `json:"cursor,omitempty"`
	Records []RecordView `json:"records"`
}

// ListRecords reads a page of a collection, newest keys first.
func (h Repo) ListRecords(ctx context.Context, _ auth.Nobody, in ListRecordsIn) (ListRecordsOut, error) {
	a, ok := h.account(in.Repo)
	if !ok || !a.Active() {
		return ListRecordsOut{}, Invalid{"InvalidRequest", "Could not find repo: " + in.Repo.String()}
	}
	page, err := mailbox.Ask(ctx, h.repo(a.DID), repo.ListRecords{
		Collection: in.Collection, Limit: in.Limit, Cursor: syntax.RecordKey(in.Cursor), Reverse: in.Reverse,
	})
	if err != nil {
		return ListRecordsOut{}, err
	}
	out := ListRecordsOut{Records: make([]RecordView, len(page))}
	for i, r := range page {
		value, err := toJSON(r.Bytes)
		if err != nil {
			return ListRecordsOut{}, err
		}
		out.Records[i] = RecordView{URI: uri(a.DID, r.Collection, r.RKey), CID: r.CID.String(), Value: value}
		out.Cursor = r.RKey.String()
	}
	return out, nil
}

// DescribeRepoIn holds the parameters of com.atproto.repo.describeRepo.
type DescribeRepoIn struct {
	Repo syntax.AtIdentifier `query:"repo"`
}

// DescribeRepoOut answers describeRepo.
type DescribeRepoOut struct {
	Handle          syntax.Handle   `json:"handle"`
	DID             syntax.DID      `json:"did"`
	DIDDoc          json.RawMessage `json:"didDoc"`
	Collections     []syntax.NSID   `json:"collections"`
	HandleIsCorrect bool            `json:"handleIsCorrect"`
}

// DescribeRepo tells what an account's repository holds and whether its DID
// document agrees about the handle.
func (h Repo) DescribeRepo(ctx context.Context, _ auth.Nobody, in DescribeRepoIn) (DescribeRepoOut, error) {
	a, ok := h.account(in.Repo)
	if !ok {
		return DescribeRepoOut{}, RepoUnavailable{DID: syntax.DID(in.Repo.String())}
	}
	if _, err := h.visible(auth.Viewer{}, a.DID); err != nil {
		return DescribeRepoOut{}, err
	}
	d, err := mailbox.Ask(ctx, h.repo(a.DID), repo.Describe{})
	if err != nil {
		return DescribeRepoOut{}, err
	}
	doc, err := mailbox.Ask(ctx, h.IDs, identity.ResolveDIDRaw{DID: a.DID})
	if err != nil {
		return DescribeRepoOut{}, Invalid{"InvalidRequest", "Could not resolve DID: " + a.DID.String()}
	}
	out := DescribeRepoOut{
		Handle: handleOf(a), DID: a.DID, DIDDoc: doc, Collections: d.Collections,
		HandleIsCorrect: a.Handle != "" && declaredHandle(doc) == a.Handle,
	}
	if out.Collections == nil {
		out.Collections = []syntax.NSID{}
	}
	return out, nil
}

// declaredHandle is the handle that a DID document names first.
func declaredHandle(doc json.RawMessage) syntax.Handle {
	var d struct {
		AlsoKnownAs []string `json:"alsoKnownAs"`
	}
	if json.Unmarshal(doc, &d) != nil {
		return ""
	}
	for _, aka := range d.AlsoKnownAs {
		if len(aka) > 5 && aka[:5] == "at://" {
			return syntax.Handle(aka[5:]).Normalize()
		}
	}
	return ""
}
