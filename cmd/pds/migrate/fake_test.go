package migrate

import (
	"context"
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"sync"
	"testing"
	"time"

	"github.com/bluesky-social/indigo/atproto/atcrypto"
	"github.com/bluesky-social/indigo/atproto/syntax"
	"github.com/ipfs/go-cid"
	"github.com/multiformats/go-multihash"

	"troupe/storage/car"
	"troupe/storage/commit"
	"troupe/storage/dag"
	"troupe/storage/mst"
)

const testDID = syntax.DID("did:plc:ewvi7nxzyoun6zhxrhs64oiz")

// fakePDS answers by method, and remembers what it was asked.
type fakePDS struct {
	*httptest.Server
	answer map[string]http.HandlerFunc

	mu    sync.Mutex
	asked []string
}

func newFakePDS(t *testing.T) *fakePDS {
	f := &fakePDS{answer: map[string]http.HandlerFunc{}}
	f.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		method := r.URL.Path[len("/xrpc/"):]
		f.mu.Lock()
		f.asked = append(f.asked, method)
		h := f.answer[method]
		f.mu.Unlock()
		if h == nil {
			say(w, 501, map[string]string{"error": "MethodNotImplemented"})
			return
		}
		h(w, r)
	}))
	t.Cleanup(f.Close)
	return f
}

func (f *fakePDS) count(method string) (n int) {
	f.mu.Lock()
	defer f.mu.Unlock()
	for _, m := range f.asked {
		if m == method {
			n++
		}
	}
	return n
}

func say(w http.ResponseWriter, status int, v any) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	json.NewEncoder(w).Encode(v)
}

// client is a client of the fake that never waits.
func (f *fakePDS) client(t *testing.T) *server {
	s, err := newServer(f.URL, func(string) {})
	if err != nil {
		t.Fatal(err)
	}
	s.wait = func(ctx context.Context, _ time.Duration) error { return ctx.Err() }
	return s
}

func rawCID(b []byte) cid.Cid {
	sum := sha256.Sum256(b)
	mh, err := multihash.Encode(sum[:], multihash.SHA2_256)
	if err != nil {
		panic(err)
	}
	return cid.NewCidV1(cid.Raw, mh)
}

// testRepo is a signed repository with a record for each blob.
func testRepo(t *testing.T, key atcrypto.PrivateKey, blobs ...[]byte) []byte {
	t.Helper()
	tree := mst.Empty().Edit()
	var records []car.Block
	for i, b := range blobs {
		r := dag.AppendMap(nil, 1)
		r = dag.AppendText(r, "f")
		r = dag.AppendMap(r, 4)
		r = dag.AppendCID(dag.AppendText(r, "ref"), rawCID(b))
		r = dag.AppendInt(dag.AppendText(r, "size"), int64(len(b)))
		r = dag.AppendText(dag.AppendText(r, "$type"), "blob")
		r = dag.AppendText(dag.AppendText(r, "mimeType"), "text/plain")
		block := car.Block{CID: dag.Sum(r), Data: r}
		records = append(records, block)
		if err := tree.Create(fmt.Sprintf("com.example.file/r%d", i), block.CID); err != nil {
			t.Fatal(err)
		}
	}
	made, changes, err := tree.Finish()
	if err != nil {
		t.Fatal(err)
	}
	c, err := commit.Sign(testDID, made.Root(), "3kdgeujwlq32y", key)
	if err != nil {
		t.Fatal(err)
	}
	out := car.AppendHeader(nil, c.CID)
	for _, b := range append(append([]car.Block{c}, changes.New...), records...) {
		out = car.AppendBlock(out, b.CID, b.Data)
	}
	return out
}

// fakePLC names a key and a server for the one DID.
func fakePLC(t *testing.T, key atcrypto.PrivateKey, endpoint string) string {
	public, err := key.PublicKey()
	if err != nil {
		t.Fatal(err)
	}
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch r.URL.Path {
		case "/" + testDID.String():
			say(w, 200, map[string]any{
				"id":                 testDID,
				"verificationMethod": []any{map[string]any{"id": testDID + "#atproto", "type": "Multikey", "controller": testDID, "publicKeyMultibase": public.Multibase()}},
				"service":            []any{map[string]any{"id": "#atproto_pds", "type": "AtprotoPersonalDataServer", "serviceEndpoint": endpoint}},
			})
		case "/" + testDID.String() + "/log/audit":
			say(w, 200, []any{})
		default:
			http.NotFound(w, r)
		}
	}))
	t.Cleanup(s.Close)
	return s.URL
}
