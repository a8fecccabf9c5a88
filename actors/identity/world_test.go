package identity

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/bluesky-social/indigo/atproto/syntax"
	"go.uber.org/goleak"

	"troupe/actors/identity/plc"
	"troupe/actors/mailbox"
)

func TestMain(m *testing.M) {
	slog.SetDefault(slog.New(slog.DiscardHandler)) // indigo's verifier reports retries
	goleak.VerifyTestMain(m)
}

// answer is what a fake host says, and how long it takes.
type answer struct {
	status int
	body   string
	err    error
	takes  time.Duration
}

// world is the network of a test: HTTP answers by URL, TXT records by name.
type world struct {
	mu    sync.Mutex
	web   map[string]answer
	txt   map[string]answer // body: records, one per line
	asked map[string]int
}

func newWorld() *world {
	return &world{web: map[string]answer{}, txt: map[string]answer{}, asked: map[string]int{}}
}

func (w *world) set(m map[string]answer, key string, a answer) {
	w.mu.Lock()
	defer w.mu.Unlock()
	m[key] = a
}

func (w *world) count(key string) int {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.asked[key]
}

func (w *world) look(ctx context.Context, m map[string]answer, key string) (answer, error) {
	w.mu.Lock()
	w.asked[key]++
	a, known := m[key]
	w.mu.Unlock()
	if !known {
		return answer{}, &net.DNSError{Name: key, Err: "no such host", IsNotFound: true}
	}
	select {
	case <-time.After(a.takes):
		return a, a.err
	case <-ctx.Done():
		return answer{}, ctx.Err()
	}
}

// RoundTrip implements http.RoundTripper.
func (w *world) RoundTrip(r *http.Request) (*http.Response, error) {
	a, err := w.look(r.Context(), w.web, r.URL.String())
	if err != nil {
		return nil, err
	}
	return &http.Response{
		StatusCode:    a.status,
		Status:        http.StatusText(a.status),
		Header:        http.Header{},
		ContentLength: -1,
		Body:          io.NopCloser(strings.NewReader(a.body)),
		Request:       r,
	}, nil
}

func (w *world) lookupTXT(ctx context.Context, name string) ([]string, error) {
	a, err := w.look(ctx, w.txt, name)
	if err != nil || a.body == "" {
		return nil, err
	}
	return strings.Split(a.body, "\n"), nil
}

const directoryURL = "https://plc.test"

func (w *world) plc(did syntax.DID, a answer)   { w.set(w.web, plcURL(did), a) }
func plcURL(did syntax.DID) string              { return directoryURL + "/" + did.String() }
func ok(body string) answer                     { return answer{status: 200, body: body} }
func slow(a answer, takes time.Duration) answer { a.takes = takes; return a }

// document is a minimal one, told apart by its alias.
func docOf(did syntax.DID, alias string) string {
	return fmt.Sprintf(`{"@context":["https://www.w3.org/ns/did/v1"],"id":%q,"alsoKnownAs":["at://%s"]}`, did, alias)
}

const (
	alice = syntax.DID("did:plc:aliceaaaaaaaaaaaaaaaaaaa")
	bob   = syntax.DID("did:plc:bobbbbbbbbbbbbbbbbbbbbbb")
)

// server is the actor in a world.
type server struct {
	*world
	t    *testing.T
	at   mailbox.Address[*Identities]
	path string
}

// inWorld runs test in a bubble of virtual time.
func inWorld(t *testing.T, test func(*server), change ...func(*Options)) {
	synctest.Test(t, func(t *testing.T) {
		s := &server{world: newWorld(), t: t, path: filepath.Join(t.TempDir(), "did_cache.sqlite")}
		t.Cleanup(s.start(change...)) // also when test gives up: nothing may be left in the bubble
		test(s)
	})
}

// start spawns the actor; stop ends it, for tests that restart it.
func (s *server) start(change ...func(*Options)) (stop func()) {
	s.t.Helper()
	client := &http.Client{Transport: s.world}
	o := Options{
		Path:    s.path,
		PLC:     plc.NewDirectory(directoryURL, client),
		Web:     client,
		Handles: client,
		DNS:     s.lookupTXT,
		Log:     slog.New(slog.DiscardHandler),
	}
	for _, c := range change {
		c(&o)
	}
	system := mailbox.NewSystem(slog.New(slog.DiscardHandler))
	h, err := mailbox.Spawn(system, "identities", 1000, func(self mailbox.Self) *Identities { return New(self, o) })
	if err != nil {
		s.t.Fatal(err)
	}
	s.at = h.Address()
	return func() {
		if err := h.Stop(context.Background()); err != nil {
			s.t.Error(err)
		}
		system.Shutdown()
	}
}

// did resolves and returns the document's alias.
func (s *server) did(did syntax.DID, fresh bool) (string, error) {
	doc, err := mailbox.Ask(context.Background(), s.at, ResolveDID{DID: did, Fresh: fresh})
	if err != nil {
		return "", err
	}
	return strings.TrimPrefix(doc.AlsoKnownAs[0], "at://"), nil
}

func (s *server) handle(h syntax.Handle) (syntax.DID, error) {
	return mailbox.Ask(context.Background(), s.at, ResolveHandle{Handle: h})
}

func (s *server) wantDID(did syntax.DID, fresh bool, alias string, want error) {
	s.t.Helper()
	got, err := s.did(did, fresh)
	if got != alias || !errors.Is(err, want) {
		s.t.Fatalf("%s: %q, %v; want %q, %v", did, got, err, alias, want)
	}
}

func (s *server) wantHandle(h syntax.Handle, did syntax.DID, want error) {
	s.t.Helper()
	got, err := s.handle(h)
	if got != did || !errors.Is(err, want) {
		s.t.Fatalf("%s: %q, %v; want %q, %v", h, got, err, did, want)
	}
}

func (s *server) wantAsked(key string, times int) {
	s.t.Helper()
	if got := s.count(key); got != times {
		s.t.Fatalf("%s was asked %d times, want %d", key, got, times)
	}
}
