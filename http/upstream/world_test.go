package upstream

import (
	"bytes"
	"context"
	"crypto/tls"
	"errors"
	"io"
	"log"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"regexp"
	"sync"
	"testing"
	"time"

	"github.com/bluesky-social/indigo/atproto/atcrypto"
	atid "github.com/bluesky-social/indigo/atproto/identity"
	"github.com/bluesky-social/indigo/atproto/syntax"
	"github.com/golang-jwt/jwt/v5"
	"go.uber.org/goleak"

	"troupe/actors/lexicon"
	"troupe/actors/repo"
	"troupe/http/xrpc"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const (
	viewDID  syntax.DID = "did:web:view.test"
	modDID   syntax.DID = "did:web:mod.test"
	aliceDID syntax.DID = "did:plc:ewvi7nxzyoun6zhxrhs64oiz"
)

// view is an upstream that records what it is sent, byte by byte, and answers
// what a test says.
type view struct {
	*httptest.Server
	answer http.HandlerFunc

	mu    sync.Mutex
	heads []string // request line and headers as they came
	seen  []*http.Request
	body  []string
	conns int
}

func newView(t *testing.T, answer http.HandlerFunc) *view { return startView(t, answer, nil) }

func startView(t *testing.T, answer http.HandlerFunc, secure *tls.Config) *view {
	t.Helper()
	v := &view{answer: answer}
	v.Server = httptest.NewUnstartedServer(v)
	v.Listener = &tap{Listener: v.Listener, v: v}
	v.Config.ErrorLog = log.New(io.Discard, "", 0)
	if secure != nil {
		v.EnableHTTP2 = true
		v.StartTLS()
	} else {
		v.Start()
	}
	t.Cleanup(v.Close)
	return v
}

func (v *view) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	body, _ := io.ReadAll(r.Body)
	v.mu.Lock()
	v.seen = append(v.seen, r)
	v.body = append(v.body, string(body))
	v.mu.Unlock()
	if v.answer == nil {
		w.Header().Set("Content-Type", "application/json")
		io.WriteString(w, `{"ok":true}`)
		return
	}
	v.answer(w, r)
}

// last is the request that came last, as bytes and as it was understood.
func (v *view) last(t *testing.T) (head string, r *http.Request, body string) {
	t.Helper()
	v.mu.Lock()
	defer v.mu.Unlock()
	if len(v.seen) == 0 {
		t.Fatal("the upstream was not asked")
	}
	if len(v.heads) > 0 {
		head = v.heads[len(v.heads)-1]
	}
	return head, v.seen[len(v.seen)-1], v.body[len(v.body)-1]
}

func (v *view) asked() int {
	v.mu.Lock()
	defer v.mu.Unlock()
	return len(v.seen)
}

// tap listens in on the connections of a view.
type tap struct {
	net.Listener
	v *view
}

func (l *tap) Accept() (net.Conn, error) {
	c, err := l.Listener.Accept()
	if err != nil {
		return nil, err
	}
	l.v.mu.Lock()
	l.v.conns++
	l.v.mu.Unlock()
	return &tapped{Conn: c, v: l.v}, nil
}

type tapped struct {
	net.Conn
	v   *view
	got []byte
}

var requestLine = regexp.MustCompile(`(GET|HEAD|POST) \S+ HTTP/1\.1\r\n`)

func (c *tapped) Read(p []byte) (int, error) {
	n, err := c.Conn.Read(p)
	c.got = append(c.got, p[:n]...)
	if end := bytes.Index(c.got, []byte("\r\n\r\n")); end >= 0 {
		if begin := requestLine.FindIndex(c.got[:end]); begin != nil { // behind what is left of a body
			c.v.mu.Lock()
			c.v.heads = append(c.v.heads, string(c.got[begin[0]:end+2]))
			c.v.mu.Unlock()
		}
		c.got = nil // what follows is a body, or a request that begins in a later read
	}
	return n, err
}

// world is a client with everything around it that is not under test.
type world struct {
	*Client
	t    *testing.T
	key  *atcrypto.PrivateKeyK256
	docs map[syntax.DID]*atid.DIDDocument
	down map[syntax.DID]bool
}

