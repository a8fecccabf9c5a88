package upstream

import (
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"troupe/actors/outbound"
	"troupe/actors/repo"

	"github.com/bluesky-social/indigo/atproto/syntax"
)

func TestBreaker(t *testing.T) {
	rules := breaking{failures: 3, first: time.Second, longest: 5 * time.Second}
	start := time.Unix(1_800_000_000, 0)
	type step struct {
		at  time.Duration
		do  string // "fail", "answer", "end"; or "pass" and "stop": what admit must say
		why string
	}
	for name, steps := range map[string][]step{
		"opens after failures in a row": {{0, "fail", ""}, {0, "fail", ""}, {0, "pass", ""}, {0, "fail", ""}, {0, "stop", "open"}, {999 * time.Millisecond, "stop", "still"}},
		"an answer between them counts": {{0, "fail", ""}, {0, "fail", ""}, {0, "answer", ""}, {0, "fail", ""}, {0, "fail", ""}, {0, "pass", ""}},
		"one tries": {{0, "fail", ""}, {0, "fail", ""}, {0, "fail", ""}, {time.Second, "pass", "the try"}, {time.Second, "stop", "one at a time"},
			{time.Second, "answer", ""}, {time.Second, "pass", "closed"}, {time.Second, "pass", "closed"}},
		"waits longer each time": {{0, "fail", ""}, {0, "fail", ""}, {0, "fail", ""}, {1 * time.Second, "pass", ""}, {1 * time.Second, "fail", ""}, {2900 * time.Millisecond, "stop", ""},
			{3 * time.Second, "pass", ""}, {3 * time.Second, "fail", ""}, {6900 * time.Millisecond, "stop", ""}, {7 * time.Second, "pass", ""}, {7 * time.Second, "fail", ""},
			{11900 * time.Millisecond, "stop", "at most 5 s"}, {12 * time.Second, "pass", ""}},
		"late failures say nothing new": {{0, "fail", ""}, {0, "fail", ""}, {0, "fail", ""}, {0, "fail", ""}, {0, "fail", ""}, {1 * time.Second, "pass", "not pushed back"}},
		"a try that ended for itself":   {{0, "fail", ""}, {0, "fail", ""}, {0, "fail", ""}, {time.Second, "pass", ""}, {time.Second, "end", ""}, {time.Second, "pass", "another try"}},
		"a try that is never told of":   {{0, "fail", ""}, {0, "fail", ""}, {0, "fail", ""}, {time.Second, "pass", ""}, {5 * time.Second, "stop", ""}, {6 * time.Second, "pass", ""}},
	} {
		t.Run(name, func(t *testing.T) {
			var b breaker
			for i, s := range steps {
				now := start.Add(s.at)
				switch s.do {
				case "fail":
					b.silent(now, rules)
				case "answer":
					b.answered()
				case "end":
					b.undecided()
				default:
					if got := b.admit(now, rules); got != (s.do == "pass") {
						t.Errorf("step %d at %v: admitted %v (%s)", i, s.at, got, s.why)
					}
				}
			}
		})
	}
}

// An upstream that is down is not dialled for every request, others are, and it
// is found again.
func TestOpenAndClosed(t *testing.T) {
	there := make(chan struct{})
	url, conns := raw(t, func(c net.Conn) {
		select {
		case <-there:
			io.WriteString(c, "HTTP/1.1 200 OK\r\nContent-Length: 0\r\nConnection: close\r\n\r\n")
		default:
		}
	})
	w := newWorld(t, nil, func(o *Options) { o.AppView, o.AllowPrivate, o.AllowHTTP = Named{viewDID, url}, true, true })
	now := time.Now()
	w.now = func() time.Time { return now }
	for range 50 {
		if resp := w.call("GET", "/xrpc/app.bsky.x", nil, nil, w.pass); resp.StatusCode != 502 || !strings.Contains(text(t, resp), "Upstream service unreachable") {
			t.Fatalf("%d", resp.StatusCode)
		}
	}
	if n := conns.Load(); n != int64(usualBreaking.failures) {
		t.Errorf("%d connections for 50 requests", n)
	}
	other := newView(t, nil)
	w.declare(strangerDID, "#x", "X", other.URL)
	if resp := w.call("GET", "/xrpc/app.bsky.x", http.Header{"Atproto-Proxy": {strangerDID.String() + "#x"}}, nil, w.pass); resp.StatusCode != 200 {
		t.Errorf("another upstream: %d", resp.StatusCode)
	}
	close(there)
	now = now.Add(usualBreaking.first)
	for range 3 {
		if resp := w.call("GET", "/xrpc/app.bsky.x", nil, nil, w.pass); resp.StatusCode != 200 {
			t.Errorf("after it came back: %d", resp.StatusCode)
		}
	}
}

