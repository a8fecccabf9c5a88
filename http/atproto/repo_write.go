package atproto

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"

	"github.com/bluesky-social/indigo/atproto/syntax"
	"github.com/ipfs/go-cid"

	"troupe/actors/lexicon"
	"troupe/actors/mailbox"
	"troupe/actors/repo"
	"troupe/http/auth"
	"troupe/http/xrpc"
	"troupe/sequencing"
	"troupe/storage/dag"
)

// CommitMeta is com.atproto.repo.defs#commitMeta.
type CommitMeta struct {
	CID string `json:"cid"`
	Rev string `json:"rev"`
}

func commitMeta(c *repo.Commit) *CommitMeta {
	if c == nil {
		return nil
	}
	return &CommitMeta{CID: cidText(c.CID), Rev: c.Rev.String()}
}

// cidText is c.String() without the copies on the way.
func cidText(c cid.Cid) string {
	var buf [64]byte
	return string(dag.AppendCIDText(buf[:0], c))
}

// Validation outcomes (com.atproto.repo.createRecord#validationStatus).
const (
	statusValid   = "valid"
	statusUnknown = "unknown"
)

// validated is a record that may be written, and what its lexicon said.
type validated struct {
	record dag.Record
	status string // "valid", "unknown", or "" if nobody asked
}

// validate turns a client's JSON into a record. want nil enforces the lexicon
// where it is known, true insists that it is and may wait until it has been
// found, false looks at the data model only.
func (s *Service) validate(ctx context.Context, collection syntax.NSID, rkey syntax.RecordKey, raw json.RawMessage, want *bool) (validated, error) {
	rec, err := dag.FromJSONWithType(raw, collection, dag.RecordLimits)
	if err != nil {
		return validated{}, err
	}
	if want != nil && !*want {
		return validated{record: rec}, nil
	}
	types := s.Lexicons
	if !types.KnownRecord(collection) {
		known := false
		if s.Types != nil {
			types, known = s.Types(ctx, collection, want != nil)
		}
		if !known && want != nil {
			return validated{}, Invalid{"InvalidRequest", fmt.Sprintf("Unvalidated write: unknown lexicon %s", collection)}
		}
		if !known {
			return validated{rec, statusUnknown}, nil
		}
	}
	value, err := dag.Decode(rec.Bytes)
	if err != nil {
		return validated{}, err
	}
	if err := types.CheckRecord(collection, rkey, value); err != nil {
		if errors.Is(err, lexicon.ErrUnknown) {
			return validated{rec, statusUnknown}, nil
		}
		return validated{}, Invalid{"InvalidRequest", "Invalid " + collection.String() + " record: " + err.Error()}
	}
	return validated{rec, statusValid}, nil
}

// CreateRecordIn is the input of com.atproto.repo.createRecord.
type CreateRecordIn struct {
	Repo       syntax.AtIdentifier `json:"repo"`
	Collection syntax.NSID         `json:"collection"`
	RKey       syntax.RecordKey    `json:"rkey"`
	Validate   *bool               `json:"validate"`
	Record     json.RawMessage     `json:"record"`
	SwapCommit *string             `json:"swapCommit"`
}

// RecordOut answers createRecord and putRecord.
type RecordOut struct {
	URI              string      `json:"uri"`
	CID              string      `json:"cid"`
	Commit           *CommitMeta `json:"commit,omitempty"`
	ValidationStatus string      `json:"validationStatus,omitempty"`
}

// AppendJSON implements xrpc.Appender.
func (out RecordOut) AppendJSON(dst []byte) ([]byte, error) {
	dst = xrpc.AppendString(append(dst, `{"uri":`...), out.URI)
	dst = xrpc.AppendString(append(dst, `,"cid":`...), out.CID)
	if c := out.Commit; c != nil {
		dst = xrpc.AppendString(append(dst, `,"commit":{"cid":`...), c.CID)
		dst = xrpc.AppendString(append(dst, `,"rev":`...), c.Rev)
		dst = append(dst, '}')
	}
	if out.ValidationStatus != "" {
		dst = xrpc.AppendString(append(dst, `,"validationStatus":`...), out.ValidationStatus)
	}
	return append(dst, '}'), nil
}

// CreateRecord writes a new record.
func (h Repo) CreateRecord(ctx context.Context, who auth.Writer, in CreateRecordIn) (RecordOut, error) {
	did, commit, err := h.target(who, in.Repo, in.SwapCommit)
	if err != nil {
		return RecordOut{}, err
	}
	v, err := h.validate(ctx, in.Collection, in.RKey, in.Record, in.Validate)
	if err != nil {
		return RecordOut{}, err
	}
	return h.writeRecord(ctx, did, v.status, repo.ApplyWrites{
		Writes:     []repo.Write{{Action: sequencing.ActionCreate, Collection: in.Collection, RKey: in.RKey, Record: v.record}},
		SwapCommit: commit,
		Suppress:   in.Validate == nil || *in.Validate,
	})
}

