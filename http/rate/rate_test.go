package rate

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/bluesky-social/indigo/atproto/syntax"

	"troupe/actors/lexicon"
	"troupe/http/xrpc"
)

type owner struct{ did string }

func (o owner) RateDID() string { return o.did }

type batch struct {
	Repo   string `json:"repo"`
	Writes []any  `json:"writes"`
}

func (b batch) RateCost() int64 { return 3 * int64(len(b.Writes)) }

type signIn struct {
	Identifier string `json:"identifier"`
	Password   string `json:"password"`
}

func (s signIn) RateName() string { return s.Identifier }

// desk is a server of four methods, and a clock.
type desk struct {
	*testing.T
	*Limiter
	now  time.Time
	http *xrpc.Server
}

func newDesk(t *testing.T, o Options) *desk {
	t.Helper()
	d := &desk{T: t, now: time.Unix(1_800_000_000, 0)}
	o.Now = func() time.Time { return d.now }
	d.Limiter = New(o)
	asOwner := func(c *xrpc.Call) (owner, error) { return owner{c.Request.Header.Get("Authorization")}, nil }
	nobody := func(*xrpc.Call) (struct{}, error) { return struct{}{}, nil }
	routes := []xrpc.Route{
		xrpc.Procedure("com.atproto.repo.applyWrites", asOwner, func(context.Context, owner, batch) (map[string]string, error) { return nil, nil }, EachWrite()),
		xrpc.Procedure("com.atproto.server.activateAccount", asOwner, func(context.Context, owner, xrpc.None) (xrpc.None, error) { return xrpc.None{}, nil }, Writes(CreateCost)),
		xrpc.Procedure("com.atproto.server.createSession", nobody, func(_ context.Context, _ struct{}, in signIn) (map[string]string, error) {
			return nil, &xrpc.Error{Status: 401}
		}, ByNameAndClient(Per5Min(30), PerDay(300)), ByName(PerHour(500))),
		xrpc.Query("com.atproto.sync.getRepo", nobody, func(context.Context, struct{}, struct {
			DID   syntax.DID `query:"did"`
			Since string     `query:"since"`
		}) (xrpc.Stream, error) {
			return xrpc.Stream{Write: func(context.Context, io.Writer) error { return nil }}, nil
		}, Alone(Per5Min(6000))),
	}
	d.http = xrpc.NewServer(routes, lexicon.Embedded(), nil, xrpc.Options{Limit: d.Routes(routes), Log: slog.New(slog.DiscardHandler)})
	return d
}

// ask asks from an address, as an account if there is one, and returns status and tightest bound.
func (d *desk) ask(from, as, method, body string, header ...string) *httptest.ResponseRecorder {
	d.Helper()
	r := httptest.NewRequest(http.MethodPost, "/xrpc/com.atproto."+method, strings.NewReader(body))
	if strings.HasPrefix(method, "sync.") {
		r = httptest.NewRequest(http.MethodGet, "/xrpc/com.atproto."+method, nil)
	} else if body != "" {
		r.Header.Set("Content-Type", "application/json")
	}
	r.RemoteAddr = netip.AddrPortFrom(netip.MustParseAddr(from), 4711).String()
	if as != "" {
		r.Header.Set("Authorization", as)
	}
	for _, h := range header {
		k, v, _ := strings.Cut(h, ": ")
		r.Header.Set(k, v)
	}
	w := httptest.NewRecorder()
	d.http.ServeHTTP(w, r)
	return w
}

// want asks and compares status and the four headers, "" for a status without them.
func (d *desk) want(status int, bound string, w *httptest.ResponseRecorder) {
	d.Helper()
	h := w.Header()
	got := ""
	if h.Get("RateLimit-Limit") != "" {
		got = fmt.Sprintf("%s left of %s, %s, resets in ", h.Get("RateLimit-Remaining"), h.Get("RateLimit-Limit"), h.Get("RateLimit-Policy"))
		var at int64
		fmt.Sscan(h.Get("RateLimit-Reset"), &at)
		got += fmt.Sprint(at - d.now.Unix())
	}
	if w.Code != status || got != bound {
		d.Errorf("%d %q %s\nwant %d %q", w.Code, got, w.Body, status, bound)
	}
	if retry := h.Get("Retry-After"); (retry != "") != (status == 429) {
		d.Errorf("%d with Retry-After %q", status, retry)
	}
	if status == 429 && w.Body.String() != `{"error":"RateLimitExceeded","message":"Rate Limit Exceeded"}` {
		d.Errorf("429 %s", w.Body)
	}
}

