package main

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"log/slog"
	"net"
	nethttp "net/http"
	"net/http/httptest"
	"net/netip"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/bluesky-social/indigo/atproto/atcrypto"
	"github.com/bluesky-social/indigo/atproto/syntax"
	"github.com/did-method-plc/go-didplc/didplc"

	"troupe/actors/account"
	"troupe/actors/identity/plc"
	"troupe/actors/outbound/outboundtest"
	"troupe/cmd/pds/devnet"
)

// innerWorld is a server as it runs in production, with a directory of its own
// and a DNS that says what the targets need, and canaries on internal addresses.
type innerWorld struct {
	t        *testing.T
	server   *Server
	plc      *plc.Directory
	rotation atcrypto.PrivateKey
	token    string
	canary   string       // port
	visits   atomic.Int64 // of any canary
	turns    *turner      // what the operator's services answer
	crawlers *crawlers
	log      safeBuffer
	dids     map[string]syntax.DID // by target
	looked   sync.Map              // names that the DNS was asked for
}

type safeBuffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (s *safeBuffer) Write(p []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.b.Write(p)
}

func (s *safeBuffer) take() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	defer s.b.Reset()
	return s.b.String()
}

// turner is a service that the operator named and that has been turned: it sends
// whoever asks elsewhere.
type turner struct {
	mu    sync.Mutex
	to    string // URL; "": it does as it should
	asked int
	next  nethttp.Handler
}

func (u *turner) set(to string) (asked int) {
	u.mu.Lock()
	defer u.mu.Unlock()
	asked, u.asked, u.to = u.asked, 0, to
	return asked
}

func (u *turner) ServeHTTP(w nethttp.ResponseWriter, r *nethttp.Request) {
	u.mu.Lock()
	to := u.to
	u.asked++
	u.mu.Unlock()
	if to == "" && u.next != nil {
		u.next.ServeHTTP(w, r)
		return
	}
	w.Header()["Location"] = []string{to + r.URL.RequestURI()}
	w.WriteHeader(nethttp.StatusTemporaryRedirect)
}

// crawlers are relays, one a target, that send whoever notifies them on to it.
type crawlers struct {
	mu    sync.Mutex
	asked map[int]bool
	port  string // of the canary
}

func (c *crawlers) ServeHTTP(w nethttp.ResponseWriter, r *nethttp.Request) {
	var i int
	fmt.Sscanf(r.URL.Path, "/%d/", &i)
	c.mu.Lock()
	c.asked[i] = true
	c.mu.Unlock()
	w.Header()["Location"] = []string{"http://" + strings.ReplaceAll(internalTargets[i].host, "CANARY", c.port) + "/"}
	w.WriteHeader(nethttp.StatusTemporaryRedirect)
}

func (c *crawlers) has(i int) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.asked[i]
}

func newInnerWorld(t *testing.T) *innerWorld {
	w := &innerWorld{t: t, turns: &turner{}, dids: map[string]syntax.DID{}}
	w.listen("127.0.0.1:0")
	for _, at := range []string{"127.0.0.1:443", "127.0.0.1:80", "[::1]:443"} {
		w.listen(at) // where the machine lets us: these ports are the ones that are dialled
	}
	w.nameserver()
	directory, err := devnet.OpenPLC(devnet.PLCOptions{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { directory.Close() })
	plcURL, err := directory.Listen("127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	w.plc = plc.NewDirectory(plcURL, nethttp.DefaultClient)
	w.turns.next = nethttp.HandlerFunc(func(rw nethttp.ResponseWriter, r *nethttp.Request) {
		pass(rw, r, plcURL)
	})
	turned := httptest.NewServer(w.turns)
	t.Cleanup(turned.Close)
	w.crawlers = &crawlers{asked: map[int]bool{}, port: w.canary}
	relays := httptest.NewServer(w.crawlers)
	t.Cleanup(relays.Close)
	var relayURLs []string
	for i := range internalTargets {
		relayURLs = append(relayURLs, fmt.Sprintf("%s/%d", relays.URL, i))
	}
	if w.rotation, err = atcrypto.GeneratePrivateKeyK256(); err != nil {
		t.Fatal(err)
	}
	s, err := newSettings(map[string]string{
		"PDS_DATA_DIRECTORY": filepath.Join(t.TempDir(), "data"), "PDS_HOSTNAME": "pds.example.com", "PDS_DID_PLC_URL": turned.URL,
		"PDS_JWT_SECRET": "secret", "PDS_ADMIN_PASSWORD": "admin", "PDS_INVITE_REQUIRED": "false", "PDS_LEXICON_RESOLUTION": "true",
		"PDS_PLC_ROTATION_KEY_K256_PRIVATE_KEY_HEX": fmt.Sprintf("%x", w.rotation.(*atcrypto.PrivateKeyK256).Bytes()),
		"PDS_BSKY_APP_VIEW_URL":                     turned.URL, "PDS_BSKY_APP_VIEW_DID": "did:web:view.example.com",
		"PDS_CRAWLERS": strings.Join(relayURLs, ","), "PDS_ID_RESOLVER_TIMEOUT": "2000", "PDS_PROXY_HEADERS_TIMEOUT": "2000",
	}, nil, "")
	if err != nil {
		t.Fatal(err)
	}
	c, err := readConfig(s)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	w.server, err = NewServer(ctx, c, Extra{}, slog.New(slog.NewTextHandler(&w.log, nil)))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		cancel()
		w.server.http.Shutdown(context.Background())
		w.server.closer.closeAll(context.Background())
	})
	status, body := w.ask("POST", "com.atproto.server.createAccount", `{"handle":"alice.pds.example.com","email":"a@example.com","password":"alice-password"}`)
	if status != 200 {
		t.Fatalf("createAccount: %d %s", status, body)
	}
	did := between(body, `"did":"`, `"`)
	tokens := account.Tokens{Secret: []byte(c.JWTSecret), ServiceDID: c.DID}
	if w.token, err = tokens.MintAccess(syntax.DID(did), account.ScopeAccess); err != nil {
		t.Fatal(err)
	}
	for _, target := range internalTargets {
		w.declare(target.host)
	}
	w.log.take()
	return w
}

