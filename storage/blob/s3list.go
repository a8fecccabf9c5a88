package blob

import (
	"context"
	"io"
	"iter"
	"slices"
	"strings"

	"github.com/bluesky-social/indigo/atproto/syntax"
	"github.com/ipfs/go-cid"
	"github.com/minio/minio-go/v7"
)

// List asks for a thousand keys at a time, of both prefixes.
func (s *S3) List(ctx context.Context, did syntax.DID, after cid.Cid) iter.Seq2[Stored, error] {
	return merge(s.list(ctx, did, after, false), s.list(ctx, did, after, true))
}

func (s *S3) list(ctx context.Context, did syntax.DID, after cid.Cid, quarantined bool) iter.Seq2[Stored, error] {
	return func(yield func(Stored, error) bool) {
		prefix := s.prefix(did, quarantined)
		o := minio.ListObjectsOptions{Prefix: prefix, Recursive: true}
		if after.Defined() {
			o.StartAfter = prefix + after.String()
		}
		for info, err := range s.keys(ctx, o) {
			if err != nil {
				yield(Stored{}, err)
				return
			}
			c, ok := parseName(strings.TrimPrefix(info.Key, prefix))
			if ok && !yield(Stored{CID: c, Size: info.Size, Modified: info.LastModified, Quarantined: quarantined}, nil) {
				return
			}
		}
	}
}

// keys lists objects. A page has the time-outs of any request.
func (s *S3) keys(ctx context.Context, o minio.ListObjectsOptions) iter.Seq2[minio.ObjectInfo, error] {
	return func(yield func(minio.ObjectInfo, error) bool) {
		inner, cancel := context.WithCancel(ctx)
		defer cancel()
		for info := range s.api.ListObjectsIter(inner, s.bucket, o) {
			if info.Err != nil {
				yield(minio.ObjectInfo{}, failS3(ctx, inner, "list", info.Err))
				return
			}
			if !yield(info, nil) {
				return
			}
		}
		if ctx.Err() != nil { // where the client's list just ends
			yield(minio.ObjectInfo{}, failS3(ctx, inner, "list", ctx.Err()))
		}
	}
}

// Accounts lists what lies between the prefix and the next slash. Accounts that
// have something in quarantine are few, and kept in memory.
func (s *S3) Accounts(ctx context.Context) iter.Seq2[syntax.DID, error] {
	return func(yield func(syntax.DID, error) bool) {
		more := map[syntax.DID]bool{}
		for did, err := range s.accounts(ctx, quarantinePrefix) {
			if err != nil {
				yield("", err)
				return
			}
			more[did] = true
		}
		for did, err := range s.accounts(ctx, blocksPrefix) {
			delete(more, did)
			if !yield(did, err) || err != nil {
				return
			}
		}
		for did := range more {
			if !yield(did, nil) {
				return
			}
		}
	}
}

func (s *S3) accounts(ctx context.Context, prefix string) iter.Seq2[syntax.DID, error] {
	return func(yield func(syntax.DID, error) bool) {
		for info, err := range s.keys(ctx, minio.ListObjectsOptions{Prefix: prefix}) {
			var did syntax.DID
			ok := false
			if name, folder := strings.CutSuffix(strings.TrimPrefix(info.Key, prefix), "/"); err == nil && folder {
				if did, ok = plainDID(name); !ok && isDigest(name) {
					did, err = s.readName(ctx, name)
					ok = did != ""
				}
			}
			if err != nil {
				yield("", err)
				return
			}
			if ok && !yield(did, nil) {
				return
			}
		}
	}
}

// readName is the DID behind a digest, or "".
func (s *S3) readName(ctx context.Context, name string) (did syntax.DID, err error) {
	err = s.call(ctx, "accounts", func(ctx context.Context) error {
		body, _, _, err := s.api.GetObject(ctx, s.bucket, namesPrefix+name, minio.GetObjectOptions{})
		if err != nil {
			if minio.ToErrorResponse(err).Code == minio.NoSuchKey {
				return nil
			}
			return err
		}
		defer body.Close()
		text, err := io.ReadAll(io.LimitReader(body, 4096))
		if err == nil && folderName(syntax.DID(text)) == name {
			did = syntax.DID(text)
		}
		return err
	})
	return did, err
}

// Delete removes the objects of both prefixes, up to a thousand with a request.
func (s *S3) Delete(ctx context.Context, did syntax.DID, cids ...cid.Cid) error {
	var all []string
	for _, c := range cids {
		if name, ok := blobName(c); ok {
			all = append(all, s.prefix(did, false)+name, s.prefix(did, true)+name)
		}
	}
	return s.remove(ctx, "delete", all)
}

// remove removes objects. A key that is missing is fine with every S3.
func (s *S3) remove(ctx context.Context, op string, all []string) error {
	for some := range slices.Chunk(all, 1000) {
		err := s.call(ctx, op, func(ctx context.Context) error {
			results, err := s.api.RemoveObjectsWithIter(ctx, s.bucket, func(yield func(minio.ObjectInfo) bool) {
				for _, key := range some {
					if !yield(minio.ObjectInfo{Key: key}) {
						return
					}
				}
			}, minio.RemoveObjectsOptions{})
			if err != nil {
				return err
			}
			told := 0
			for r := range results {
				if r.Err != nil && minio.ToErrorResponse(r.Err).Code != minio.NoSuchKey {
					return r.Err
				}
				told++
			}
			if told < len(some) {
				return ErrUnavailable // an answer that does not speak of every key
			}
			return nil
		})
		if err != nil {
			return err
		}
	}
	return nil
}

// DeleteAccount removes everything below both prefixes.
func (s *S3) DeleteAccount(ctx context.Context, did syntax.DID) error {
	for _, quarantined := range []bool{true, false} {
		var some []string
		for info, err := range s.keys(ctx, minio.ListObjectsOptions{Prefix: s.prefix(did, quarantined), Recursive: true}) {
			if err != nil {
				return err
			}
			if some = append(some, info.Key); len(some) == 1000 {
				if err := s.remove(ctx, "delete account", some); err != nil {
					return err
				}
				some = nil
			}
		}
		if err := s.remove(ctx, "delete account", some); err != nil {
			return err
		}
	}
	if name := folderName(did); isDigest(name) {
		return s.remove(ctx, "delete account", []string{namesPrefix + name})
	}
	return nil
}