func (d *desk) status(want int, w *httptest.ResponseRecorder) {
	d.Helper()
	if w.Code != want {
		d.Errorf("%d %s, want %d", w.Code, w.Body, want)
	}
}

const (
	alice = "did:plc:alice"
	bob   = "did:plc:bob"
	home  = "203.0.113.5"
)

func writes(n int) string {
	return `{"repo":"did:plc:alice","writes":[` + strings.TrimSuffix(strings.Repeat(`{"$type":"com.atproto.repo.applyWrites#delete","collection":"a.b.c","rkey":"a"},`, n), ",") + `]}`
}

func TestWritesOfAnAccount(t *testing.T) {
	d := newDesk(t, Options{})
	const apply, one = "repo.applyWrites", "server.activateAccount"
	d.want(200, "2999 left of 3000, 3000;w=300, resets in 300", d.ask(home, bob, apply, writes(1)))
	for range 8 {
		d.status(200, d.ask(home, alice, apply, writes(200)))
	}
	d.want(429, "0 left of 5000, 5000;w=3600, resets in 3600", d.ask(home, alice, apply, writes(200)))
	d.want(200, "197 left of 5000, 5000;w=3600, resets in 3600", d.ask(home, alice, one, "")) // there is still room for less
	d.want(200, "2 left of 5000, 5000;w=3600, resets in 3600", d.ask("198.51.100.1", alice, apply, writes(65)))
	d.now = d.now.Add(10 * time.Minute)
	d.want(429, "0 left of 5000, 5000;w=3600, resets in 3000", d.ask(home, alice, one, ""))
	d.want(200, "2999 left of 3000, 3000;w=300, resets in 300", d.ask("198.51.100.2", bob, one, "")) // another account
	d.want(200, "2998 left of 3000, 3000;w=300, resets in 300", d.ask("198.51.100.2", "did:plc:carol", apply, writes(0)))
	// What was refused did not count for the day: seven hours of 4998, and not of more.
	for range 6 {
		d.now = d.now.Add(time.Hour)
		for range 7 {
			d.ask(home, alice, apply, writes(238))
		}
	}
	d.now = d.now.Add(time.Hour)
	d.want(200, "8 left of 35000, 35000;w=86400, resets in 60600", d.ask(home, alice, apply, writes(2)))
	d.want(429, "0 left of 35000, 35000;w=86400, resets in 60600", d.ask(home, alice, apply, writes(3)))
	d.want(200, "2 left of 35000, 35000;w=86400, resets in 60600", d.ask(home, alice, apply, writes(2)))
	d.now = d.now.Add(60600 * time.Second)
	d.want(200, "2999 left of 3000, 3000;w=300, resets in 300", d.ask(home, alice, one, ""))
}

func TestSigningIn(t *testing.T) {
	d := newDesk(t, Options{})
	try := func(name, from string) *httptest.ResponseRecorder {
		return d.ask(from, "", "server.createSession", `{"identifier":"`+name+`","password":"x"}`)
	}
	for range 30 {
		d.status(401, try("alice", home))
	}
	d.want(429, "0 left of 30, 30;w=300, resets in 300", try("alice", home))
	d.want(401, "29 left of 30, 30;w=300, resets in 300", try("bob", home))
	d.want(401, "29 left of 30, 30;w=300, resets in 300", try("alice", "198.51.100.1"))
	d.want(429, "0 left of 30, 30;w=300, resets in 300", try("alice", "::ffff:"+home))
	for range 9 {
		d.now = d.now.Add(5 * time.Minute)
		for range 40 { // those refused do not use up the day
			try("alice", home)
		}
	}
	d.now = d.now.Add(5 * time.Minute)
	d.want(429, "0 left of 300, 300;w=86400, resets in 83400", try("alice", home))
	d.want(401, "29 left of 30, 30;w=300, resets in 300", try("alice", "198.51.100.1"))
}