func newWorld(t *testing.T, v *view, change func(*Options)) *world {
	t.Helper()
	key, err := atcrypto.GeneratePrivateKeyK256()
	if err != nil {
		t.Fatal(err)
	}
	w := &world{t: t, key: key, docs: map[syntax.DID]*atid.DIDDocument{}, down: map[syntax.DID]bool{}}
	o := Options{
		Sign: func(_ context.Context, did syntax.DID, m repo.SignServiceAuth) (string, error) {
			return jwt.NewWithClaims(jwt.GetSigningMethod("ES256K"), jwt.MapClaims{
				"iss": did.String(), "aud": m.Audience, "lxm": m.Lexicon.String(), "exp": m.Expires.Unix(),
			}).SignedString(key)
		},
		Resolve: func(_ context.Context, did syntax.DID) (*atid.DIDDocument, error) {
			if doc := w.docs[did]; doc != nil {
				return doc, nil
			}
			return nil, errors.New("no such DID")
		},
		Takendown: func(did syntax.DID) bool { return w.down[did] },
	}
	if v != nil {
		o.AppView = Named{viewDID, v.URL}
	}
	if change != nil {
		change(&o)
	}
	w.Client = New(o)
	t.Cleanup(w.Close)
	return w
}

// declare puts a service into the document of a DID.
func (w *world) declare(did syntax.DID, id, kind, url string) {
	w.docs[did] = &atid.DIDDocument{DID: did, Service: []atid.DocService{{ID: id, Type: kind, ServiceEndpoint: url}}}
}

// call has h answer one request that comes through a server like the product's.
func (w *world) call(method, target string, header http.Header, body io.Reader, h func(http.ResponseWriter, *http.Request) error) *http.Response {
	w.t.Helper()
	s := httptest.NewServer(w.server(h))
	defer s.Close()
	r, err := http.NewRequest(method, s.URL+target, body)
	if err != nil {
		w.t.Fatal(err)
	}
	for name, values := range header {
		r.Header[name] = values
	}
	client := &http.Client{Transport: &http.Transport{DisableCompression: true}, CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	defer client.CloseIdleConnections()
	resp, err := client.Do(r)
	if errors.Is(err, io.EOF) { // cut before the header was sent
		return &http.Response{Body: io.NopCloser(failing{err})}
	}
	if err != nil {
		w.t.Fatal(err)
	}
	defer resp.Body.Close()
	text, err := io.ReadAll(resp.Body)
	resp.Body = io.NopCloser(bytes.NewReader(text))
	if err != nil {
		resp.Body = io.NopCloser(io.MultiReader(bytes.NewReader(text), failing{err}))
	}
	return resp
}

type failing struct{ error }

func (f failing) Read([]byte) (int, error) { return 0, f.error }

func (w *world) server(h func(http.ResponseWriter, *http.Request) error) http.Handler {
	return xrpc.NewServer(nil, lexicon.Embedded(), func(err error) *xrpc.Error {
		var r *Refusal
		if errors.As(err, &r) {
			return r.Public()
		}
		return nil
	}, xrpc.Options{Log: slog.New(slog.DiscardHandler), Fallback: http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
		if err := h(rw, r); err != nil {
			xrpc.Fail(r, err)
		}
	})})
}

// pass passes a request on to its target as Alice.
func (w *world) pass(rw http.ResponseWriter, r *http.Request) error {
	call := xrpc.CallOf(r.Context())
	to, err := w.Target(r.Context(), call)
	if err != nil {
		return err
	}
	a, err := w.Pass(r.Context(), call, to, aliceDID)
	if err != nil {
		return err
	}
	return a.WriteTo(rw)
}

func text(t *testing.T, resp *http.Response) string {
	t.Helper()
	b, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

// claims reads a service token, whose signature must be that of the account.
func (w *world) claims(r *http.Request) jwt.MapClaims {
	w.t.Helper()
	pub, _ := w.key.PublicKey()
	var c jwt.MapClaims
	_, err := jwt.ParseWithClaims(r.Header.Get("Authorization")[len("Bearer "):], &c, func(*jwt.Token) (any, error) { return pub, nil },
		jwt.WithValidMethods([]string{"ES256K"}), jwt.WithTimeFunc(func() time.Time { return time.Now() }))
	if err != nil {
		w.t.Fatalf("service token: %v", err)
	}
	return c
}
