package upstream

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

// raw is an upstream that writes what a test says into each connection.
func raw(t *testing.T, answer func(net.Conn)) (url string, conns *atomic.Int64) {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	conns = new(atomic.Int64)
	var wg sync.WaitGroup
	wg.Add(1)
	go func() {
		defer wg.Done()
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			conns.Add(1)
			wg.Add(1)
			go func() {
				defer wg.Done()
				defer c.Close()
				c.Read(make([]byte, 4096))
				answer(c)
			}()
		}
	}()
	t.Cleanup(func() { l.Close(); wg.Wait() })
	return "http://" + l.Addr().String(), conns
}

// hang reads until the other side gives up.
func hang(c net.Conn) { io.Copy(io.Discard, c) }

// What a client is told of an upstream that does not do its part, and that he is
// told at all.
func TestFaults(t *testing.T) {
	closed, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	closed.Close()
	const unreachable, slow = `{"error":"UpstreamFailure","message":"Upstream service unreachable"}`, `{"error":"UpstreamTimeout","message":"Upstream service timed out"}`
	send := func(text string, after ...func(net.Conn)) func(net.Conn) {
		return func(c net.Conn) {
			io.WriteString(c, text)
			for _, f := range after {
				f(c)
			}
		}
	}
	for _, c := range []struct {
		name   string
		answer func(net.Conn) // nil: nobody listens
		status int            // 0: the connection is cut
		body   string
	}{
		{"nobody there", nil, 502, unreachable},
		{"hangs up", func(net.Conn) {}, 502, unreachable},
		{"says nothing", hang, 504, slow},
		{"begins a header and stops", send("HTTP/1.1 200 OK\r\nContent-", hang), 504, slow},
		{"a header without an end", func(c net.Conn) {
			io.WriteString(c, "HTTP/1.1 200 OK\r\n")
			for {
				if _, err := io.WriteString(c, "X-A: "+strings.Repeat("a", 1000)+"\r\n"); err != nil {
					return
				}
			}
		}, 502, unreachable},
		{"is no HTTP", send("SSH-2.0-OpenSSH_9.6\r\n"), 502, unreachable},
		{"is garbage", send("\x00\xff\x00\xff\r\n\r\n"), 502, unreachable},
		{"a bad length", send("HTTP/1.1 200 OK\r\nContent-Length: -5\r\n\r\n"), 502, unreachable},
		{"two lengths", send("HTTP/1.1 200 OK\r\nContent-Length: 5\r\nContent-Length: 6\r\n\r\nabcdef"), 502, unreachable},
		{"a line in a header", send("HTTP/1.1 200 OK\r\nAtproto-Repo-Rev: a\x00b\r\nContent-Length: 0\r\n\r\n"), 502, unreachable},
		{"a folded header", send("HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\n Set-Cookie: a=b\r\nContent-Length: 2\r\n\r\nok"), 200, "ok"},
		{"another protocol", send("HTTP/1.1 101 Switching Protocols\r\nUpgrade: h2c\r\nConnection: Upgrade\r\n\r\n", hang), 502, unreachable},
		{"thousands of early hints", func(c net.Conn) {
			for {
				if _, err := io.WriteString(c, "HTTP/1.1 103 Early Hints\r\nLink: </x>\r\n\r\n"); err != nil {
					return
				}
			}
		}, 502, unreachable},
		{"stops in the body", send("HTTP/1.1 200 OK\r\nContent-Length: 50000\r\n\r\n"+strings.Repeat("x", 5000), hang), 0, ""},
		{"hangs up in the body", send("HTTP/1.1 200 OK\r\nContent-Length: 50000\r\n\r\n" + strings.Repeat("x", 5000)), 0, ""},
		{"breaks its chunks", send("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nabcde\r\nzz\r\n"), 0, ""},
		{"an error that stops", send("HTTP/1.1 400 Bad Request\r\nContent-Type: application/json\r\nContent-Length: 100\r\n\r\n{\"err", hang), 400, `{"error":"InvalidRequest","message":"Bad Request"}`},
		{"a page that does not end", func(c net.Conn) {
			io.WriteString(c, "HTTP/1.1 404 Not Found\r\nContent-Type: text/html\r\n\r\n")
			for {
				if _, err := c.Write(make([]byte, 32<<10)); err != nil {
					return
				}
			}
		}, 404, `{"error":"XRPCNotSupported","message":"Not Found"}`},
	} {
		t.Run(c.name, func(t *testing.T) {
			url := "http://" + closed.Addr().String()
			if c.answer != nil {
				url, _ = raw(t, c.answer)
			}
			w := newWorld(t, nil, func(o *Options) {
				o.AppView = Named{viewDID, url}
				switch { // what is waited for does not come
				case c.status == 504:
					o.HeadersTimeout = 200 * time.Millisecond
				case strings.Contains(c.name, "stops"):
					o.BodyTimeout = 200 * time.Millisecond
				}
			})
			resp := w.call("GET", "/xrpc/app.bsky.feed.getTimeline", nil, nil, w.pass)
			body, err := io.ReadAll(resp.Body)
			if c.status == 0 {
				if err == nil {
					t.Errorf("a whole answer: %d %.100s", resp.StatusCode, body)
				}
			} else if resp.StatusCode != c.status || strings.TrimSpace(string(body)) != c.body {
				t.Errorf("%d %s, %v", resp.StatusCode, body, err)
			}
			if resp.Header.Get("Set-Cookie") != "" {
				t.Error("a cookie came through")
			}
			if n := len(w.named.at(url).gate.places); n != 0 {
				t.Errorf("%d places are still taken", n)
			}
		})
	}
}

