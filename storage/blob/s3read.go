package blob

import (
	"context"
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/bluesky-social/indigo/atproto/syntax"
	"github.com/ipfs/go-cid"
	"github.com/minio/minio-go/v7"
)

// Open asks for the object. The answer's body is read as the caller reads.
func (s *S3) Open(ctx context.Context, did syntax.DID, c cid.Cid) (Object, error) {
	o, err := s.open(ctx, did, c, false)
	if err != nil {
		return nil, err
	}
	return o, nil
}

func (s *S3) open(ctx context.Context, did syntax.DID, c cid.Cid, quarantined bool) (*s3Object, error) {
	name, ok := blobName(c)
	if !ok {
		return nil, fmt.Errorf("blob: open: %w", ErrNotFound)
	}
	o := &s3Object{store: s, caller: ctx, key: s.prefix(did, quarantined) + name}
	if err := o.request(0); err != nil {
		return nil, err
	}
	return o, nil
}

// s3Object reads an object from any place: a Seek costs nothing until the next
// Read, and then a request for the range from there to the end.
type s3Object struct {
	store  *S3
	caller context.Context
	key    string
	size   int64
	at     int64 // where the caller is

	body   io.ReadCloser // nil: none
	bodyAt int64
	end    context.CancelCauseFunc // of the request of body
	ctx    context.Context         // of the same
}

// request opens the body at an offset. The total time-out counts until the
// answer begins; then only a pause is too long, since the reader may be slow.
func (o *s3Object) request(at int64) error {
	ctx, end := context.WithCancelCause(o.caller)
	limit := time.AfterFunc(o.store.total, func() { end(ErrTimeout) })
	defer limit.Stop()
	var opts minio.GetObjectOptions
	if at > 0 {
		if err := opts.SetRange(at, 0); err != nil {
			end(nil)
			return err
		}
	}
	body, info, _, err := o.store.api.GetObject(ctx, o.store.bucket, o.key, opts)
	if err != nil {
		err = failS3(o.caller, ctx, "open", err)
		end(nil)
		return err
	}
	if at == 0 {
		o.size = info.Size
	}
	o.body, o.bodyAt, o.end, o.ctx = body, at, end, ctx
	return nil
}

func (o *s3Object) Read(p []byte) (int, error) {
	if o.at >= o.size {
		return 0, io.EOF
	}
	if o.body != nil && o.bodyAt != o.at {
		o.Close()
	}
	if o.body == nil {
		if err := o.request(o.at); err != nil {
			return 0, err
		}
	}
	n, err := o.body.Read(p[:min(int64(len(p)), o.size-o.at)])
	o.at += int64(n)
	o.bodyAt = o.at
	switch {
	case err == io.EOF && o.at < o.size:
		err = fmt.Errorf("blob: read: %w: %w", ErrUnavailable, io.ErrUnexpectedEOF)
	case err != nil && err != io.EOF:
		err = failS3(o.caller, o.ctx, "read", err)
	}
	return n, err
}

func (o *s3Object) Seek(offset int64, whence int) (int64, error) {
	switch whence {
	case io.SeekCurrent:
		offset += o.at
	case io.SeekEnd:
		offset += o.size
	}
	if offset < 0 {
		return 0, errors.New("blob: seek before the start")
	}
	o.at = offset
	return offset, nil
}

func (o *s3Object) Size() int64 { return o.size }

// Close gives the connection back, or ends it if an answer is under way.
func (o *s3Object) Close() error {
	if o.body == nil {
		return nil
	}
	o.end(nil)
	err := o.body.Close()
	o.body = nil
	return err
}
