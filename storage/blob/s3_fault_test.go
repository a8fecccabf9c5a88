package blob_test

import (
	"bytes"
	"context"
	"encoding/hex"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/ipfs/go-cid"

	"troupe/storage/blob"
	"troupe/storage/blob/blobtest"
	"troupe/storage/dag"
)

// everything asks a store for everything it can, and gives the errors.
func everything(ctx context.Context, s blob.Store) map[string]error {
	b := blobtest.Bytes(1, 1000)
	c := dag.SumRaw(b)
	all := map[string]error{
		"put":            s.Put(ctx, blobtest.Alice, c, int64(len(b)), bytes.NewReader(b)),
		"delete":         s.Delete(ctx, blobtest.Alice, c),
		"quarantine":     s.Quarantine(ctx, blobtest.Alice, c),
		"restore":        s.Restore(ctx, blobtest.Alice, c),
		"delete account": s.DeleteAccount(ctx, blobtest.Alice),
	}
	_, all["open"] = s.Open(ctx, blobtest.Alice, c)
	_, all["has"] = s.Has(ctx, blobtest.Alice, c)
	for _, err := range s.List(ctx, blobtest.Alice, cid.Undef) {
		all["list"] = err
	}
	for _, err := range s.Accounts(ctx) {
		all["accounts"] = err
	}
	return all
}

func status(code int, name string) blobtest.Fault {
	return func(w http.ResponseWriter, r *http.Request, _ http.Handler) bool {
		w.Header().Set("Content-Type", "application/xml")
		w.WriteHeader(code)
		if r.Method != http.MethodHead {
			io.WriteString(w, `<?xml version="1.0"?><Error><Code>`+name+`</Code><Message>no</Message></Error>`)
		}
		return true
	}
}

// cut ends the connection without an answer.
func cut() { panic(http.ErrAbortHandler) }

func TestABucketThatFailsSaysHow(t *testing.T) {
	for _, c := range []struct {
		name  string
		fault blobtest.Fault
		class error
	}{
		{"broken", status(500, "InternalError"), blob.ErrUnavailable},
		{"overloaded", status(503, "SlowDown"), blob.ErrUnavailable},
		{"a gateway without a server", status(502, "BadGateway"), blob.ErrUnavailable},
		{"a gateway that waited", status(504, "GatewayTimeout"), blob.ErrTimeout},
		{"full", status(507, "XMinioStorageFull"), blob.ErrFull},
		{"forbidden", status(403, "AccessDenied"), blob.ErrUnavailable},
		{"cut off", func(http.ResponseWriter, *http.Request, http.Handler) bool { cut(); return true }, blob.ErrUnavailable},
		{"silent", func(_ http.ResponseWriter, r *http.Request, _ http.Handler) bool {
			io.Copy(io.Discard, r.Body)
			<-r.Context().Done()
			return true
		}, blob.ErrTimeout},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			bucket := blobtest.NewBucket(t)
			bucket.Options.UploadTimeout = 5 * time.Second
			if c.class == blob.ErrTimeout {
				bucket.Options.UploadTimeout = 200 * time.Millisecond
			}
			bucket.Fail(c.fault)
			s := bucket.Store(t)
			ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
			defer cancel()
			if c.name == "silent" { // a list has no total, so that a long one can end
				bucket.Options.IdleTimeout = 100 * time.Millisecond
				s = bucket.Store(t)
			}
			for what, err := range everything(ctx, s) {
				if !errors.Is(err, c.class) {
					t.Errorf("%s: %v, want %v", what, err, c.class)
				}
			}
		})
	}
	t.Run("gone", func(t *testing.T) {
		t.Parallel()
		bucket := blobtest.NewBucket(t)
		bucket.Down()
		for what, err := range everything(t.Context(), bucket.Store(t)) {
			if !errors.Is(err, blob.ErrUnavailable) {
				t.Errorf("%s: %v, want ErrUnavailable", what, err)
			}
		}
	})
	t.Run("another bucket", func(t *testing.T) {
		t.Parallel()
		bucket := blobtest.NewBucket(t)
		bucket.Options.Bucket = "none"
		_, err := bucket.Store(t).Open(t.Context(), blobtest.Alice, dag.SumRaw(nil))
		if !errors.Is(err, blob.ErrUnavailable) || errors.Is(err, blob.ErrNotFound) {
			t.Errorf("open: %v, want ErrUnavailable", err)
		}
	})
}

