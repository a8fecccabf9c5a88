package blob_test

import (
	"bytes"
	"errors"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"sync"
	"testing"

	"github.com/bluesky-social/indigo/atproto/syntax"
	"github.com/ipfs/go-cid"

	"troupe/storage/blob"
	"troupe/storage/blob/blobtest"
	"troupe/storage/dag"
)

// moving is a disk with blobs, and a bucket they go to.
type moving struct {
	root   string
	disk   *blob.Disk
	bucket *blobtest.Bucket
	s3     *blob.S3
	both   *blob.Tiered
	live   map[cid.Cid][]byte
	hidden map[cid.Cid][]byte
}

// newMoving fills the disk with n blobs an account; each fourth is quarantined.
func newMoving(t *testing.T, n int) *moving {
	t.Helper()
	m := &moving{root: t.TempDir(), bucket: blobtest.NewBucket(t), live: map[cid.Cid][]byte{}, hidden: map[cid.Cid][]byte{}}
	var err error
	if m.disk, err = blob.OpenDisk(m.root); err != nil {
		t.Fatal(err)
	}
	m.s3 = m.bucket.Store(t)
	m.s3.SetPartSize(100_000)
	m.both = blob.NewTiered(m.disk, m.s3)
	for i := range n {
		b := blobtest.Bytes(uint64(i), i*60_001)
		for _, did := range []syntax.DID{blobtest.Alice, blobtest.Odd} {
			c := blobtest.Put(t, m.disk, did, b)
			m.live[c] = b
			if i%4 == 3 {
				if err := m.disk.Quarantine(t.Context(), did, c); err != nil {
					t.Fatal(err)
				}
				delete(m.live, c)
				m.hidden[c] = b
			}
		}
	}
	return m
}

func (m *moving) run(t *testing.T) (blob.Moved, error) {
	t.Helper()
	return (&blob.Mover{From: m.disk, To: m.s3}).Run(t.Context())
}

// check ends the test unless the bucket has everything, in its place, and the
// disk nothing.
func (m *moving) check(t *testing.T) {
	t.Helper()
	for _, did := range []syntax.DID{blobtest.Alice, blobtest.Odd} {
		if left := blobtest.All(t, m.disk, did, cid.Undef); len(left) > 0 {
			t.Errorf("%d blobs of %s are left on the disk", len(left), did)
		}
		for c, b := range m.live {
			if got := blobtest.Read(t, m.s3, did, c); !bytes.Equal(got, b) {
				t.Errorf("%s came back as %d others", c, len(got))
			}
		}
		for c := range m.hidden {
			blobtest.Absent(t, m.s3, did, c)
			if err := m.s3.Restore(t.Context(), did, c); err != nil {
				t.Fatal(err)
			}
			if got := blobtest.Read(t, m.s3, did, c); !bytes.Equal(got, m.hidden[c]) {
				t.Errorf("%s came back from quarantine as %d others", c, len(got))
			}
		}
	}
	for did, err := range m.disk.Accounts(t.Context()) {
		t.Errorf("the disk has a folder of %s, %v", did, err)
	}
}

