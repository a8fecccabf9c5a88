package atproto

import (
	"context"
	"encoding/json"
	"time"

	"github.com/bluesky-social/indigo/atproto/syntax"

	"troupe/actors/repo"
	"troupe/http/auth"
	"troupe/http/rate"
	"troupe/sequencing"
)

const applyWrites = "com.atproto.repo.applyWrites"

// batchPatience bounds how long all writes of a batch together wait for their
// lexicons.
const batchPatience = 3 * time.Second

// ApplyWritesIn is the input of com.atproto.repo.applyWrites.
type ApplyWritesIn struct {
	Repo       syntax.AtIdentifier `json:"repo"`
	Validate   *bool               `json:"validate"`
	Writes     []BatchWrite        `json:"writes"`
	SwapCommit *string             `json:"swapCommit"`
}

// RateCost implements xrpc.RateCoster.
func (in ApplyWritesIn) RateCost() int64 {
	points := int64(0)
	for _, w := range in.Writes {
		switch w.Type {
		case applyWrites + "#create":
			points += rate.CreateCost
		case applyWrites + "#update":
			points += rate.UpdateCost
		default:
			points += rate.DeleteCost
		}
	}
	return points
}

// BatchWrite is one of #create, #update, #delete.
type BatchWrite struct {
	Type       string           `json:"$type"`
	Collection syntax.NSID      `json:"collection"`
	RKey       syntax.RecordKey `json:"rkey"`
	Value      json.RawMessage  `json:"value"`
}

// ApplyWritesOut answers applyWrites, one result for each write in their order.
type ApplyWritesOut struct {
	Commit  *CommitMeta   `json:"commit,omitempty"`
	Results []BatchResult `json:"results"`
}

// BatchResult is one of #createResult, #updateResult, #deleteResult.
type BatchResult struct {
	Type             string `json:"$type"`
	URI              string `json:"uri,omitempty"`
	CID              string `json:"cid,omitempty"`
	ValidationStatus string `json:"validationStatus,omitempty"`
}

// ApplyWrites makes several writes one commit.
func (h Repo) ApplyWrites(ctx context.Context, who auth.Writer, in ApplyWritesIn) (ApplyWritesOut, error) {
	did, commit, err := h.target(who, in.Repo, in.SwapCommit)
	if err != nil {
		return ApplyWritesOut{}, err
	}
	if len(in.Writes) > sequencing.MaxCommitOps {
		return ApplyWritesOut{}, repo.ErrTooManyWrites
	}
	m := repo.ApplyWrites{Writes: make([]repo.Write, len(in.Writes)), SwapCommit: commit}
	statuses := make([]string, len(in.Writes))
	asking, cancel := context.WithTimeout(ctx, batchPatience)
	defer cancel()
	for i, w := range in.Writes {
		if m.Writes[i], statuses[i], err = h.batchWrite(asking, w, in.Validate); err != nil {
			return ApplyWritesOut{}, err
		}
	}
	r, err := h.write(ctx, did, m)
	if err != nil {
		return ApplyWritesOut{}, err
	}
	out := ApplyWritesOut{Commit: commitMeta(r.Commit), Results: make([]BatchResult, len(r.Results))}
	for i, w := range r.Results {
		out.Results[i] = BatchResult{Type: applyWrites + "#" + string(w.Action) + "Result"}
		if w.Action != sequencing.ActionDelete {
			out.Results[i].URI, out.Results[i].CID = uri(did, w.Collection, w.RKey), cidText(w.CID)
			out.Results[i].ValidationStatus = statuses[i]
		}
	}
	return out, nil
}

func (h Repo) batchWrite(ctx context.Context, w BatchWrite, validate *bool) (repo.Write, string, error) {
	out := repo.Write{Collection: w.Collection, RKey: w.RKey}
	switch w.Type {
	case applyWrites + "#create":
		out.Action = sequencing.ActionCreate
	case applyWrites + "#update":
		out.Action = sequencing.ActionUpdate
	case applyWrites + "#delete":
		out.Action = sequencing.ActionDelete
		return out, "", nil
	default:
		return out, "", Invalid{"InvalidRequest", "Action not supported: " + w.Type}
	}
	v, err := h.validate(ctx, w.Collection, w.RKey, w.Value, validate)
	out.Record = v.record
	return out, v.status, err
}
