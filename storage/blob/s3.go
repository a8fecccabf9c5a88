package blob

import (
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/bluesky-social/indigo/atproto/syntax"
	"github.com/ipfs/go-cid"
	"github.com/minio/minio-go/v7"
	"github.com/minio/minio-go/v7/pkg/credentials"
)

// Prefixes of keys: blocks/<did>/<cid>, as in the reference.
const (
	blocksPrefix     = "blocks/"
	quarantinePrefix = "quarantine/"
	namesPrefix      = "names/" // <digest> holds the DID of keys named by a digest
)

const (
	connectTimeout = 5 * time.Second
	defaultUpload  = 20 * time.Second
	abortTimeout   = 10 * time.Second

	// partSize is where an upload becomes several requests. One request is best
	// as far as a line carries it: its digest is the CID's own, so the other
	// side checks every byte.
	partSize = 16 << 20

	// attempts is how often a request is made that fails or is turned away.
	attempts = 3
)

// S3Options say where a bucket is.
type S3Options struct {
	Bucket    string
	Region    string // "": us-east-1 with an Endpoint, else asked for
	Endpoint  string // host or URL; "": Amazon's
	PathStyle bool   // <endpoint>/<bucket>/… and not <bucket>.<endpoint>/…

	// Both or neither; without them AWS_*, ~/.aws/credentials and the machine's
	// role are asked.
	AccessKey, SecretKey string

	UploadTimeout time.Duration // of a whole Put, and of any other call; 0: 20 s
	IdleTimeout   time.Duration // without a byte in either direction; 0: between 6 and 15 s
}

// S3 keeps blobs in a bucket of anything that speaks the protocol of Amazon S3.
// The credentials need to get, put, delete and list objects: without the last,
// a missing object is answered with "forbidden", and so is ErrUnavailable.
type S3 struct {
	api    minio.Core
	bucket string
	total  time.Duration
	part   int64
}

// OpenS3 checks the options. It makes no request: a server starts also while
// its bucket is down.
func OpenS3(o S3Options) (*S3, error) {
	host, secure, err := endpoint(o.Endpoint)
	if err != nil {
		return nil, err
	}
	if o.Bucket == "" {
		return nil, errors.New("blob: no bucket")
	}
	if o.Endpoint != "" && o.Region == "" {
		o.Region = "us-east-1"
	}
	if o.UploadTimeout <= 0 {
		o.UploadTimeout = defaultUpload
	}
	if o.IdleTimeout <= 0 {
		o.IdleTimeout = max(min(o.UploadTimeout, 15*time.Second), 6*time.Second)
	}
	lookup := minio.BucketLookupDNS
	name, _, err := net.SplitHostPort(host)
	if err != nil {
		name = host
	}
	if o.PathStyle || net.ParseIP(strings.Trim(name, "[]")) != nil || secure && strings.Contains(o.Bucket, ".") {
		lookup = minio.BucketLookupPath // the others would need a name that has no address, or a certificate that nobody has
	}
	api, err := minio.NewCore(host, &minio.Options{
		Creds: o.credentials(), Secure: secure, Region: o.Region, BucketLookup: lookup,
		Transport: newTransport(o.IdleTimeout), MaxRetries: attempts,
	})
	if err != nil {
		return nil, fmt.Errorf("blob: %w", err)
	}
	return &S3{api: *api, bucket: o.Bucket, total: o.UploadTimeout, part: partSize}, nil
}

// endpoint takes a URL or a host apart.
func endpoint(text string) (host string, secure bool, err error) {
	if text == "" {
		return "s3.amazonaws.com", true, nil
	}
	if !strings.Contains(text, "://") {
		text = "https://" + text
	}
	u, err := url.Parse(text)
	if err != nil || u.Host == "" || strings.Trim(u.Path, "/") != "" || u.Scheme != "https" && u.Scheme != "http" {
		return "", false, fmt.Errorf("blob: %q is no endpoint of S3: expected https://host", text)
	}
	return u.Host, u.Scheme == "https", nil
}

