package atproto

import (
	"context"
	"encoding/json"
	"errors"

	"github.com/bluesky-social/indigo/atproto/syntax"
	"github.com/ipfs/go-cid"

	"troupe/actors/account"
	"troupe/actors/mailbox"
	"troupe/actors/repo"
	"troupe/actors/saga"
	"troupe/http/auth"
	"troupe/http/xrpc"
)

// StatusAttr is com.atproto.admin.defs#statusAttr.
type StatusAttr struct {
	Applied bool   `json:"applied"`
	Ref     string `json:"ref,omitempty"`
}

func (a *StatusAttr) ruling() saga.Ruling {
	switch {
	case a == nil:
		return saga.Unsaid
	case a.Applied:
		return saga.Applied
	}
	return saga.Lifted
}

// Subject is what moderation speaks about: an account, a record or a blob.
type Subject struct {
	Type string     `json:"$type"`
	DID  syntax.DID `json:"did,omitempty"` // of an account or a blob
	CID  string     `json:"cid,omitempty"` // of a record or a blob
	URI  string     `json:"uri,omitempty"` // of a record
}

// Types of subjects.
const (
	subjectRepo   = "com.atproto.admin.defs#repoRef"
	subjectRecord = "com.atproto.repo.strongRef"
	subjectBlob   = "com.atproto.admin.defs#repoBlobRef"
)

// UpdateSubjectStatusIn is the input of com.atproto.admin.updateSubjectStatus.
type UpdateSubjectStatusIn struct {
	Subject     json.RawMessage `json:"subject"`
	Takedown    *StatusAttr     `json:"takedown"`
	Deactivated *StatusAttr     `json:"deactivated"`
}

// UpdateSubjectStatusOut answers updateSubjectStatus.
type UpdateSubjectStatusOut struct {
	Subject  json.RawMessage `json:"subject"`
	Takedown *StatusAttr     `json:"takedown,omitempty"`
}

// UpdateSubjectStatus takes a subject down, or lifts that. Of an account it also
// says whether it is deactivated, and repeats its status to the world in any case.
func (h Admin) UpdateSubjectStatus(ctx context.Context, _ auth.Moderator, in UpdateSubjectStatusIn) (UpdateSubjectStatusOut, error) {
	out := UpdateSubjectStatusOut{in.Subject, in.Takedown}
	var s Subject
	if json.Unmarshal(in.Subject, &s) != nil {
		return out, errInvalidSubject
	}
	switch {
	case s.Type == subjectRepo:
		return out, h.moderate(ctx, s.DID, in)
	case s.Type != subjectRecord && s.Type != subjectBlob:
		return out, errInvalidSubject
	case in.Takedown == nil:
		return out, nil
	}
	ref := ""
	if in.Takedown.Applied {
		if ref = in.Takedown.Ref; ref == "" {
			ref = datetimeNow()
		}
	}
	if s.Type == subjectRecord {
		return out, h.takedownRecord(ctx, s.URI, ref)
	}
	return out, h.takedownBlob(ctx, s, ref)
}

var errInvalidSubject = Invalid{"InvalidRequest", "Invalid subject"}

func (h Admin) moderate(ctx context.Context, did syntax.DID, in UpdateSubjectStatusIn) error {
	m := saga.Moderate{DID: did, Takedown: in.Takedown.ruling(), Deactivated: in.Deactivated.ruling()}
	if m.Takedown == saga.Applied {
		if m.Deactivated == saga.Lifted {
			return Invalid{"InvalidRequest", "Cannot activate and takedown an account at the same time"}
		}
		m.Ref = in.Takedown.Ref
	}
	if m.Deactivated == saga.Lifted {
		waited, err := h.admit(ctx, did)
		if err != nil || waited && m.Takedown == saga.Unsaid {
			return err
		}
		if waited {
			m.Deactivated = saga.Unsaid
		}
	}
	_, err := mailbox.Ask(ctx, h.Sagas, m)
	if errors.Is(err, account.ErrNotFound) {
		err = errAccountNotFound
	}
	return err
}

// takedownRecord does nothing to a record that is not there, as the reference.
func (h Admin) takedownRecord(ctx context.Context, at, ref string) error {
	did, collection, rkey, err := recordURI(at)
	if err != nil {
		return err
	}
	_, err = mailbox.Ask(ctx, h.repo(did), repo.TakedownRecord{Collection: collection, RKey: rkey, Ref: ref})
	return missingSubject(err, repo.ErrRecordNotFound)
}

// takedownBlob does nothing to a blob that was never here.
func (h Admin) takedownBlob(ctx context.Context, s Subject, ref string) error {
	c, err := parseCID("cid", s.CID)
	if err != nil {
		return err
	}
	// Half of it done is a blob that is hidden; it is finished, whoever leaves.
	err = repo.TakeDown(context.WithoutCancel(ctx), h.Blobs, h.repo(s.DID), s.DID, repo.TakedownBlob{CID: c, Ref: ref})
	return missingSubject(err, repo.ErrBlobNotFound)
}

