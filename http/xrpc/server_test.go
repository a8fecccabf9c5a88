package xrpc_test

import (
	"encoding/json"
	"io"
	"net"
	"net/http"
	"net/netip"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"troupe/http/xrpc"
)

// A client that leaves ends its query; a procedure goes on, since nobody may tell whether it was done.
func TestClientGone(t *testing.T) {
	for _, row := range []struct {
		request string
		ends    bool
	}{{get(waitPath), true}, {post(waitPost, "application/json", "{}"), false}} {
		f := newFake(t, nil)
		conn, err := net.Dial("tcp", f.addr)
		if err != nil {
			t.Fatal(err)
		}
		_, _ = io.WriteString(conn, row.request)
		f.expect(t, "in")
		conn.Close()
		if row.ends {
			f.expect(t, "gone")
			continue
		}
		select {
		case said := <-f.waiting:
			t.Errorf("the procedure's handler says %q", said)
		case <-time.After(100 * time.Millisecond):
		}
		close(f.hold)
	}
}

func TestTimeout(t *testing.T) {
	f := newFake(t, func(o *xrpc.Options) { o.Timeout = time.Millisecond })
	refused(t, f.send(t, get("/xrpc/com.example.fail?how=late")))
	refused(t, f.send(t, post(waitPost, "application/json", "{}")))
}

func TestFallback(t *testing.T) {
	var limited []string
	f := newFake(t, func(o *xrpc.Options) {
		o.Fallback = http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			c := xrpc.CallOf(r.Context())
			if r.Header.Get("Authorization") == "" {
				xrpc.Fail(r, &xrpc.Error{Status: 401, Name: "AuthMissing", Message: "Authentication Required"})
				return
			}
			body, _ := io.ReadAll(r.Body)
			_, _ = io.WriteString(w, string(c.NSID)+" "+r.URL.RawQuery+" "+string(body))
		})
		o.Limit = func(c *xrpc.Call, r *xrpc.Route, who, in any) error {
			if r == nil {
				limited = append(limited, string(c.NSID))
			}
			return nil
		}
	})
	a := f.send(t, post("/xrpc/com.example.nothing?a=%2F", "x/y", "body", "Authorization: x"))
	if a.StatusCode != 200 || string(a.body) != "com.example.nothing a=%2F body" || a.Header.Get("Access-Control-Allow-Origin") != "*" {
		t.Errorf("%d %s", a.StatusCode, a.body)
	}
	if a := f.send(t, get("/xrpc/com.example.elsewhere", "Authorization: x")); a.StatusCode != 200 {
		t.Errorf("a lexicon without a route: %d", a.StatusCode)
	}
	if a := f.send(t, get("/xrpc/com.example.nothing")); a.StatusCode != 401 || !strings.Contains(string(a.body), "AuthMissing") {
		t.Errorf("%d %s", a.StatusCode, a.body)
	}
	for _, request := range []string{get("/xrpc/com.example..nothing", "Authorization: x"), post("/xrpc/com.example.elsewhere", "", "", "Authorization: x")} {
		if a := f.send(t, request); a.StatusCode != 400 {
			t.Errorf("%.50q: %d", request, a.StatusCode)
		}
	}
	if len(limited) != 3 {
		t.Errorf("the rate limiter saw %v", limited)
	}
}

func TestRateLimiter(t *testing.T) {
	var mu sync.Mutex
	var seen []string
	f := newFake(t, func(o *xrpc.Options) {
		o.Limit = func(c *xrpc.Call, r *xrpc.Route, who, in any) error {
			mu.Lock()
			defer mu.Unlock()
			text, _ := json.Marshal(in)
			seen = append(seen, string(r.NSID)+string(text))
			c.Header().Set("RateLimit-Remaining", "0")
			if strings.Contains(string(text), "stop") {
				return &xrpc.Error{Status: 429, Header: http.Header{"Retry-After": {"3"}}}
			}
			return nil
		}
	})
	const j = "application/json"
	for _, row := range []struct {
		request string
		status  int
	}{
		{post("/xrpc/com.example.echo", j, `{"text":"go"}`), 200},
		{post("/xrpc/com.example.echo", j, `{"text":"stop"}`), 429},
		{post("/xrpc/com.example.echo", j, `{"text":1}`), 400}, // not counted: the body comes first
		{get("/xrpc/com.example.secret"), 400},
		{get("/xrpc/com.example.ping?limit=2"), 200},
	} {
		a := f.send(t, row.request)
		if a.StatusCode != row.status {
			t.Errorf("%.60q: %d", row.request, a.StatusCode)
		}
		if a.StatusCode == 429 && (a.Header.Get("Retry-After") != "3" || a.Header.Get("RateLimit-Remaining") != "0") {
			t.Errorf("%v", a.Header)
		}
	}
	want := []string{`com.example.echo{"text":"go","n":7}`, `com.example.echo{"text":"stop","n":7}`, `com.example.ping{"DID":"","Limit":2,"Flag":null,"Names":null,"NSIDs":null,"Cursor":null}`}
	if strings.Join(seen, "\n") != strings.Join(want, "\n") {
		t.Errorf("got %q\nwant %q", seen, want)
	}
}