// Slow is judged by what the upstream takes, not by what the client does.
func TestPace(t *testing.T) {
	trickle := func(c net.Conn) {
		io.WriteString(c, "HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: 1000\r\n\r\n")
		for range 1000 {
			if _, err := io.WriteString(c, "x"); err != nil {
				return
			}
			time.Sleep(5 * time.Millisecond)
		}
	}
	url, _ := raw(t, trickle)
	w := newWorld(t, nil, func(o *Options) { o.AppView, o.BodyTimeout = Named{viewDID, url}, 100*time.Millisecond })
	resp := w.call("GET", "/xrpc/app.bsky.feed.getTimeline", nil, nil, w.pass)
	if body, err := io.ReadAll(resp.Body); err == nil {
		t.Errorf("%d bytes came at the pace of a snail", len(body))
	}
}

// A procedure whose body the client sends too slowly is his fault, and the clock
// of the header does not run meanwhile.
func TestSlowClient(t *testing.T) {
	v := newView(t, nil)
	w := newWorld(t, v, func(o *Options) { o.HeadersTimeout = 500 * time.Millisecond })
	body, send := io.Pipe()
	go func() {
		for range 6 {
			io.WriteString(send, "x")
			time.Sleep(150 * time.Millisecond)
		}
		send.Close()
	}()
	if resp := w.call("POST", "/xrpc/app.bsky.x", nil, body, w.pass); resp.StatusCode != 200 {
		t.Errorf("%d %s", resp.StatusCode, text(t, resp))
	}
	if _, _, got := v.last(t); got != "xxxxxx" {
		t.Errorf("sent %q", got)
	}
}

// An upstream that answers early is believed, and nobody reads on in a request
// that is over.
func TestEarlyAnswer(t *testing.T) {
	url, _ := raw(t, func(c net.Conn) {
		io.WriteString(c, "HTTP/1.1 413 Too Large\r\nContent-Type: application/json\r\nContent-Length: 41\r\nConnection: close\r\n\r\n{\"error\":\"PayloadTooLarge\",\"message\":\"m\"}")
		hang(c)
	})
	w := newWorld(t, nil, func(o *Options) { o.AppView = Named{viewDID, url} })
	s := httptest.NewServer(w.server(w.pass))
	defer s.Close()
	c, err := net.Dial("tcp", s.Listener.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	io.WriteString(c, "POST /xrpc/app.bsky.x HTTP/1.1\r\nHost: x\r\nContent-Length: 1000000\r\n\r\n"+strings.Repeat("x", 1000))
	c.SetReadDeadline(time.Now().Add(20 * time.Second))
	answer, err := io.ReadAll(c) // the connection ends: its request was not read
	if err != nil || !strings.HasPrefix(string(answer), "HTTP/1.1 413 ") || !strings.Contains(string(answer), `"PayloadTooLarge"`) {
		t.Errorf("%s, %v", answer, err)
	}
}

// A client that goes away ends what was asked for him.
func TestClientGoes(t *testing.T) {
	began, ended := make(chan struct{}), make(chan struct{})
	v := newView(t, func(_ http.ResponseWriter, r *http.Request) {
		close(began)
		<-r.Context().Done()
		close(ended)
	})
	w := newWorld(t, v, nil)
	s := httptest.NewServer(w.server(w.pass))
	defer s.Close()
	ctx, cancel := context.WithCancel(context.Background())
	go func() { <-began; cancel() }()
	r, _ := http.NewRequestWithContext(ctx, "GET", s.URL+"/xrpc/app.bsky.feed.getTimeline", nil)
	if resp, err := http.DefaultClient.Do(r); err == nil {
		t.Errorf("answered with %d", resp.StatusCode)
	}
	<-ended
	if b := &w.named.at(v.URL).breaker; b.failed != 0 {
		t.Error("it was held against the upstream")
	}
}

func TestRetries(t *testing.T) {
	for _, c := range []struct {
		verb    string
		retries int
		status  int
		conns   int64
	}{{"GET", 2, 200, 3}, {"GET", 1, 502, 2}, {"GET", 0, 502, 1}, {"POST", 2, 502, 1}} {
		var seen atomic.Int64
		url, conns := raw(t, func(c net.Conn) {
			if seen.Add(1) == 3 {
				io.WriteString(c, "HTTP/1.1 200 OK\r\nContent-Length: 0\r\nConnection: close\r\n\r\n")
			}
		})
		w := newWorld(t, nil, func(o *Options) { o.AppView, o.Retries = Named{viewDID, url}, c.retries })
		var body io.Reader
		if c.verb == "POST" {
			body = strings.NewReader("{}")
		}
		resp := w.call(c.verb, "/xrpc/app.bsky.x", nil, body, w.pass)
		if resp.StatusCode != c.status || conns.Load() != c.conns {
			t.Errorf("%s with %d retries: %d after %d connections", c.verb, c.retries, resp.StatusCode, conns.Load())
		}
	}
}

// Upstreams that are there are asked over connections that are kept, and over one
// of HTTP/2 if that is wanted.
func TestConnections(t *testing.T) {
	for _, two := range []bool{false, true} {
		v := startView(t, nil, &tls.Config{})
		roots := x509.NewCertPool()
		roots.AddCert(v.Certificate())
		w := newWorld(t, v, func(o *Options) { o.HTTP2, o.TLS = two, &tls.Config{RootCAs: roots} })
		for range 5 {
			if resp := w.call("GET", "/xrpc/app.bsky.feed.getTimeline", nil, nil, w.pass); resp.StatusCode != 200 {
				t.Fatalf("%d %s", resp.StatusCode, text(t, resp))
			}
		}
		_, r, _ := v.last(t)
		if v.conns != 1 || (r.ProtoMajor == 2) != two {
			t.Errorf("HTTP/2 wanted %v: %d connections of %s", two, v.conns, r.Proto)
		}
		w.Close()
	}
}