// missingSubject makes the absence of a subject a success, and that of its
// repository what moderators know it by.
func missingSubject(err, absent error) error {
	switch {
	case errors.Is(err, absent):
		return nil
	case errors.Is(err, repo.ErrNotFound):
		return Invalid{"NotFound", "Repo not found"}
	}
	return err
}

// recordURI takes an AT URI of a record, which must name its repository by DID.
func recordURI(s string) (did syntax.DID, collection syntax.NSID, rkey syntax.RecordKey, err error) {
	at, err := syntax.ParseATURI(s)
	if err == nil {
		did, err = at.Authority().AsDID()
	}
	if err != nil || at.Collection() == "" || at.RecordKey() == "" {
		return "", "", "", Invalid{"InvalidRequest", "Invalid subject: not the URI of a record"}
	}
	return did, at.Collection(), at.RecordKey(), nil
}

// GetSubjectStatusIn holds the parameters of com.atproto.admin.getSubjectStatus.
type GetSubjectStatusIn struct {
	DID  syntax.DID `query:"did"`
	URI  string     `query:"uri"`
	Blob string     `query:"blob"`
}

// SubjectStatus answers getSubjectStatus.
type SubjectStatus struct {
	Subject     Subject     `json:"subject"`
	Takedown    *StatusAttr `json:"takedown,omitempty"`
	Deactivated *StatusAttr `json:"deactivated,omitempty"`
}

func takedownAttr(ref string) *StatusAttr { return &StatusAttr{Applied: ref != "", Ref: ref} }

// GetSubjectStatus tells whether a subject is taken down.
func (h Admin) GetSubjectStatus(ctx context.Context, _ auth.Moderator, in GetSubjectStatusIn) (SubjectStatus, error) {
	var out SubjectStatus
	var err error
	switch {
	case in.Blob != "" && in.DID == "":
		return out, Invalid{"InvalidRequest", "Must provide a did to request blob state"}
	case in.Blob != "":
		out, err = h.blobStatus(ctx, in.DID, in.Blob)
	case in.URI != "":
		out, err = h.recordStatus(ctx, in.URI)
	case in.DID != "":
		var s account.Standing
		s, err = h.Private.Standing(ctx, in.DID)
		out = SubjectStatus{Subject{Type: subjectRepo, DID: in.DID}, takedownAttr(s.Takedown), &StatusAttr{Applied: !s.Deactivated.IsZero()}}
	default:
		return out, Invalid{"InvalidRequest", "No provided subject"}
	}
	for _, absent := range []error{account.ErrNotFound, repo.ErrNotFound, repo.ErrRecordNotFound, repo.ErrBlobNotFound} {
		if errors.Is(err, absent) {
			return SubjectStatus{}, Invalid{"NotFound", "Subject not found"}
		}
	}
	return out, err
}

func (h Admin) recordStatus(ctx context.Context, at string) (SubjectStatus, error) {
	did, collection, rkey, err := recordURI(at)
	if err != nil {
		return SubjectStatus{}, err
	}
	r, err := mailbox.Ask(ctx, h.repo(did), repo.InspectRecord{Collection: collection, RKey: rkey})
	return SubjectStatus{Subject: Subject{Type: subjectRecord, URI: at, CID: textOf(r.CID)}, Takedown: takedownAttr(r.Takedown)}, err
}

func (h Admin) blobStatus(ctx context.Context, did syntax.DID, text string) (SubjectStatus, error) {
	c, err := parseCID("blob", text)
	if err != nil {
		return SubjectStatus{}, err
	}
	b, err := mailbox.Ask(ctx, h.repo(did), repo.InspectBlob{CID: c})
	return SubjectStatus{Subject: Subject{Type: subjectBlob, DID: did, CID: text}, Takedown: takedownAttr(b.Takedown)}, err
}

func textOf(c cid.Cid) string {
	if !c.Defined() {
		return ""
	}
	return cidText(c)
}

// AdminDeleteAccountIn is the input of com.atproto.admin.deleteAccount.
type AdminDeleteAccountIn struct {
	DID syntax.DID `json:"did"`
}

// DeleteAccount deletes an account on the operator's word. One that is not here
// is deleted already.
func (h Admin) DeleteAccount(ctx context.Context, _ auth.Admin, in AdminDeleteAccountIn) (xrpc.None, error) {
	_, err := mailbox.Ask(context.WithoutCancel(ctx), h.Sagas, saga.Delete{DID: in.DID})
	return xrpc.None{}, err
}