// listen opens a canary: a service that nobody may visit.
func (w *innerWorld) listen(at string) {
	l, err := net.Listen("tcp", at)
	if err != nil {
		return
	}
	if w.canary == "" {
		_, w.canary, _ = net.SplitHostPort(l.Addr().String())
	}
	w.t.Cleanup(func() { l.Close() })
	go func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			w.visits.Add(1)
			c.Close()
		}
	}()
}

// nameserver answers every question of the process as the targets say.
func (w *innerWorld) nameserver() {
	before := net.DefaultResolver
	w.t.Cleanup(func() { net.DefaultResolver = before })
	dns := &outboundtest.DNS{Lookup: func(name string) (outboundtest.Answer, bool) {
		w.looked.Store(name, true)
		if domain, ok := strings.CutPrefix(name, "_lexicon."); ok {
			did := w.dids[w.spelled(lexiconTarget(domain))]
			return outboundtest.Answer{TXT: []string{"did=" + did.String()}}, did != ""
		}
		for _, target := range internalTargets {
			host, _, _ := strings.Cut(target.host, ":")
			if host != name || target.addresses == "" {
				continue
			}
			var a outboundtest.Answer
			for s := range strings.FieldsSeq(target.addresses) {
				a.Addrs = append(a.Addrs, netip.MustParseAddr(s))
			}
			return a, true
		}
		// A lenient resolver that takes any spelling for an address.
		if !strings.HasSuffix(name, "example.com") && !strings.HasPrefix(name, "_") {
			return outboundtest.Answer{Addrs: []netip.Addr{netip.MustParseAddr("127.0.0.1")}}, true
		}
		return outboundtest.Answer{}, false
	}}
	net.DefaultResolver = dns.Resolver()
}

// lexiconTarget is the target that a domain of lexicons stands for.
func lexiconTarget(domain string) string {
	var i int
	if _, err := fmt.Sscanf(domain, "lex%d.example.org", &i); err != nil || i >= len(internalTargets) {
		return ""
	}
	return internalTargets[i].host
}

// declare makes a DID whose services are all at one target.
func (w *innerWorld) declare(host string) {
	url := "https://" + w.spelled(host)
	pub, err := w.rotation.PublicKey()
	if err != nil {
		w.t.Fatal(err)
	}
	op := &didplc.RegularOp{
		Type: "plc_operation", RotationKeys: plc.RotationKeys(pub), AlsoKnownAs: []string{},
		VerificationMethods: map[string]string{"atproto": pub.DIDKey()},
		Services: map[string]didplc.OpService{
			"x": {Type: "X", Endpoint: url}, "atproto_labeler": {Type: "AtprotoLabeler", Endpoint: url},
			"bsky_notif": {Type: "BskyNotificationService", Endpoint: url}, "atproto_pds": {Type: plc.ServiceType, Endpoint: url},
		},
	}
	signed, err := plc.Sign(op, w.rotation)
	if err != nil {
		w.t.Fatal(err)
	}
	did, err := op.DID()
	if err != nil {
		w.t.Fatal(err)
	}
	if err := w.plc.Submit(context.Background(), syntax.DID(did), signed); err != nil {
		w.t.Fatalf("%s: %v", url, err)
	}
	w.dids[w.spelled(host)] = syntax.DID(did)
}

// spelled is a target as it stands in a URL.
func (w *innerWorld) spelled(host string) string { return strings.ReplaceAll(host, "CANARY", w.canary) }

func (w *innerWorld) ask(verb, path, body string, header ...string) (status int, answer string) {
	w.t.Helper()
	r := httptest.NewRequest(verb, "/xrpc/"+path, strings.NewReader(body))
	if body != "" {
		r.Header.Set("Content-Type", "application/json")
	} else {
		r.Body, r.ContentLength = nethttp.NoBody, 0
	}
	if w.token != "" {
		r.Header.Set("Authorization", "Bearer "+w.token)
	}
	for i := 0; i < len(header); i += 2 {
		r.Header.Set(header[i], header[i+1])
	}
	rw := httptest.NewRecorder()
	w.server.http.Handler().ServeHTTP(rw, r)
	return rw.Code, rw.Body.String()
}

func between(s, from, to string) string {
	_, s, _ = strings.Cut(s, from)
	s, _, _ = strings.Cut(s, to)
	return s
}

func pass(w nethttp.ResponseWriter, r *nethttp.Request, to string) {
	q, _ := nethttp.NewRequest(r.Method, to+r.URL.RequestURI(), r.Body)
	q.Header = r.Header
	resp, err := nethttp.DefaultClient.Do(q)
	if err != nil {
		w.WriteHeader(502)
		return
	}
	defer resp.Body.Close()
	w.Header().Set("Content-Type", resp.Header.Get("Content-Type"))
	w.WriteHeader(resp.StatusCode)
	io.Copy(w, resp.Body)
}

// turn makes the operator's services send everybody to a target.
func (w *innerWorld) turn(host string) {
	w.turns.set("http://" + host)
}

func escape(s string) string {
	return strings.NewReplacer("%", "%25", "&", "%26", "#", "%23", " ", "%20", "+", "%2B").Replace(s)
}
