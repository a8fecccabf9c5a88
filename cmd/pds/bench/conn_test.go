package bench

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"time"
)

// serveRaw answers the first request of each connection with a text and closes
// when the text says so.
func serveRaw(t *testing.T, text string) endpoint {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	go func() {
		for {
			nc, err := l.Accept()
			if err != nil {
				return
			}
			buf := make([]byte, 4096)
			nc.Read(buf)
			fmt.Fprint(nc, text)
			nc.Close()
		}
	}()
	return endpoint{address: l.Addr().String(), host: l.Addr().String()}
}

func TestAnswersAreRead(t *testing.T) {
	for _, c := range []struct {
		name, raw, body string
		size            int64
		err             string // what it is counted as
	}{
		{"length", "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello", "hello", 5, ""},
		{"chunks", "HTTP/1.1 200 OK\r\ntransfer-encoding: Chunked\r\n\r\n3\r\nhel\r\n2;x=y\r\nlo\r\n0\r\nTrailer: 1\r\n\r\n", "hello", 5, ""},
		{"empty", "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n", "", 0, ""},
		{"early hint", "HTTP/1.1 103 Early Hints\r\nLink: x\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok", "ok", 2, ""},
		{"no content", "HTTP/1.1 204 No Content\r\n\r\n", "", 0, ""},
		{"named error", "HTTP/1.1 400 Bad Request\r\nContent-Length: 41\r\n\r\n" + `{"error":"InvalidSwap","message":"stale"}`, "", 41, "InvalidSwap"},
		{"nameless error", "HTTP/1.1 502 Bad Gateway\r\nContent-Length: 3\r\n\r\nnot", "", 3, "HTTP 502"},
		{"cut off", "HTTP/1.1 200 OK\r\nContent-Length: 50\r\n\r\nhello", "", 50, "connection closed"},
		{"cut off in a chunk", "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n50\r\nhello", "", 0, "connection closed"},
		{"nothing", "", "", 0, "connection closed"},
		{"not HTTP", "220 smtp ready to serve\r\n", "", 0, "malformed answer"},
		{"no end", "HTTP/1.1 200 OK\r\n\r\nhello", "", 0, "malformed answer"},
		{"bad length", "HTTP/1.1 200 OK\r\nContent-Length: -4\r\n\r\n", "", 0, "malformed answer"},
	} {
		for _, discard := range []bool{false, true} {
			t.Run(fmt.Sprintf("%s/%v", c.name, discard), func(t *testing.T) {
				conn := newConn(t.Context(), serveRaw(t, c.raw))
				defer conn.close()
				body, size, err := conn.call([]byte("GET / HTTP/1.1\r\n\r\n"), discard)
				if c.err != "" {
					if err == nil || errorName(err) != c.err {
						t.Fatalf("error %v, want one that is counted as %q", err, c.err)
					}
					return
				}
				if err != nil {
					t.Fatal(err)
				}
				if size != c.size {
					t.Errorf("size %d, want %d", size, c.size)
				}
				if !discard && string(body) != c.body {
					t.Errorf("body %q, want %q", body, c.body)
				}
			})
		}
	}
}

// One connection carries all requests of a worker, and is dialled again when
// the server has closed it.
func TestConnectionIsKept(t *testing.T) {
	var dialled, served int
	s := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if served++; served == 3 {
			w.Header().Set("Connection", "close")
		}
		fmt.Fprint(w, strings.Repeat("x", served*3000)) // chunked when it is long
	}))
	s.Config.ConnState = func(_ net.Conn, state http.ConnState) {
		if state == http.StateNew {
			dialled++
		}
	}
	s.Start()
	defer s.Close()
	to, err := parseEndpoint(s.URL)
	if err != nil {
		t.Fatal(err)
	}
	c := newConn(t.Context(), to)
	defer c.close()
	for i := 1; i <= 5; i++ {
		body, _, err := c.call(appendGet(nil, to, "a.b.c", "", ""), false)
		if err != nil || len(body) != i*3000 {
			t.Fatalf("request %d: %d bytes, %v", i, len(body), err)
		}
	}
	if dialled != 2 {
		t.Errorf("%d connections for five requests with one close, want 2", dialled)
	}
}

// A connection that a server may be about to close is not used for a write.
func TestIdleConnectionIsNotTrusted(t *testing.T) {
	defer func(d time.Duration) { idle = d }(idle)
	idle = 0
	var dialled atomic.Int64
	s := httptest.NewUnstartedServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) {}))
	s.Config.ConnState = func(_ net.Conn, state http.ConnState) {
		if state == http.StateNew {
			dialled.Add(1)
		}
	}
	s.Start()
	defer s.Close()
	to, err := parseEndpoint(s.URL)
	if err != nil {
		t.Fatal(err)
	}
	c := newConn(t.Context(), to)
	defer c.close()
	for range 3 {
		if _, _, err := c.call(appendGet(nil, to, "a.b.c", "", ""), false); err != nil {
			t.Fatal(err)
		}
	}
	if n := dialled.Load(); n != 3 {
		t.Errorf("%d connections for three requests, each too late for the last one's", n)
	}
}

func TestCancelledCallEnds(t *testing.T) {
	hang := make(chan struct{})
	s := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { <-hang }))
	defer s.Close()
	defer close(hang)
	to, _ := parseEndpoint(s.URL)
	ctx, cancel := context.WithCancel(t.Context())
	c := newConn(ctx, to)
	defer c.close()
	ended := make(chan error)
	go func() {
		_, _, err := c.call(appendGet(nil, to, "a.b.c", "", ""), false)
		ended <- err
	}()
	cancel()
	if err := <-ended; err == nil {
		t.Fatal("no error")
	}
}

func TestRateLimitIsSeen(t *testing.T) {
	c := newConn(t.Context(), serveRaw(t, "HTTP/1.1 429 Too Many Requests\r\nRateLimit-Reset: 1700000000\r\nContent-Length: 29\r\n\r\n"+`{"error":"RateLimitExceeded"}`))
	defer c.close()
	_, _, err := c.call([]byte("GET / HTTP/1.1\r\n\r\n"), false)
	var r *Refusal
	if !errors.As(err, &r) || !r.Limited() || r.Reset != "1700000000" || errorName(err) != "RateLimitExceeded" {
		t.Fatalf("%+v", err)
	}
}

func TestEndpoints(t *testing.T) {
	for raw, want := range map[string]endpoint{
		"http://localhost:2583":    {"localhost:2583", "localhost:2583", false},
		"https://pds.example.com/": {"pds.example.com:443", "pds.example.com", true},
		"http://[::1]:80":          {"[::1]:80", "[::1]:80", false},
	} {
		if got, err := parseEndpoint(raw); err != nil || got != want {
			t.Errorf("%s: %+v, %v", raw, got, err)
		}
	}
	for _, raw := range []string{"", "localhost:2583", "ftp://host", "http://host/path", "http://"} {
		if got, err := parseEndpoint(raw); err == nil {
			t.Errorf("%q is taken as %+v", raw, got)
		}
	}
}