func TestEverythingIsMoved(t *testing.T) {
	t.Parallel()
	m := newMoving(t, 8)
	dry := blob.Mover{From: m.disk, To: m.s3, DryRun: true}
	planned, err := dry.Run(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	for did, err := range m.s3.Accounts(t.Context()) {
		t.Errorf("a dry run brought %s, %v", did, err)
	}
	sum, err := m.run(t)
	if want := (blob.Moved{Accounts: 2, Blobs: 16, Bytes: 2 * 28 * 60_001, Quarantined: 4}); err != nil || sum != want || planned != want {
		t.Errorf("%+v, planned %+v, %v, want %+v", sum, planned, err, want)
	}
	m.check(t)
	if again, err := m.run(t); err != nil || again != (blob.Moved{}) {
		t.Errorf("the second run moved %+v, %v", again, err)
	}
}

func TestAMoveThatBreaksOffIsResumed(t *testing.T) {
	t.Parallel()
	m := newMoving(t, 8)
	var mu sync.Mutex
	left := 40
	m.bucket.Fail(func(w http.ResponseWriter, r *http.Request, next http.Handler) bool {
		mu.Lock()
		defer mu.Unlock()
		if left--; left < 0 {
			cut()
		}
		return false
	})
	first, err := m.run(t)
	if !errors.Is(err, blob.ErrUnavailable) || first.Blobs == 0 || first.Blobs == 16 {
		t.Fatalf("%+v, %v, want some and ErrUnavailable", first, err)
	}
	m.bucket.Fail(nil)
	second, err := m.run(t)
	if err != nil || first.Blobs+second.Blobs != 16 {
		t.Errorf("%+v and then %+v, %v", first, second, err)
	}
	m.check(t)
}

func TestADamagedBlobStaysOnTheDisk(t *testing.T) {
	t.Parallel()
	m := newMoving(t, 4)
	bad := dag.SumRaw(blobtest.Bytes(2, 120_002))
	path := filepath.Join(m.root, blobtest.Alice.String(), bad.String())
	if err := os.Truncate(path, 100); err != nil {
		t.Fatal(err)
	}
	var told []cid.Cid
	mover := blob.Mover{From: m.disk, To: m.s3, Failed: func(did syntax.DID, c cid.Cid, err error) {
		if told = append(told, c); did != blobtest.Alice || !errors.Is(err, blob.ErrMismatch) {
			t.Errorf("%s, %v", did, err)
		}
	}}
	sum, err := mover.Run(t.Context())
	if err != nil || sum.Failed != 1 || sum.Blobs != 7 || len(told) != 1 || !told[0].Equals(bad) {
		t.Errorf("%+v, %v, %v", sum, told, err)
	}
	if info, err := os.Stat(path); err != nil || info.Size() != 100 {
		t.Errorf("the file is not what it was: %v", err)
	}
	blobtest.Absent(t, m.s3, blobtest.Alice, bad)
	// Once the bucket has a good copy, the damaged one is of no use.
	blobtest.Put(t, m.s3, blobtest.Alice, blobtest.Bytes(2, 120_002))
	if sum, err := m.run(t); err != nil || sum.Present != 1 {
		t.Errorf("%+v, %v", sum, err)
	}
	m.check(t)
}

// The bucket's word that it has a blob is not enough.
func TestACopyIsReadBackBeforeTheDiskForgets(t *testing.T) {
	t.Parallel()
	m := newMoving(t, 2)
	m.bucket.Fail(func(w http.ResponseWriter, r *http.Request, next http.Handler) bool {
		if r.Method != http.MethodGet || r.URL.Query().Has("list-type") {
			return false
		}
		answer := httptest.NewRecorder()
		next.ServeHTTP(answer, r)
		for k, v := range answer.Header() {
			w.Header()[k] = v
		}
		w.WriteHeader(answer.Code)
		b := answer.Body.Bytes()
		if answer.Code == http.StatusOK && len(b) > 0 {
			b[len(b)/2] ^= 1
		}
		w.Write(b)
		return true
	})
	if sum, err := m.run(t); !errors.Is(err, blob.ErrMismatch) {
		t.Errorf("%+v, %v, want ErrMismatch", sum, err)
	}
	for _, did := range []syntax.DID{blobtest.Alice, blobtest.Odd} {
		if left := blobtest.All(t, m.disk, did, cid.Undef); len(left) == 0 {
			t.Errorf("the disk lost the blobs of %s", did)
		}
	}
	m.bucket.Fail(nil)
	if _, err := m.run(t); err != nil {
		t.Fatal(err)
	}
	m.check(t)
}

func TestTheServerActsWhileABlobIsMoved(t *testing.T) {
	b := blobtest.Bytes(1, 1000)
	c := dag.SumRaw(b)
	for _, when := range []string{"before the copy", "after the copy"} {
		for _, act := range []string{"quarantine", "restore", "delete", "upload again"} {
			t.Run(act+" "+when, func(t *testing.T) {
				t.Parallel()
				m := newMoving(t, 0)
				blobtest.Put(t, m.disk, blobtest.Alice, b)
				do := map[string]func() error{
					"quarantine": func() error { return m.both.Quarantine(t.Context(), blobtest.Alice, c) },
					"restore":    func() error { return m.both.Restore(t.Context(), blobtest.Alice, c) },
					"delete":     func() error { return m.both.Delete(t.Context(), blobtest.Alice, c) },
					"upload again": func() error {
						if err := m.both.Delete(t.Context(), blobtest.Alice, c); err != nil {
							return err
						}
						return m.both.Put(t.Context(), blobtest.Alice, c, 1000, bytes.NewReader(b))
					},
				}[act]
				if act == "restore" {
					if err := m.disk.Quarantine(t.Context(), blobtest.Alice, c); err != nil {
						t.Fatal(err)
					}
				}
				var once sync.Once
				m.bucket.Fail(func(w http.ResponseWriter, r *http.Request, next http.Handler) (done bool) {
					if r.Method != http.MethodPut {
						return false
					}
					once.Do(func() {
						done = true
						if when == "after the copy" {
							next.ServeHTTP(w, r)
						}
						m.bucket.Fail(nil)
						if err := do(); err != nil {
							t.Errorf("%s: %v", act, err)
						}
						if when == "before the copy" {
							next.ServeHTTP(w, r)
						}
					})
					return done
				})
				sum, err := m.run(t)
				if err != nil {
					t.Fatal(err)
				}
				if left := blobtest.All(t, m.disk, blobtest.Alice, cid.Undef); len(left) > 0 {
					t.Errorf("the disk still has %+v", left)
				}
				switch act {
				case "quarantine":
					blobtest.Absent(t, m.both, blobtest.Alice, c)
					if err := m.both.Restore(t.Context(), blobtest.Alice, c); err != nil {
						t.Fatal(err)
					}
					fallthrough
				case "restore", "upload again":
					if !bytes.Equal(blobtest.Read(t, m.both, blobtest.Alice, c), b) {
						t.Error("other bytes came back")
					}
				case "delete":
					// Bytes without a row may be left, where a sweep sees them.
					if orphans := len(blobtest.All(t, m.both, blobtest.Alice, cid.Undef)); sum.Vanished != 1 || orphans > 1 {
						t.Errorf("%+v, and %d orphans", sum, orphans)
					}
				}
			})
		}
	}
}

func TestReadersNeverMissABlobThatIsMoved(t *testing.T) {
	t.Parallel()
	m := newMoving(t, 12)
	stop := make(chan struct{})
	var readers sync.WaitGroup
	for _, did := range []syntax.DID{blobtest.Alice, blobtest.Odd} {
		readers.Go(func() {
			for {
				for c, b := range m.live {
					select {
					case <-stop:
						return
					default:
					}
					if got := blobtest.Read(t, m.both, did, c); !bytes.Equal(got, b) {
						t.Errorf("%s came back as %d others", c, len(got))
					}
					if ok, err := m.both.Has(t.Context(), did, c); !ok || err != nil {
						t.Errorf("%s: has gives %t, %v", c, ok, err)
					}
				}
			}
		})
	}
	_, err := m.run(t)
	close(stop)
	readers.Wait()
	if err != nil {
		t.Fatal(err)
	}
	m.check(t)
}