func (o S3Options) credentials() *credentials.Credentials {
	if o.AccessKey != "" {
		return credentials.NewStaticV4(o.AccessKey, o.SecretKey, "")
	}
	return credentials.NewChainCredentials([]credentials.Provider{
		&credentials.EnvAWS{}, &credentials.FileAWSCredentials{},
		&credentials.IAM{Client: &http.Client{Timeout: connectTimeout}},
	})
}

// Put sends the bytes in one request, or large ones in parts that become an
// object only when all are there and right.
func (s *S3) Put(ctx context.Context, did syntax.DID, c cid.Cid, size int64, r io.Reader) error {
	name, ok := blobName(c)
	if !ok {
		return fmt.Errorf("blob: put: %w", ErrMismatch)
	}
	return s.call(ctx, "put", func(ctx context.Context) error {
		if err := s.writeName(ctx, did); err != nil {
			return err
		}
		return s.put(ctx, s.prefix(did, false)+name, c, size, r)
	})
}

func (s *S3) put(ctx context.Context, key string, c cid.Cid, size int64, r io.Reader) error {
	data := newChecked(ctx, c, size, r)
	switch {
	case size > s.part:
		return s.putParts(ctx, key, data)
	case size == 0: // nothing would be read
		if _, err := io.ReadAll(data); err != nil {
			return err
		}
	}
	return s.putOne(ctx, key, data.resend(), size, hex.EncodeToString(digest(c)))
}

// putOne signs the digest of the bytes, so that the other side refuses others.
func (s *S3) putOne(ctx context.Context, key string, data io.Reader, size int64, sum string) error {
	_, err := s.api.PutObject(ctx, s.bucket, key, data, size, "", sum, minio.PutObjectOptions{DisableContentSha256: true})
	return err
}

// writeName keeps the DID of an account whose keys are named by a digest.
func (s *S3) writeName(ctx context.Context, did syntax.DID) error {
	name := folderName(did)
	if !isDigest(name) {
		return nil
	}
	// The digest that names the account is also that of the text.
	return s.putOne(ctx, namesPrefix+name, strings.NewReader(did.String()), int64(len(did)), name)
}

// Has asks for the object's headers.
func (s *S3) Has(ctx context.Context, did syntax.DID, c cid.Cid) (bool, error) {
	return s.has(ctx, did, c, false)
}

func (s *S3) has(ctx context.Context, did syntax.DID, c cid.Cid, quarantined bool) (bool, error) {
	name, ok := blobName(c)
	if !ok {
		return false, nil
	}
	err := s.call(ctx, "has", func(ctx context.Context) error {
		_, err := s.api.StatObject(ctx, s.bucket, s.prefix(did, quarantined)+name, minio.StatObjectOptions{})
		return err
	})
	if errors.Is(err, ErrNotFound) {
		return false, nil
	}
	return err == nil, err
}

// Quarantine copies the object to quarantine/ and deletes it where it was.
func (s *S3) Quarantine(ctx context.Context, did syntax.DID, c cid.Cid) error {
	return s.move(ctx, "quarantine", did, c, false)
}

// Restore copies it back.
func (s *S3) Restore(ctx context.Context, did syntax.DID, c cid.Cid) error {
	return s.move(ctx, "restore", did, c, true)
}

func (s *S3) move(ctx context.Context, op string, did syntax.DID, c cid.Cid, back bool) error {
	name, ok := blobName(c)
	if !ok {
		return nil
	}
	from, to := s.prefix(did, back)+name, s.prefix(did, !back)+name
	err := s.call(ctx, op, func(ctx context.Context) error {
		_, err := s.api.Client.CopyObject(ctx, minio.CopyDestOptions{Bucket: s.bucket, Object: to}, minio.CopySrcOptions{Bucket: s.bucket, Object: from})
		if err != nil {
			return err
		}
		return s.api.RemoveObject(ctx, s.bucket, from, minio.RemoveObjectOptions{})
	})
	if errors.Is(err, ErrNotFound) {
		return nil
	}
	return err
}

// prefix is what the keys of an account begin with.
func (s *S3) prefix(did syntax.DID, quarantined bool) string {
	if quarantined {
		return quarantinePrefix + folderName(did) + "/"
	}
	return blocksPrefix + folderName(did) + "/"
}