// Whoever has many addresses guesses no more often at one account.
func TestSigningInFromEverywhere(t *testing.T) {
	d := newDesk(t, Options{})
	n := 0
	for i := range 600 {
		w := d.ask(fmt.Sprintf("10.%d.%d.1", 200+i/250, i%250), "", "server.createSession", `{"identifier":"alice","password":"x"}`)
		if w.Code == 401 {
			n++
		}
	}
	if n != 500 {
		t.Errorf("%d guesses in an hour, want 500", n)
	}
	d.now = d.now.Add(time.Hour)
	d.status(401, d.ask(home, "", "server.createSession", `{"identifier":"alice","password":"x"}`))
}

func TestClients(t *testing.T) {
	d := newDesk(t, Options{BypassKey: "open sesame", Bypass: []netip.Prefix{netip.MustParsePrefix("192.0.2.0/30")}})
	const one, unknown = "server.activateAccount", "server.describeServer"
	for i := range 3000 {
		d.ask(fmt.Sprintf("2001:db8:1:2::%x", i), fmt.Sprintf("did:plc:%d", i), one, "")
	}
	const out = "0 left of 3000, 3000;w=300, resets in 300"
	d.want(429, out, d.ask("2001:db8:1:2:ffff::1", bob, one, "")) // one /64 is one client
	d.want(200, "2999 left of 3000, 3000;w=300, resets in 300", d.ask("2001:db8:1:3::1", bob, one, ""))
	d.want(200, "5999 left of 6000, 6000;w=300, resets in 300", d.ask("2001:db8:1:2::1", "", "sync.getRepo?did=did:plc:alice", ""))
	d.want(200, "", d.ask("2001:db8:1:2::1", bob, one, "", "x-ratelimit-bypass: open sesame"))
	d.want(429, out, d.ask("2001:db8:1:2::1", bob, one, "", "x-ratelimit-bypass: open sesam"))
	d.want(429, out, d.ask("2001:db8:1:2::1", bob, one, "", "x-ratelimit-bypass: "))
	d.want(200, "", d.ask("192.0.2.3", bob, one, ""))
	d.want(200, "2999 left of 3000, 3000;w=300, resets in 300", d.ask("192.0.2.4", bob, one, ""))
	d.want(400, "", d.ask("192.0.2.4", "", "server.createSession", `{"identifier":1}`)) // not counted: the body comes first
	d.want(200, "2998 left of 3000, 3000;w=300, resets in 300", d.ask("192.0.2.4", bob, one, ""))
	d.now = d.now.Add(5*time.Minute - 1)
	d.want(429, "0 left of 3000, 3000;w=300, resets in 1", d.ask("2001:db8:1:2::1", bob, one, ""))
	d.now = d.now.Add(1)
	d.want(200, "2999 left of 3000, 3000;w=300, resets in 300", d.ask("2001:db8:1:2::1", bob, one, ""))
}

// What no route answers is counted before it is handed on.
func TestMethodsOfOthers(t *testing.T) {
	l := New(Options{})
	limit := l.Routes(nil)
	s := xrpc.NewServer(nil, lexicon.Embedded(), nil, xrpc.Options{Limit: limit, Log: slog.New(slog.DiscardHandler),
		Fallback: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { w.WriteHeader(http.StatusTeapot) })})
	last := 0
	for n := range 3001 {
		r := httptest.NewRequest(http.MethodGet, "/xrpc/app.bsky.feed.getTimeline", nil)
		w := httptest.NewRecorder()
		s.ServeHTTP(w, r)
		if last = w.Code; (n < 3000) != (last == http.StatusTeapot) {
			t.Fatalf("request %d: %d", n+1, last)
		}
	}
	if last != 429 {
		t.Errorf("the last: %d", last)
	}
}

