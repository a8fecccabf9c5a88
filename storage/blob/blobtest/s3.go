package blobtest

import (
	"net/http"
	"net/http/httptest"
	"sync"
	"testing"

	"github.com/johannesboyne/gofakes3"
	"github.com/johannesboyne/gofakes3/backend/s3mem"

	"troupe/storage/blob"
)

// Bucket is a bucket in memory, behind a socket.
type Bucket struct {
	Options blob.S3Options // reach it

	server *httptest.Server
	mu     sync.Mutex
	fault  Fault // guarded by mu
}

// Fault comes before each request. It answers itself, or says false and the
// request takes its way.
type Fault func(w http.ResponseWriter, r *http.Request, next http.Handler) bool

// NewBucket opens a bucket until the test ends.
func NewBucket(t testing.TB) *Bucket {
	t.Helper()
	b, err := OpenBucket()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(b.Down)
	return b
}

// OpenBucket opens a bucket until it is Down.
func OpenBucket() (*Bucket, error) {
	memory := s3mem.New()
	if err := memory.CreateBucket("blobs"); err != nil {
		return nil, err
	}
	next := gofakes3.New(memory).Server()
	b := &Bucket{}
	b.server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		b.mu.Lock()
		fault := b.fault
		b.mu.Unlock()
		if fault == nil || !fault(w, r, next) {
			next.ServeHTTP(w, r)
		}
	}))
	b.Options = blob.S3Options{Bucket: "blobs", Endpoint: b.server.URL, PathStyle: true, AccessKey: "access", SecretKey: "secret"}
	return b, nil
}

// Fail has every later request meet a fault; nil ends that.
func (b *Bucket) Fail(f Fault) {
	b.mu.Lock()
	b.fault = f
	b.mu.Unlock()
}

// Store opens the bucket.
func (b *Bucket) Store(t testing.TB) *blob.S3 {
	t.Helper()
	s, err := blob.OpenS3(b.Options)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// Down stops the server: nothing listens any more.
func (b *Bucket) Down() { b.server.Close() }
