package atproto

import (
	"context"
	"errors"
	"io"
	"time"

	"github.com/bluesky-social/indigo/atproto/syntax"
	"github.com/ipfs/go-cid"

	"troupe/actors/mailbox"
	"troupe/actors/repo"
	"troupe/http/auth"
	"troupe/http/xrpc"
	"troupe/sequencing"
	"troupe/storage/blob"
	"troupe/storage/dag"
)

// UploadBlobOut answers com.atproto.repo.uploadBlob.
type UploadBlobOut struct {
	Blob BlobRef `json:"blob"`
}

// BlobRef is a blob as records point at it (atproto.com/specs/data-model).
type BlobRef struct {
	Type     string `json:"$type"` // "blob"
	Ref      Link   `json:"ref"`
	MimeType string `json:"mimeType"`
	Size     int64  `json:"size"`
}

// Link is a CID in JSON.
type Link struct {
	CID string `json:"$link"`
}

func blobRef(b dag.Blob) BlobRef {
	return BlobRef{Type: "blob", Ref: Link{cidText(b.CID)}, MimeType: b.MimeType, Size: b.Size}
}

// UploadBlob takes the bytes of a blob. Nobody else sees them until a record
// points at them. A client that leaves half-way leaves nothing behind.
func (h Repo) UploadBlob(ctx context.Context, who auth.Uploader, in xrpc.Body) (UploadBlobOut, error) {
	switch a, ok := h.Index.ByDID(who.DID); {
	case !ok:
		return UploadBlobOut{}, ErrNoAccount
	case a.Status == sequencing.StatusTakendown || a.Status == sequencing.StatusSuspended:
		return UploadBlobOut{}, AccountUnavailable{a.Status}
	}
	spool, err := blob.NewSpool(h.SpoolDir, h.BlobLimit)
	if err != nil {
		return UploadBlobOut{}, err
	}
	defer spool.Close()
	if _, err := io.Copy(spool, in); err != nil {
		return UploadBlobOut{}, err
	}
	content := spool.Finish()
	b := dag.Blob{CID: content.CID, MimeType: blob.Sniff(content.Head, in.ContentType), Size: content.Size}
	if err := h.keepBlob(ctx, who.DID, b, spool); err != nil {
		return UploadBlobOut{}, err
	}
	return UploadBlobOut{blobRef(b)}, nil
}

// keepBlob brings an upload to its place: the row is reserved before the bytes
// are there and confirmed once they are durable. A crash in between leaves a
// row that no record can point at, until it is swept or uploaded again.
func (s *Service) keepBlob(ctx context.Context, did syntax.DID, b dag.Blob, spool *blob.Spool) error {
	reserved, err := s.reserveBlob(ctx, did, b)
	if err != nil {
		return err
	}
	if reserved.Stored {
		if has, err := s.Blobs.Has(ctx, did, b.CID); has || err != nil {
			return err
		}
		s.Logger.Warn("bytes of a blob were lost, and are uploaded again", "did", did, "cid", b.CID)
	}
	if err := s.Blobs.Put(ctx, did, b.CID, b.Size, spool.Open()); err != nil || reserved.Stored {
		return err
	}
	_, err = mailbox.Ask(ctx, s.repo(did), repo.ConfirmBlob{CID: b.CID})
	return err
}

// busyBlob is how long an upload waits for the same bytes to be deleted.
const busyBlob = 5 * time.Second

func (s *Service) reserveBlob(ctx context.Context, did syntax.DID, b dag.Blob) (repo.Reserved, error) {
	began := time.Now()
	for pause := 5 * time.Millisecond; ; pause = min(2*pause, 250*time.Millisecond) {
		r, err := mailbox.Ask(ctx, s.repo(did), repo.ReserveBlob{Blob: b})
		if !errors.Is(err, repo.ErrBlobBusy) || time.Since(began) > busyBlob {
			return r, err
		}
		select {
		case <-time.After(pause):
		case <-ctx.Done():
			return r, context.Cause(ctx)
		}
	}
}

// ListMissingBlobsIn holds the parameters of com.atproto.repo.listMissingBlobs.
type ListMissingBlobsIn struct {
	Limit  int    `query:"limit"`
	Cursor string `query:"cursor"`
}

// ListMissingBlobsOut answers listMissingBlobs.
type ListMissingBlobsOut struct {
	Cursor string        `json:"cursor,omitempty"`
	Blobs  []MissingBlob `json:"blobs"`
}

// MissingBlob is com.atproto.repo.listMissingBlobs#recordBlob.
type MissingBlob struct {
	CID       string `json:"cid"`
	RecordURI string `json:"recordUri"`
}

// ListMissingBlobs tells the owner which blobs an imported repository still lacks.
func (h Repo) ListMissingBlobs(ctx context.Context, who auth.Session, in ListMissingBlobsIn) (ListMissingBlobsOut, error) {
	after, err := parseBlobCursor(in.Cursor)
	if err != nil {
		return ListMissingBlobsOut{}, err
	}
	page, err := mailbox.Ask(ctx, h.repo(who.DID), repo.ListMissingBlobs{Cursor: after, Limit: in.Limit})
	out := ListMissingBlobsOut{Blobs: make([]MissingBlob, len(page))}
	for i, m := range page {
		out.Blobs[i] = MissingBlob{CID: cidText(m.CID), RecordURI: "at://" + who.DID.String() + "/" + m.Path}
		out.Cursor = out.Blobs[i].CID
	}
	return out, err
}

func parseBlobCursor(s string) (cid.Cid, error) {
	if s == "" {
		return cid.Undef, nil
	}
	return parseCID("cursor", s)
}
