package bench

import (
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"

	"github.com/bluesky-social/indigo/atproto/syntax"
	"github.com/ipfs/go-cid"
	"github.com/multiformats/go-multihash"
)

func (f *fakePDS) uploadBlob(w http.ResponseWriter, r *http.Request) {
	bytes, err := io.ReadAll(r.Body)
	if err != nil || r.Header.Get("Content-Type") != blobType {
		refuse(w, 400, "InvalidRequest")
		return
	}
	c, err := cid.NewPrefixV1(cid.Raw, multihash.SHA2_256).Sum(bytes)
	if err != nil {
		refuse(w, 500, "InternalServerError")
		return
	}
	f.blobs.Store(c.String(), bytes)
	fmt.Fprintf(w, `{"blob":{"$type":"blob","ref":{"$link":%q},"mimeType":%q,"size":%d}}`, c, blobType, len(bytes))
}

func (f *fakePDS) getBlob(w http.ResponseWriter, r *http.Request) {
	kept, ok := f.blobs.Load(r.URL.Query().Get("cid"))
	switch {
	case !ok:
		refuse(w, 400, "BlobNotFound")
	case f.lies.Load():
		w.Write(make([]byte, blobSize))
	default:
		w.Write(kept.([]byte))
	}
}

func (f *fakePDS) importRepo(w http.ResponseWriter, r *http.Request) {
	car, err := io.ReadAll(r.Body)
	if err != nil || r.ContentLength != int64(len(car)) {
		refuse(w, 400, "InvalidRequest")
		return
	}
	f.imported.Store(&car)
}

// getRepo gives out what was imported last, to everybody, and before that the
// same small repository. Lying, it has another one for each.
func (f *fakePDS) getRepo(w http.ResponseWriter, r *http.Request) {
	did := r.URL.Query().Get("did")
	switch car := f.imported.Load(); {
	case f.lies.Load():
		w.Write(carOf(f.key, syntax.DID(did), []byte(did)))
	case car != nil:
		w.Write(*car)
	default:
		w.Write(carOf(f.key, syntax.DID(did), []byte{0xa0}))
	}
}

// Blobs count if the bytes that come back are those that were sent.
func TestBlobs(t *testing.T) {
	fake := &fakePDS{batches: true}
	s := newFake(t, fake)
	up := runOne(t, quick(t, s), "upload-blob")
	if up.Failed != "" || up.Ops == 0 || len(up.Errors) > 0 {
		t.Errorf("%+v", up)
	}
	if got := up.MBs / up.Rate; got < 0.99 || got > 1.01 {
		t.Errorf("%v MB in a blob of 1 MB", got)
	}
	down := runOne(t, quick(t, s), "get-blob")
	if down.Failed != "" || down.Ops == 0 || len(down.Errors) > 0 || down.MBs == 0 {
		t.Errorf("%+v", down)
	}
	fake.lies.Store(true)
	if row := runOne(t, quick(t, s), "get-blob"); !strings.Contains(row.Failed, "other bytes") || row.Ops != 0 {
		t.Errorf("a server that changes blobs: %+v", row)
	}
}

// An import counts if the new account has the repository afterwards.
func TestImports(t *testing.T) {
	fake := &fakePDS{batches: true}
	o := quick(t, newFake(t, fake))
	o.Records = 300
	row := runOne(t, o, "import-repo")
	if row.Failed != "" || row.Ops == 0 || row.Ops%300 != 0 || row.MBs == 0 || row.P50 == 0 {
		t.Errorf("%+v", row)
	}
	fake.lies.Store(true)
	if row := runOne(t, o, "import-repo"); !strings.Contains(row.Failed, "the import is wrong") || row.Ops == 0 {
		t.Errorf("a server that forgets imports: %+v", row)
	}
	fake.without = "repo.importRepo"
	if row := runOne(t, o, "import-repo"); !row.NotServed {
		t.Errorf("a server without imports: %+v", row)
	}
}
