package atproto

import (
	"context"
	"encoding/json"
	"errors"
	"net/url"
	"time"

	"github.com/bluesky-social/indigo/atproto/syntax"
	"github.com/ipfs/go-cid"

	"troupe/actors/identity"
	"troupe/actors/mailbox"
	"troupe/actors/repo"
	"troupe/http/auth"
	"troupe/http/xrpc"
	"troupe/storage/dag"
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
	URI    string
	CID    cid.Cid
	Record []byte // DAG-CBOR
}

// AppendJSON implements xrpc.Appender: the record goes from its CBOR straight
// into the answer.
func (v RecordView) AppendJSON(dst []byte) ([]byte, error) {
	dst = xrpc.AppendString(append(dst, `{"uri":`...), v.URI)
	dst = dag.AppendCIDText(append(dst, `,"cid":"`...), v.CID)
	dst, err := dag.AppendJSON(append(dst, `","value":`...), v.Record)
	return append(dst, '}'), err
}

// GetRecord reads one record: a RecordView of an account of this server, or of
// any other whatever those who know about it answer.
func (h Repo) GetRecord(ctx context.Context, _ auth.Nobody, in GetRecordIn) (any, error) {
	a, ok := h.account(in.Repo)
	switch {
	case ok && a.Active():
		return h.record(ctx, a.DID, in)
	case h.Foreign == nil:
		return nil, errNotLocated
	}
	return h.Foreign.Query(ctx, methodGetRecord, in.query())
}

// errNotLocated: the repository is not here, and nobody is asked about others.
// The reference does not name it RecordNotFound, which would say that it looked.
var errNotLocated = Invalid{"InvalidRequest", "Could not locate record"}

const methodGetRecord syntax.NSID = "com.atproto.repo.getRecord"

func (in GetRecordIn) query() string {
	q := url.Values{"repo": {in.Repo.String()}, "collection": {in.Collection.String()}, "rkey": {in.RKey.String()}}
	if in.CID != "" {
		q.Set("cid", in.CID)
	}
	return q.Encode()
}

func (h Repo) record(ctx context.Context, did syntax.DID, in GetRecordIn) (RecordView, error) {
	m := repo.GetRecord{Collection: in.Collection, RKey: in.RKey}
	if in.CID != "" {
		c, err := parseCID("cid", in.CID)
		if err != nil {
			return RecordView{}, err
		}
		m.CID = c
	}
	found, err := mailbox.Ask(ctx, h.repo(did), m)
	switch {
	case errors.Is(err, repo.ErrRecordNotFound):
		return RecordView{}, in.missing()
	case err != nil:
		return RecordView{}, err
	}
	return RecordView{URI: uri(did, in.Collection, in.RKey), CID: found.CID, Record: found.Bytes}, nil
}

// missing says that there is no such record, in the words of the request.
func (in GetRecordIn) missing() error {
	return RecordMissing{"at://" + in.Repo.String() + "/" + in.Collection.String() + "/" + in.RKey.String()}
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
	Cursor  string // "": there is no next page
	Records []RecordView
}

// AppendJSON implements xrpc.Appender.
func (out ListRecordsOut) AppendJSON(dst []byte) (_ []byte, err error) {
	dst = append(dst, '{')
	if out.Cursor != "" {
		dst = append(xrpc.AppendString(append(dst, `"cursor":`...), out.Cursor), ',')
	}
	dst = append(dst, `"records":[`...)
	for i, r := range out.Records {
		if i > 0 {
			dst = append(dst, ',')
		}
		if dst, err = r.AppendJSON(dst); err != nil {
			return dst, err
		}
	}
	return append(dst, "]}"...), nil
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
		out.Records[i] = RecordView{URI: uri(a.DID, r.Collection, r.RKey), CID: r.CID, Record: r.Bytes}
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

// handlePatience is how long describeRepo waits to see where a handle points.
const handlePatience = 3 * time.Second

// DescribeRepo tells what an account's repository holds, and whether handle and
// DID name each other: a handle that does not resolve in time is not correct.
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
	}
	if a.Handle != "" && declaredHandle(doc) == a.Handle {
		brief, cancel := context.WithTimeout(ctx, handlePatience)
		defer cancel()
		out.HandleIsCorrect = h.pointsBack(brief, a.Handle, a.DID, false)
	}
	if out.Collections == nil {
		out.Collections = []syntax.NSID{}
	}
	return out, nil
}