func TestMetrics(t *testing.T) {
	registry := prometheus.NewRegistry()
	f := newFake(t, func(o *xrpc.Options) { o.Metrics = registry })
	newFake(t, func(o *xrpc.Options) { o.Metrics = registry }) // a second server with the same registry is no panic
	for _, path := range []string{"/xrpc/com.example.ping", "/xrpc/com.example.ping?limit=x", "/xrpc/made.up.one", "/xrpc/made.up.two"} {
		f.waitLog(f.send(t, get(path)).Header.Get("X-Request-Id"))
	}
	families, err := registry.Gather()
	if err != nil {
		t.Fatal(err)
	}
	got := map[string]float64{}
	for _, family := range families {
		for _, m := range family.Metric {
			labels := ""
			for _, l := range m.Label {
				labels += " " + l.GetValue()
			}
			if m.Counter != nil {
				got[family.GetName()+labels] = m.Counter.GetValue()
			}
			if m.Histogram != nil {
				got[family.GetName()+labels] = float64(m.Histogram.GetSampleCount())
			}
		}
	}
	for series, want := range map[string]float64{
		"troupe_http_requests_total com.example.ping 200": 1,
		"troupe_http_requests_total com.example.ping 400": 1,
		"troupe_http_requests_total other 501":            2,
		"troupe_http_request_seconds com.example.ping":    2,
	} {
		if got[series] != want {
			t.Errorf("%s = %v, want %v", series, got[series], want)
		}
	}
}

func TestSubscription(t *testing.T) {
	f := newFake(t, nil)
	close(f.hold)
	a := f.send(t, get("/xrpc/com.example.watch?cursor=5", "Connection: Upgrade", "Upgrade: WebSocket"))
	if a.StatusCode != 101 {
		t.Errorf("%d %s", a.StatusCode, a.body)
	}
}

// What HTTP forbids is refused by the server below us; this holds it to that.
func TestMalformedRequests(t *testing.T) {
	f := newFake(t, nil)
	const line = "POST /xrpc/com.example.echo HTTP/1.1\r\nHost: a\r\nContent-Type: application/json\r\n"
	for name, request := range map[string]string{
		"two lengths":                 line + "Content-Length: 12\r\nContent-Length: 2\r\n\r\n" + `{"text":"a"}`,
		"length in hex":               line + "Content-Length: 0xc\r\n\r\n" + `{"text":"a"}`,
		"negative length":             line + "Content-Length: -1\r\n\r\n",
		"length above 2^63":           line + "Content-Length: 9223372036854775808\r\n\r\n",
		"unknown transfer coding":     line + "Transfer-Encoding: xchunked\r\n\r\n0\r\n\r\n",
		"two transfer codings":        line + "Transfer-Encoding: chunked\r\nTransfer-Encoding: identity\r\n\r\n0\r\n\r\n",
		"space before the colon":      line + "Content-Length : 12\r\n\r\n" + `{"text":"a"}`,
		"folded header":               line + "Content-Length: 1\r\n 2\r\n\r\n" + `{"text":"a"}`,
		"no host":                     "GET /xrpc/com.example.ping HTTP/1.1\r\n\r\n",
		"two hosts":                   "GET /xrpc/com.example.ping HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n",
		"space in the path":           "GET /xrpc/com.example.ping x HTTP/1.1\r\nHost: a\r\n\r\n",
		"chunk size that is none":     line + "Transfer-Encoding: chunked\r\n\r\nzz\r\n\r\n",
		"chunk ended by a bare LF":    line + "Transfer-Encoding: chunked\r\n\r\nc\n" + `{"text":"a"}` + "\n0\n\n",
		"chunk with a huge extension": line + "Transfer-Encoding: chunked\r\n\r\nc;" + strings.Repeat("x", 100_000) + "\r\n" + `{"text":"a"}` + "\r\n0\r\n\r\n",
		"chunk shorter than it says":  line + "Transfer-Encoding: chunked\r\n\r\nff\r\n" + `{"text":"a"}` + "\r\n0\r\n\r\n" + strings.Repeat("\r\n", 200),
	} {
		a := f.send(t, request)
		if a.StatusCode != 400 && a.StatusCode != 501 && a.err == nil {
			t.Errorf("%s: %d %s", name, a.StatusCode, a.body)
		}
	}
}