func TestABucketThatStumblesIsAskedAgain(t *testing.T) {
	t.Parallel()
	bucket := blobtest.NewBucket(t)
	s := bucket.Store(t)
	b := blobtest.Bytes(1, 1000)
	for _, fault := range []blobtest.Fault{
		status(503, "SlowDown"), status(500, "InternalError"),
		func(http.ResponseWriter, *http.Request, http.Handler) bool { cut(); return true },
	} {
		var once sync.Once
		bucket.Fail(func(w http.ResponseWriter, r *http.Request, next http.Handler) (failed bool) {
			once.Do(func() { failed = true })
			return failed && fault(w, r, next)
		})
		if c := blobtest.Put(t, s, blobtest.Alice, b); !bytes.Equal(blobtest.Read(t, s, blobtest.Alice, c), b) {
			t.Error("other bytes came back")
		}
	}
}

func TestAPutThatIsCutShortShowsNothing(t *testing.T) {
	t.Parallel()
	bucket := blobtest.NewBucket(t)
	s := bucket.Store(t)
	s.SetPartSize(100_000)
	for _, size := range []int{90_000, 350_000} {
		b := blobtest.Bytes(1, size)
		c := dag.SumRaw(b)
		var aborted atomic.Bool
		bucket.Fail(func(w http.ResponseWriter, r *http.Request, next http.Handler) bool {
			if r.Method == http.MethodDelete && r.URL.Query().Has("uploadId") {
				aborted.Store(true)
			}
			part := r.URL.Query().Get("partNumber")
			if r.Method == http.MethodPut && (part == "" || part == "3") {
				io.CopyN(io.Discard, r.Body, 50_000)
				cut()
			}
			return false
		})
		if err := s.Put(t.Context(), blobtest.Alice, c, int64(size), bytes.NewReader(b)); !errors.Is(err, blob.ErrUnavailable) {
			t.Errorf("%d bytes: %v, want ErrUnavailable", size, err)
		}
		bucket.Fail(nil)
		blobtest.Absent(t, s, blobtest.Alice, c)
		if size > 100_000 && !aborted.Load() {
			t.Error("parts were left in the bucket")
		}
		if blobtest.Put(t, s, blobtest.Alice, b); !bytes.Equal(blobtest.Read(t, s, blobtest.Alice, c), b) {
			t.Errorf("%d bytes: others came back", size)
		}
	}
}

func TestAnAnswerThatIsLostLeavesAWholeObject(t *testing.T) {
	t.Parallel()
	bucket := blobtest.NewBucket(t)
	s := bucket.Store(t)
	b := blobtest.Bytes(1, 1000)
	c := dag.SumRaw(b)
	lose := func(_ http.ResponseWriter, r *http.Request, next http.Handler) bool {
		next.ServeHTTP(httptest.NewRecorder(), r)
		cut()
		return true
	}
	for what, do := range map[string]func() error{
		"put":        func() error { return s.Put(t.Context(), blobtest.Alice, c, int64(len(b)), bytes.NewReader(b)) },
		"quarantine": func() error { return s.Quarantine(t.Context(), blobtest.Alice, c) },
		"delete":     func() error { return s.Delete(t.Context(), blobtest.Alice, c) },
	} {
		bucket.Fail(nil)
		if what != "put" {
			blobtest.Put(t, s, blobtest.Alice, b)
		}
		bucket.Fail(lose)
		if err := do(); !errors.Is(err, blob.ErrUnavailable) {
			t.Errorf("%s: %v, want ErrUnavailable", what, err)
		}
		bucket.Fail(nil)
		if err := do(); err != nil {
			t.Errorf("%s, again: %v", what, err)
		}
		if what == "put" {
			if !bytes.Equal(blobtest.Read(t, s, blobtest.Alice, c), b) {
				t.Error("other bytes came back")
			}
		} else {
			blobtest.Absent(t, s, blobtest.Alice, c)
		}
	}
}

func TestTheDigestIsSignedWithEveryRequest(t *testing.T) {
	t.Parallel()
	bucket := blobtest.NewBucket(t)
	s := bucket.Store(t)
	s.SetPartSize(100_000)
	var told []string
	bucket.Fail(func(_ http.ResponseWriter, r *http.Request, _ http.Handler) bool {
		if r.Method == http.MethodPut {
			told = append(told, r.Header.Get("X-Amz-Content-Sha256"))
		}
		return false
	})
	b := blobtest.Bytes(1, 150_000)
	blobtest.Put(t, s, blobtest.Alice, b[:1000])
	blobtest.Put(t, s, blobtest.Alice, b)
	for i, part := range [][]byte{b[:1000], b[:100_000], b[100_000:]} {
		if want := hex.EncodeToString(dag.SumRaw(part).Hash()[2:]); i >= len(told) || told[i] != want {
			t.Errorf("request %d was sent with %q, want %s", i, told, want)
		}
	}
}