// PutRecordIn is the input of com.atproto.repo.putRecord. A swapRecord of null
// says that there must be no record.
type PutRecordIn struct {
	Repo       syntax.AtIdentifier `json:"repo"`
	Collection syntax.NSID         `json:"collection"`
	RKey       syntax.RecordKey    `json:"rkey"`
	Validate   *bool               `json:"validate"`
	Record     json.RawMessage     `json:"record"`
	SwapRecord json.RawMessage     `json:"swapRecord"`
	SwapCommit *string             `json:"swapCommit"`
}

// PutRecord creates or replaces a record; an equal one makes no commit.
func (h Repo) PutRecord(ctx context.Context, who auth.Writer, in PutRecordIn) (RecordOut, error) {
	did, commit, err := h.target(who, in.Repo, in.SwapCommit)
	if err != nil {
		return RecordOut{}, err
	}
	if in.Record, err = h.upgradeProfile(ctx, did, in); err != nil {
		return RecordOut{}, err
	}
	v, err := h.validate(ctx, in.Collection, in.RKey, in.Record, in.Validate)
	if err != nil {
		return RecordOut{}, err
	}
	swap, err := parseSwapRecord(in.SwapRecord)
	if err != nil {
		return RecordOut{}, err
	}
	return h.writeRecord(ctx, did, v.status, repo.ApplyWrites{
		Writes:     []repo.Write{{Action: sequencing.ActionUpdate, Collection: in.Collection, RKey: in.RKey, Record: v.record, Swap: swap}},
		SwapCommit: commit,
		Upsert:     true,
	})
}

// DeleteRecordIn is the input of com.atproto.repo.deleteRecord.
type DeleteRecordIn struct {
	Repo       syntax.AtIdentifier `json:"repo"`
	Collection syntax.NSID         `json:"collection"`
	RKey       syntax.RecordKey    `json:"rkey"`
	SwapRecord *string             `json:"swapRecord"`
	SwapCommit *string             `json:"swapCommit"`
}

// DeleteRecordOut answers deleteRecord; without Commit there was nothing to delete.
type DeleteRecordOut struct {
	Commit *CommitMeta `json:"commit,omitempty"`
}

// DeleteRecord deletes a record, or ensures that it does not exist.
func (h Repo) DeleteRecord(ctx context.Context, who auth.Writer, in DeleteRecordIn) (DeleteRecordOut, error) {
	did, commit, err := h.target(who, in.Repo, in.SwapCommit)
	if err != nil {
		return DeleteRecordOut{}, err
	}
	w := repo.Write{Action: sequencing.ActionDelete, Collection: in.Collection, RKey: in.RKey}
	if in.SwapRecord != nil {
		c, err := parseCID("swapRecord", *in.SwapRecord)
		if err != nil {
			return DeleteRecordOut{}, err
		}
		w.Swap = repo.Swap{Set: true, CID: c}
	}
	r, err := h.write(ctx, did, repo.ApplyWrites{Writes: []repo.Write{w}, SwapCommit: commit, MissingOK: true})
	return DeleteRecordOut{Commit: commitMeta(r.Commit)}, err
}

// target is the repository that a write names, the session's own, and the commit
// that it must be at: Undef for any.
func (h Repo) target(who auth.Writer, at syntax.AtIdentifier, swapCommit *string) (syntax.DID, cid.Cid, error) {
	a, err := h.own(who, at)
	if err != nil || swapCommit == nil {
		return a.DID, cid.Undef, err
	}
	c, err := parseCID("swapCommit", *swapCommit)
	return a.DID, c, err
}

// writeRecord writes one record, of which its lexicon said status.
func (h Repo) writeRecord(ctx context.Context, did syntax.DID, status string, m repo.ApplyWrites) (RecordOut, error) {
	r, err := h.write(ctx, did, m)
	if err != nil {
		return RecordOut{}, err
	}
	// Suppressed duplicates have no result: the one result is the write asked for.
	w := r.Results[len(r.Results)-1]
	return RecordOut{URI: uri(did, w.Collection, w.RKey), CID: cidText(w.CID), Commit: commitMeta(r.Commit), ValidationStatus: status}, nil
}

// write asks the account's actor. A client that leaves before the write is
// decided takes it back; after that it stands.
func (s *Service) write(ctx context.Context, did syntax.DID, m repo.ApplyWrites) (repo.WriteResult, error) {
	return mailbox.Ask(ctx, s.repo(did), m)
}

func parseCID(field, s string) (cid.Cid, error) {
	c, err := cid.Decode(s)
	if err != nil {
		return cid.Undef, Invalid{"InvalidRequest", "Input/" + field + " must be a cid string"}
	}
	return c, nil
}

// parseSwapRecord tells absent (no condition) from null (must not exist).
func parseSwapRecord(raw json.RawMessage) (repo.Swap, error) {
	switch {
	case len(raw) == 0:
		return repo.Swap{}, nil
	case string(raw) == "null":
		return repo.Swap{Set: true}, nil
	}
	var s string
	if err := json.Unmarshal(raw, &s); err != nil {
		return repo.Swap{}, Invalid{"InvalidRequest", "Input/swapRecord must be a cid string"}
	}
	c, err := parseCID("swapRecord", s)
	return repo.Swap{Set: true, CID: c}, err
}
