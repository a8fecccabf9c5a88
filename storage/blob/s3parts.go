package blob

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"io"

	"github.com/minio/minio-go/v7"
)

// putParts sends an object in parts, one after the other. A part is read twice,
// to sign its digest and to send it, so the other side checks each, and the
// request can be made again. The first reading also feeds the digest of the
// whole: what is wrong is found before the last part is sent.
func (s *S3) putParts(ctx context.Context, key string, data *checked) (err error) {
	id, err := s.api.NewMultipartUpload(ctx, s.bucket, key, minio.PutObjectOptions{})
	if err != nil {
		return err
	}
	defer func() {
		if err == nil {
			return
		}
		// Parts are paid for until somebody removes them. If this fails too, a
		// rule of the bucket does; they are never an object.
		ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), abortTimeout)
		defer cancel()
		s.api.AbortMultipartUpload(ctx, s.bucket, key, id)
	}()
	var parts []minio.CompletePart
	next := cut(data)
	for data.left > 0 {
		n := min(s.part, data.left)
		part, sum, err := next(n)
		if err != nil {
			return err
		}
		p, err := s.api.PutObjectPart(ctx, s.bucket, key, id, len(parts)+1, part, n, minio.PutObjectPartOptions{Sha256Hex: sum, DisableContentSha256: true})
		if err != nil {
			return err
		}
		parts = append(parts, minio.CompletePart{PartNumber: p.PartNumber, ETag: p.ETag})
	}
	_, err = s.api.CompleteMultipartUpload(ctx, s.bucket, key, id, parts, minio.PutObjectOptions{})
	return err
}

// cut gives data part by part, each with its digest. A file is read again where
// it lies; of anything else one part at a time is kept in memory.
func cut(data *checked) func(n int64) (io.ReadSeeker, string, error) {
	file, isFile := data.r.(interface {
		io.ReaderAt
		io.Seeker
	})
	var at int64
	if isFile {
		var err error
		if at, err = file.Seek(0, io.SeekCurrent); err != nil {
			isFile = false
		}
	}
	var kept bytes.Buffer
	return func(n int64) (io.ReadSeeker, string, error) {
		sum := sha256.New()
		kept.Reset()
		into := io.Writer(sum)
		if !isFile {
			into = io.MultiWriter(sum, &kept)
		}
		if _, err := io.CopyN(into, data, n); err != nil {
			return nil, "", err
		}
		digest := hex.EncodeToString(sum.Sum(nil))
		if !isFile {
			return bytes.NewReader(kept.Bytes()), digest, nil
		}
		at += n
		return io.NewSectionReader(file, at-n, n), digest, nil
	}
}