// Errors that are not the upstream's do not count against it, and leave no place
// taken.
func TestWhatIsNotHeldAgainstIt(t *testing.T) {
	v := newView(t, nil)
	w := newWorld(t, v, nil)
	noKey := errors.New("no key")
	w.options.Sign = func(context.Context, syntax.DID, repo.SignServiceAuth) (string, error) { return "", noKey }
	for range 2 * usualBreaking.failures {
		if _, err := w.Get(context.Background(), aliceDID, "a.b.c", nil); !errors.Is(err, noKey) {
			t.Fatal(err)
		}
	}
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	for range 2 * usualBreaking.failures {
		if _, err := w.Get(ctx, "", "a.b.c", nil); !errors.Is(err, context.Canceled) {
			t.Fatal(err)
		}
	}
	at := w.named.at(v.URL)
	if at.breaker.failed != 0 || len(at.gate.places) != 0 || w.named.all.used.Load() != 0 {
		t.Errorf("%d failures, %d places of %d", at.breaker.failed, len(at.gate.places), w.named.all.used.Load())
	}
	if _, err := w.Get(context.Background(), "", "a.b.c", nil); err != nil {
		t.Error(err)
	}
}

// More clients than places wait; more than can wait are told so.
func TestGate(t *testing.T) {
	g := newGate(2)
	g.waiting.max = 3
	ctx, cancel := context.WithCancel(context.Background())
	for range 2 {
		if err := g.enter(ctx); err != nil {
			t.Fatal(err)
		}
	}
	var wg sync.WaitGroup
	results := make(chan error, 3)
	for range 3 {
		wg.Add(1)
		go func() { defer wg.Done(); results <- g.enter(ctx) }()
	}
	for g.waiting.used.Load() < 3 {
		time.Sleep(time.Millisecond)
	}
	if err := g.enter(ctx); !errors.Is(err, outbound.ErrBusy) {
		t.Errorf("beyond the line: %v", err)
	}
	g.leave()
	if err := <-results; err != nil {
		t.Errorf("the first in line: %v", err)
	}
	cancel()
	for range 2 {
		if err := <-results; !errors.Is(err, context.Canceled) {
			t.Errorf("who gave up: %v", err)
		}
	}
	wg.Wait()
	g.leave()
	g.leave()
	if len(g.places) != 0 || g.waiting.used.Load() != 0 {
		t.Error("places are left taken")
	}
}

// Tarpits of strangers fill their own room and no other.
func TestTarpits(t *testing.T) {
	url, _ := raw(t, hang)
	v := newView(t, nil)
	w := newWorld(t, v, func(o *Options) { o.AllowPrivate, o.AllowHTTP = true, true })
	w.strange.all.max = 3
	w.declare(strangerDID, "#x", "X", url)
	ctx, cancel := context.WithCancel(context.Background())
	var wg sync.WaitGroup
	for range 3 {
		wg.Add(1)
		go func() {
			defer wg.Done()
			w.send(ctx, request{to: Service{DID: strangerDID, ID: "x", url: url}, verb: "GET", path: "/xrpc/a.b.c"})
		}()
	}
	for w.strange.all.used.Load() < 3 {
		time.Sleep(time.Millisecond)
	}
	resp := w.call("GET", "/xrpc/app.bsky.x", http.Header{"Atproto-Proxy": {strangerDID.String() + "#x"}}, nil, w.pass)
	if resp.StatusCode != 503 || resp.Header.Get("Retry-After") == "" {
		t.Errorf("another stranger: %d %s", resp.StatusCode, text(t, resp))
	}
	if resp := w.call("GET", "/xrpc/app.bsky.x", nil, nil, w.pass); resp.StatusCode != 200 {
		t.Errorf("the app view: %d", resp.StatusCode)
	}
	cancel()
	wg.Wait()
	if n := w.strange.all.used.Load(); n != 0 {
		t.Errorf("%d places are still taken", n)
	}
}
