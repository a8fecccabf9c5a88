package resolver

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"path/filepath"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/bluesky-social/indigo/atproto/atcrypto"
	atid "github.com/bluesky-social/indigo/atproto/identity"
	"github.com/bluesky-social/indigo/atproto/repo"
	"github.com/bluesky-social/indigo/atproto/syntax"
	"github.com/ipfs/go-cid"
	"go.uber.org/goleak"

	"troupe/actors/lexicon"
	"troupe/actors/mailbox"
	"troupe/storage/car"
	"troupe/storage/dag"
	"troupe/storage/lexdb"
	"troupe/storage/mst"
)

func TestMain(m *testing.M) {
	lexicon.Embedded()                                                                                             // compiled outside of bubbles
	goleak.VerifyTestMain(m, goleak.IgnoreTopFunction("github.com/ipfs/go-log/writer.(*MirrorWriter).logRoutine")) // of indigo's repo, which signs in tests
}

const (
	thing = syntax.NSID("com.example.thing")
	alice = syntax.DID("did:web:alice.example.net")
	bob   = syntax.DID("did:web:bob.example.net")
)

// schema is a lexicon of a record type with one property of at most so many bytes.
func schema(nsid syntax.NSID, most int, more ...string) string {
	text := fmt.Sprintf(`{"$type":"com.atproto.lexicon.schema","lexicon":1,"id":%q,"defs":{"main":{"type":"record","key":"any","record":
		{"type":"object","required":["text"],"properties":{"text":{"type":"string","maxLength":%d}`, nsid, most)
	for _, m := range more {
		text += "," + m
	}
	return text + `}}}}}`
}

// publication is a signed repository, and what a PDS says of it.
type publication struct {
	did     syntax.DID
	key     atcrypto.PrivateKey // signs
	claims  atcrypto.PrivateKey // is in the DID document
	host    string
	records map[syntax.NSID]string // lexicons
	rev     syntax.TID
	tamper  func(blocks []car.Block, root *cid.Cid) []car.Block
}

func newPublication(t testing.TB, did syntax.DID) *publication {
	t.Helper()
	key, err := atcrypto.GeneratePrivateKeyK256()
	if err != nil {
		t.Fatal(err)
	}
	return &publication{did: did, key: key, claims: key, host: "https://pds.example.net", records: map[syntax.NSID]string{}, rev: "3jzfcijpj2z2a"}
}

// proof is what com.atproto.sync.getRecord answers.
func (p *publication) proof(t testing.TB, path string) []byte {
	t.Helper()
	edit := mst.Empty().Edit()
	records := map[string]car.Block{}
	for i := range 200 { // a tree of several layers around it
		at := fmt.Sprintf("com.example.other/%d", i)
		records[at] = block(t, fmt.Sprintf(`{"$type":"com.example.other","n":%d}`, i))
	}
	for nsid, text := range p.records {
		records[lexiconRecord+"/"+nsid.String()] = block(t, text)
	}
	for at, b := range records {
		if err := edit.Create(at, b.CID); err != nil {
			t.Fatal(err)
		}
	}
	tree, _, err := edit.Finish()
	if err != nil {
		t.Fatal(err)
	}
	commit := repo.Commit{DID: p.did.String(), Version: 3, Data: tree.Root(), Rev: p.rev.String()}
	if err := commit.Sign(p.key); err != nil {
		t.Fatal(err)
	}
	var signed bytes.Buffer
	if err := commit.MarshalCBOR(&signed); err != nil {
		t.Fatal(err)
	}
	nodes, err := tree.Path(path)
	if err != nil {
		t.Fatal(err)
	}
	root := dag.Sum(signed.Bytes())
	all := append([]car.Block{{CID: root, Data: signed.Bytes()}}, nodes...)
	if r, ok := records[path]; ok {
		all = append(all, r)
	}
	if p.tamper != nil {
		all = p.tamper(all, &root)
	}
	out := car.AppendHeader(nil, root)
	for _, b := range all {
		out = car.AppendBlock(out, b.CID, b.Data)
	}
	return out
}

func block(t testing.TB, text string) car.Block {
	t.Helper()
	r, err := dag.FromJSON([]byte(text), dag.RecordLimits)
	if err != nil {
		t.Fatal(err)
	}
	return car.Block{CID: dag.Sum(r.Bytes), Data: r.Bytes}
}

func (p *publication) document(t testing.TB) *atid.DIDDocument {
	t.Helper()
	public, err := p.claims.PublicKey()
	if err != nil {
		t.Fatal(err)
	}
	return &atid.DIDDocument{
		DID:                p.did,
		VerificationMethod: []atid.DocVerificationMethod{{ID: p.did.String() + "#atproto", Type: "Multikey", Controller: p.did.String(), PublicKeyMultibase: public.Multibase()}},
		Service:            []atid.DocService{{ID: "#atproto_pds", Type: "AtprotoPersonalDataServer", ServiceEndpoint: p.host}},
	}
}