func TestClientIP(t *testing.T) {
	proxies := []netip.Prefix{netip.MustParsePrefix("192.0.2.0/28"), netip.MustParsePrefix("2001:db8:1::1/128")}
	for _, row := range []struct {
		peer      string
		forwarded []string
		want      string
	}{
		{"203.0.113.5:1000", nil, "203.0.113.5"},
		{"203.0.113.5:1000", []string{"198.51.100.1"}, "203.0.113.5"}, // a stranger may say what he likes
		{"127.0.0.1:1000", []string{"198.51.100.1"}, "198.51.100.1"},
		{"[::1]:1000", []string{"198.51.100.1"}, "198.51.100.1"},
		{"10.0.0.1:1000", []string{"198.51.100.1"}, "198.51.100.1"},
		{"172.16.3.4:1000", []string{"198.51.100.1"}, "198.51.100.1"},
		{"172.32.3.4:1000", []string{"198.51.100.1"}, "172.32.3.4"},
		{"192.168.1.1:1000", []string{"198.51.100.1"}, "198.51.100.1"},
		{"169.254.1.1:1000", []string{"198.51.100.1"}, "198.51.100.1"},
		{"100.64.0.1:1000", []string{"198.51.100.1"}, "100.64.0.1"},
		{"[fd00::1]:1000", []string{"2001:db8::7"}, "2001:db8::7"},
		{"[fe80::1%eth0]:1000", []string{"2001:db8::7"}, "2001:db8::7"},
		{"[::ffff:10.0.0.1]:1000", []string{"198.51.100.1"}, "198.51.100.1"},
		{"127.0.0.1:1000", []string{"1.1.1.1, 198.51.100.1"}, "198.51.100.1"}, // the left one was sent by the client
		{"127.0.0.1:1000", []string{"198.51.100.1, 10.0.0.9"}, "198.51.100.1"},
		{"127.0.0.1:1000", []string{"198.51.100.1", "10.0.0.9"}, "198.51.100.1"},
		{"127.0.0.1:1000", []string{"10.0.0.8, 10.0.0.9"}, "10.0.0.8"},
		{"127.0.0.1:1000", []string{"198.51.100.1:4711"}, "198.51.100.1"},
		{"127.0.0.1:1000", []string{"[2001:db8::7]:4711"}, "2001:db8::7"},
		{"127.0.0.1:1000", []string{"1.1.1.1, unknown"}, "127.0.0.1"},
		{"127.0.0.1:1000", []string{"1.1.1.1, unknown, 10.0.0.9"}, "10.0.0.9"},
		{"127.0.0.1:1000", []string{""}, "127.0.0.1"},
		{"127.0.0.1:1000", nil, "127.0.0.1"},
		{"192.0.2.15:1000", []string{"198.51.100.1"}, "198.51.100.1"}, // a proxy that the operator named
		{"192.0.2.16:1000", []string{"198.51.100.1"}, "192.0.2.16"},   // its neighbour
		{"[2001:db8:1::1]:1000", []string{"203.0.113.5, 192.0.2.1"}, "203.0.113.5"},
		{"[::ffff:192.0.2.1]:1000", []string{"1.1.1.1, 203.0.113.5"}, "203.0.113.5"},
		{"@", []string{"198.51.100.1"}, "198.51.100.1"},
		{"@", nil, "invalid IP"},
	} {
		r := &http.Request{RemoteAddr: row.peer, Header: http.Header{"X-Forwarded-For": row.forwarded}}
		if got := xrpc.ClientIP(r, proxies).String(); got != row.want {
			t.Errorf("%s, forwarded for %q: %s, want %s", row.peer, row.forwarded, got, row.want)
		}
	}
}
