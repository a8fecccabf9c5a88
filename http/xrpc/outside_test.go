package xrpc_test

import (
	"context"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"troupe/actors/lexicon"
	"troupe/http/xrpc"
)

// A handler that waits for another service takes no working place.
func TestOutside(t *testing.T) {
	anyone := func(*xrpc.Call) (xrpc.None, error) { return xrpc.None{}, nil }
	in, hold := make(chan struct{}), make(chan struct{})
	wait := func(context.Context, xrpc.None, xrpc.None) (map[string]any, error) {
		in <- struct{}{}
		<-hold
		return nil, nil
	}
	at := func(context.Context, xrpc.None, xrpc.None) (map[string]any, error) { return nil, nil }
	s := httptest.NewServer(xrpc.NewServer([]xrpc.Route{
		xrpc.Query("com.atproto.server.describeServer", anyone, wait, xrpc.Outside()),
		xrpc.Query("com.atproto.server.getSession", anyone, at),
	}, lexicon.Embedded(), nil, xrpc.Options{Working: 1, Streams: 1, Log: slog.New(slog.DiscardHandler)}))
	defer s.Close()
	status := func(method string) int {
		resp, err := http.Get(s.URL + "/xrpc/" + method)
		if err != nil {
			t.Error(err)
			return 0
		}
		resp.Body.Close()
		return resp.StatusCode
	}
	done := make(chan int)
	go func() { done <- status("com.atproto.server.describeServer") }()
	<-in
	if got := status("com.atproto.server.getSession"); got != 200 {
		t.Errorf("a method that waits for nobody: %d", got)
	}
	if got := status("com.atproto.server.describeServer"); got != 503 {
		t.Errorf("another that waits: %d", got)
	}
	close(hold)
	if got := <-done; got != 200 {
		t.Errorf("the first: %d", got)
	}
}

// Whoever reads a request's body on beside a Fallback is stopped when the call is
// over, also in the middle of a read that waits for the client.
func TestFallbackBodyIsDetached(t *testing.T) {
	stopped := make(chan error, 1)
	s := httptest.NewServer(xrpc.NewServer(nil, lexicon.Embedded(), nil, xrpc.Options{Log: slog.New(slog.DiscardHandler),
		Fallback: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			first := make(chan struct{})
			go func() {
				_, err := io.ReadFull(r.Body, make([]byte, 3))
				close(first)
				for err == nil {
					_, err = r.Body.Read(make([]byte, 10)) // there is no more until the client goes on
				}
				stopped <- err
			}()
			<-first
			io.WriteString(w, "early")
		})}))
	defer s.Close()
	c, err := net.Dial("tcp", s.Listener.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	c.SetDeadline(time.Now().Add(20 * time.Second))
	io.WriteString(c, "POST /xrpc/com.example.x HTTP/1.1\r\nHost: x\r\nContent-Length: 1000\r\n\r\nabc")
	answer, err := io.ReadAll(c) // up to the end of the connection: the request is not whole
	if err != nil || !strings.HasPrefix(string(answer), "HTTP/1.1 200 ") || !strings.Contains(string(answer), "early") {
		t.Errorf("%q, %v", answer, err)
	}
	if err := <-stopped; err == nil || err == io.EOF {
		t.Errorf("the reader was told %v", err)
	}
}