// world is the network of a test.
type world struct {
	t      *testing.T
	mu     sync.Mutex
	names  map[string][]string // TXT records
	pubs   map[syntax.DID]*publication
	old    map[syntax.DID]*atid.DIDDocument // what a cache says
	down   error
	panics bool          // instead of any answer
	takes  time.Duration // every answer
	asked  int           // requests for records
}

func newWorld(t *testing.T) *world {
	return &world{t: t, names: map[string][]string{}, pubs: map[syntax.DID]*publication{}, old: map[syntax.DID]*atid.DIDDocument{}}
}

func (w *world) change(fn func()) {
	w.mu.Lock()
	defer w.mu.Unlock()
	fn()
}

func (w *world) count() int {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.asked
}

// publish makes a domain the authority's and gives it a repository.
func (w *world) publish(domain string, did syntax.DID) *publication {
	p := newPublication(w.t, did)
	w.change(func() {
		w.names["_lexicon."+domain] = []string{"v=spf1", "did=" + did.String()}
		w.pubs[did] = p
	})
	return p
}

func (w *world) wait(ctx context.Context) error {
	w.mu.Lock()
	takes, down, panics := w.takes, w.down, w.panics
	w.mu.Unlock()
	if panics {
		panic("injected")
	}
	select {
	case <-time.After(takes):
		return down
	case <-ctx.Done():
		return ctx.Err()
	}
}

func (w *world) dns(ctx context.Context, name string) ([]string, error) {
	if err := w.wait(ctx); err != nil {
		return nil, err
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	if all, ok := w.names[name]; ok {
		return all, nil
	}
	return nil, &net.DNSError{Name: name, Err: "no such host", IsNotFound: true}
}

func (w *world) document(ctx context.Context, did syntax.DID, fresh bool) (*atid.DIDDocument, error) {
	if err := w.wait(ctx); err != nil {
		return nil, err
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	if doc := w.old[did]; doc != nil && !fresh {
		return doc, nil
	}
	if p := w.pubs[did]; p != nil {
		return p.document(w.t), nil
	}
	return nil, atid.ErrDIDNotFound
}

// RoundTrip implements http.RoundTripper: every PDS there is.
func (w *world) RoundTrip(r *http.Request) (*http.Response, error) {
	w.change(func() { w.asked++ })
	if err := w.wait(r.Context()); err != nil {
		return nil, err
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	q := r.URL.Query()
	p := w.pubs[syntax.DID(q.Get("did"))]
	if r.URL.Path != "/xrpc/com.atproto.sync.getRecord" || q.Get("collection") != lexiconRecord {
		return nil, errors.New("unexpected request: " + r.URL.String())
	}
	status, body := http.StatusBadRequest, []byte(`{"error":"RepoNotFound"}`)
	if p != nil && p.host == "https://"+r.URL.Host {
		status, body = http.StatusOK, p.proof(w.t, lexiconRecord+"/"+q.Get("rkey"))
	}
	return &http.Response{StatusCode: status, ContentLength: int64(len(body)), Body: io.NopCloser(bytes.NewReader(body)), Header: http.Header{}, Request: r}, nil
}

func (w *world) options() Options {
	return Options{
		Path: filepath.Join(w.t.TempDir(), lexdb.FileName), DNS: w.dns, Document: w.document,
		Web: &http.Client{Transport: w}, Log: slog.New(slog.DiscardHandler), Dev: true,
	}
}

// server is the actor in a world.
type server struct {
	*world
	o  Options
	at mailbox.Address[*Lexicons]
}

// inWorld runs test in a bubble of virtual time.
func inWorld(t *testing.T, test func(*server), change ...func(*Options)) {
	synctest.Test(t, func(t *testing.T) {
		s := &server{world: newWorld(t)}
		s.o = s.options()
		for _, c := range change {
			c(&s.o)
		}
		stop := s.start()
		defer func() { stop() }()
		test(s)
	})
}

// start spawns the actor; stop ends it, for tests that restart it.
func (s *server) start() (stop func()) {
	s.t.Helper()
	system := mailbox.NewSystem(slog.New(slog.DiscardHandler))
	h, err := Spawn(system, s.o)
	if err != nil {
		s.t.Fatal(err)
	}
	s.at = h.Address()
	return sync.OnceFunc(func() {
		if err := h.Stop(context.Background()); err != nil {
			s.t.Error(err)
		}
		system.Shutdown()
	})
}

// most reads from a schema how long a text may be; 0: unknown.
func (s *server) most(nsid syntax.NSID, wait bool) int {
	c, ok := NewTypes(s.at).Record(context.Background(), nsid, wait)
	if !ok {
		return 0
	}
	text := ""
	for n := range 100 {
		if err := c.CheckRecord(nsid, "a", map[string]any{"$type": nsid.String(), "text": text}); err != nil {
			return n - 1
		}
		text += "x"
	}
	return -1
}

// want resolves and compares.
func (s *server) want(nsid syntax.NSID, wait bool, most int) {
	s.t.Helper()
	if got := s.most(nsid, wait); got != most {
		s.t.Fatalf("%s: texts of at most %d, want %d (0: unknown)", nsid, got, most)
	}
}
