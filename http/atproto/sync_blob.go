package atproto

import (
	"context"
	"errors"
	"mime"
	"net/http"

	"github.com/bluesky-social/indigo/atproto/syntax"

	"troupe/actors/mailbox"
	"troupe/actors/repo"
	"troupe/http/auth"
	"troupe/http/xrpc"
	"troupe/storage/blob"
)

// GetBlobIn holds the parameters of com.atproto.sync.getBlob.
type GetBlobIn struct {
	DID syntax.DID `query:"did"`
	CID string     `query:"cid"`
}

// GetBlob gives out the bytes of a blob that a record points at; to their owner
// also before. What is in them is a stranger's: the headers keep a browser from
// showing or running it as a page of this server.
func (h Sync) GetBlob(ctx context.Context, who auth.Viewer, in GetBlobIn) (xrpc.Content, error) {
	if _, err := h.visible(who, in.DID); err != nil {
		return xrpc.Content{}, err
	}
	c, err := parseCID("cid", in.CID)
	if err != nil {
		return xrpc.Content{}, err
	}
	b, err := mailbox.Ask(ctx, h.repo(in.DID), repo.GetBlob{CID: c, Private: who.Admin || who.DID == in.DID})
	if err != nil {
		return xrpc.Content{}, err
	}
	bytes, err := h.Blobs.Open(ctx, in.DID, c)
	if errors.Is(err, blob.ErrNotFound) { // deleted since the owner answered
		err = repo.ErrBlobNotFound
	}
	if err != nil {
		return xrpc.Content{}, err
	}
	return xrpc.Content{
		ContentType: mediaType(b.MimeType), ETag: `"` + cidText(c) + `"`, Header: blobHeader(who, cidText(c)),
		Body: bytes, Close: func() { bytes.Close() },
	}, nil
}

func blobHeader(who auth.Viewer, name string) http.Header {
	h := http.Header{
		"X-Content-Type-Options":  {"nosniff"},
		"Content-Disposition":     {`attachment; filename="` + name + `"`},
		"Content-Security-Policy": {"default-src 'none'; sandbox"},
	}
	if who == (auth.Viewer{}) {
		// The bytes of a CID never change, but they may be deleted or taken down:
		// caches ask again before long, and are told 304.
		h["Cache-Control"] = []string{"public, max-age=300"}
	}
	return h
}

// mediaType is a type as a header may hold it: records of other servers may
// name anything.
func mediaType(s string) string {
	if _, _, err := mime.ParseMediaType(s); err != nil {
		return "application/octet-stream"
	}
	return s
}

// ListBlobsIn holds the parameters of com.atproto.sync.listBlobs.
type ListBlobsIn struct {
	DID    syntax.DID `query:"did"`
	Since  syntax.TID `query:"since"`
	Limit  int        `query:"limit"`
	Cursor string     `query:"cursor"`
}

// ListBlobsOut answers listBlobs.
type ListBlobsOut struct {
	Cursor string   `json:"cursor,omitempty"`
	CIDs   []string `json:"cids"`
}

// ListBlobs pages over the blobs that an account's records point at.
func (h Sync) ListBlobs(ctx context.Context, who auth.Viewer, in ListBlobsIn) (ListBlobsOut, error) {
	if _, err := h.visible(who, in.DID); err != nil {
		return ListBlobsOut{}, err
	}
	after, err := parseBlobCursor(in.Cursor)
	if err != nil {
		return ListBlobsOut{}, err
	}
	page, err := mailbox.Ask(ctx, h.repo(in.DID), repo.ListBlobs{Since: in.Since, Cursor: after, Limit: in.Limit})
	out := ListBlobsOut{CIDs: make([]string, len(page))}
	for i, c := range page {
		out.CIDs[i] = cidText(c)
		out.Cursor = out.CIDs[i]
	}
	return out, err
}