func TestABodyThatStopsIsNoShortBlob(t *testing.T) {
	t.Parallel()
	bucket := blobtest.NewBucket(t)
	bucket.Options.UploadTimeout, bucket.Options.IdleTimeout = 10*time.Second, 200*time.Millisecond
	s := bucket.Store(t)
	c := blobtest.Put(t, s, blobtest.Alice, blobtest.Bytes(1, 500_000))
	for _, stop := range []struct {
		name  string
		how   func(r *http.Request)
		class error
	}{
		{"cut off", func(*http.Request) { cut() }, blob.ErrUnavailable},
		{"stalled", func(r *http.Request) { <-r.Context().Done() }, blob.ErrTimeout},
	} {
		bucket.Fail(func(w http.ResponseWriter, r *http.Request, next http.Handler) bool {
			answer := httptest.NewRecorder()
			next.ServeHTTP(answer, r)
			for k, v := range answer.Header() {
				w.Header()[k] = v
			}
			w.WriteHeader(answer.Code)
			w.Write(answer.Body.Bytes()[:100_000])
			http.NewResponseController(w).Flush()
			stop.how(r)
			return true
		})
		o, err := s.Open(t.Context(), blobtest.Alice, c)
		if err != nil {
			t.Fatal(err)
		}
		n, err := io.Copy(io.Discard, o)
		if !errors.Is(err, stop.class) || n > 100_000 {
			t.Errorf("%s: %d bytes, %v, want %v", stop.name, n, err, stop.class)
		}
		o.Close()
		bucket.Fail(nil)
	}
}

// A reader that takes its time is not the bucket's fault.
func TestASlowReaderIsWaitedFor(t *testing.T) {
	t.Parallel()
	bucket := blobtest.NewBucket(t)
	bucket.Options.UploadTimeout, bucket.Options.IdleTimeout = 200*time.Millisecond, 200*time.Millisecond
	s := bucket.Store(t)
	b := blobtest.Bytes(1, 8<<20) // more than sockets hold
	c := blobtest.Put(t, bucketWithTime(t, bucket), blobtest.Alice, b)
	o, err := s.Open(t.Context(), blobtest.Alice, c)
	if err != nil {
		t.Fatal(err)
	}
	defer o.Close()
	var got bytes.Buffer
	for range 4 {
		if _, err := io.CopyN(&got, o, 1<<20); err != nil {
			t.Fatal(err)
		}
		time.Sleep(250 * time.Millisecond)
	}
	if _, err := io.Copy(&got, o); err != nil || !bytes.Equal(got.Bytes(), b) {
		t.Errorf("%d bytes, %v", got.Len(), err)
	}
}

func bucketWithTime(t *testing.T, b *blobtest.Bucket) *blob.S3 {
	o := b.Options
	o.UploadTimeout, o.IdleTimeout = 0, 0
	s, err := blob.OpenS3(o)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func TestOptionsOfABucketAreChecked(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ endpoint, bucket string }{
		{"https://s3.example.com", ""}, {"ftp://s3.example.com", "b"}, {"https://s3.example.com/path", "b"}, {"https://", "b"}, {"https://a b", "b"},
	} {
		if _, err := blob.OpenS3(blob.S3Options{Endpoint: c.endpoint, Bucket: c.bucket}); err == nil {
			t.Errorf("%q, %q was accepted", c.endpoint, c.bucket)
		}
	}
	for _, endpoint := range []string{"", "s3.example.com", "https://s3.example.com/", "http://127.0.0.1:9000", "https://[::1]:9000"} {
		if _, err := blob.OpenS3(blob.S3Options{Endpoint: endpoint, Bucket: "b"}); err != nil {
			t.Errorf("%q: %v", endpoint, err)
		}
	}
}

func TestHowABucketIsAddressed(t *testing.T) {
	t.Parallel()
	var host, path string
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		host, path = r.Host, r.URL.Path
		w.WriteHeader(http.StatusNotFound)
	}))
	defer server.Close()
	local := strings.Replace(server.URL, "127.0.0.1", "localhost", 1)
	for _, c := range []struct {
		endpoint  string
		pathStyle bool
		want      string
	}{
		{local, true, strings.TrimPrefix(local, "http://") + "/b0b/blocks/"},
		{server.URL, false, strings.TrimPrefix(server.URL, "http://") + "/b0b/blocks/"}, // an address has no names below it
	} {
		s, err := blob.OpenS3(blob.S3Options{Endpoint: c.endpoint, Bucket: "b0b", PathStyle: c.pathStyle, AccessKey: "a", SecretKey: "s"})
		if err != nil {
			t.Fatal(err)
		}
		ok, err := s.Has(t.Context(), blobtest.Alice, dag.SumRaw(nil))
		if ok || err != nil || !strings.HasPrefix(host+path, c.want) {
			t.Errorf("%s: asked %s%s, %v, want %s…", c.endpoint, host, path, err, c.want)
		}
	}
}