func TestSignUps(t *testing.T) {
	d := newDesk(t, Options{Bypass: []netip.Prefix{netip.MustParsePrefix("192.0.2.1/32")}})
	s := d.SignUps(PerDay(2), PerHour(3))
	take := func(from string) (func(), error) { return s.Take(call(from)) }
	fail, err := take(home)
	if err != nil {
		t.Fatal(err)
	}
	fail() // as if it had not been
	for i, c := range []struct {
		from string
		ok   bool
	}{{home, true}, {home, true}, {home, false}, {"198.51.100.1", true}, {"198.51.100.2", false}, {"192.0.2.1", true}} {
		if _, err := take(c.from); (err == nil) != c.ok {
			t.Errorf("%d: %s: %v", i, c.from, err)
		}
	}
	d.now = d.now.Add(time.Hour)
	fail, err = take("198.51.100.2") // what the server refused did not count for the address
	if err != nil {
		t.Error(err)
	}
	if _, err := take(home); err == nil {
		t.Error("an address made three in a day")
	}
	d.now = d.now.Add(time.Hour)
	fail() // of a window that is over: nobody gains by it
	for range 2 {
		if _, err := take("198.51.100.3"); err != nil {
			t.Error(err)
		}
	}
	if _, err := take("198.51.100.4"); err != nil {
		t.Error(err)
	}
	if _, err := take("198.51.100.5"); err == nil {
		t.Error("four in an hour")
	}
	if _, err := New(Options{}).SignUps(PerDay(0), PerHour(0)).Take(call(home)); err != nil {
		t.Error(err)
	}
	var off *Limiter
	if _, err := off.SignUps(PerDay(1), PerHour(1)).Take(call(home)); err != nil {
		t.Error(err)
	}
}

func TestGuesses(t *testing.T) {
	d := newDesk(t, Options{})
	g := d.Guesses("password", Per5Min(3))
	for range 10 {
		right, err := g.Try(call(home))
		if err != nil {
			t.Fatal("who knows it is counted: ", err)
		}
		right()
	}
	for range 3 {
		if _, err := g.Try(call(home)); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := g.Try(call(home)); err == nil {
		t.Error("a fourth guess")
	}
	if _, err := g.Try(call("198.51.100.1")); err != nil {
		t.Error(err)
	}
}

// Of all who ask at the same time as many are let in as there are points.
func TestAtTheSameTime(t *testing.T) {
	l := New(Options{})
	b := l.bucket("test", PerHour(1000))
	var in atomic.Int64
	var all sync.WaitGroup
	for range 16 {
		all.Go(func() {
			for range 500 {
				t := l.taking()
				if t.take(l.accounts, b, l.hash.of(alice), 3) {
					in.Add(1)
				}
			}
		})
	}
	all.Wait()
	if in.Load() != 333 {
		t.Errorf("%d were let in, want 333", in.Load())
	}
}

func TestMemoryIsBounded(t *testing.T) {
	const keys = 1 << 10
	l := New(Options{Keys: keys})
	b := l.bucket("test", PerHour(10))
	for i := range 20 * keys {
		t := l.taking()
		t.take(l.names, b, l.hash.of(fmt.Sprint("stranger ", i)), 1)
	}
	n := 0
	for i := range l.names.shard {
		n += l.names.shard[i].open.Len()
	}
	if n > keys || n < keys/2 {
		t.Errorf("%d windows are kept, want about %d", n, keys)
	}
	if l.accounts.shard[0].open.Len() != 0 {
		t.Error("names took the place of accounts")
	}
}

func call(from string) *xrpc.Call {
	var got *xrpc.Call
	s := xrpc.NewServer(nil, lexicon.Embedded(), nil, xrpc.Options{Log: slog.New(slog.DiscardHandler),
		Fallback: http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) { got = xrpc.CallOf(r.Context()) })})
	r := httptest.NewRequest(http.MethodGet, "/xrpc/app.bsky.feed.getTimeline", nil)
	r.RemoteAddr = netip.AddrPortFrom(netip.MustParseAddr(from), 1).String()
	s.ServeHTTP(httptest.NewRecorder(), r)
	return got
}

func BenchmarkWrite(b *testing.B) {
	l := New(Options{})
	routes := []xrpc.Route{{NSID: "com.atproto.repo.createRecord"}}
	Writes(CreateCost)(&routes[0])
	limit := l.Routes(routes)
	limited := 0
	var calls []*xrpc.Call
	var who []any
	for i := range 64 {
		c := call(fmt.Sprintf("198.51.100.%d", i))
		calls = append(calls, c)
		who = append(who, owner{fmt.Sprintf("did:plc:%024d", i)})
	}
	b.ReportAllocs()
	b.ResetTimer()
	for i := 0; b.Loop(); i++ {
		if limit(calls[i%64], &routes[0], who[i%64], nil) != nil {
			limited++
		}
		if i%(64*1000) == 0 { // nobody is refused: that is the other path
			for _, w := range []*windows{l.addresses, l.accounts} {
				for s := range w.shard {
					for _, at := range w.shard[s].open.Values() {
						at.used = 0
					}
				}
			}
		}
	}
	if limited > 0 {
		b.Fatal(limited)
	}
}
