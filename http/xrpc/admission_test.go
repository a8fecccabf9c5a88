package xrpc_test

import (
	"bufio"
	"context"
	"errors"
	"io"
	"net"
	"strings"
	"testing"
	"time"

	"troupe/http/xrpc"
)

// background sends a request and delivers its answer later.
func (f *fake) background(t *testing.T, request string) <-chan answer {
	out := make(chan answer, 1)
	go func() { out <- f.send(t, request) }()
	return out
}

func (f *fake) expect(t *testing.T, want string) {
	t.Helper()
	select {
	case got := <-f.waiting:
		if got != want {
			t.Fatalf("a handler says %q, want %q", got, want)
		}
	case <-time.After(10 * time.Second):
		t.Fatalf("no handler said %q", want)
	}
}

const waitPath, waitPost = "/xrpc/com.example.wait", "/xrpc/com.example.waitPost"

func refused(t *testing.T, a answer) {
	t.Helper()
	if a.StatusCode != 503 || a.Header.Get("Retry-After") == "" || !strings.Contains(string(a.body), "NotEnoughResources") {
		t.Errorf("%d %v %s, want a 503 with Retry-After", a.StatusCode, a.Header, a.body)
	}
}

func TestWorkingPlaces(t *testing.T) {
	f := newFake(t, func(o *xrpc.Options) { o.Working = 2 })
	first := f.background(t, get(waitPath))
	second := f.background(t, post(waitPost, "application/json", "{}"))
	f.expect(t, "in")
	f.expect(t, "in")
	refused(t, f.send(t, get("/xrpc/com.example.ping")))
	refused(t, f.send(t, post("/xrpc/com.example.echo", "application/json", `{"text":"a"}`)))
	if a := f.send(t, get("/xrpc/com.example.file?size=10")); a.StatusCode != 200 {
		t.Errorf("a stream needs no working place: %d", a.StatusCode)
	}
	close(f.hold)
	if a := <-first; a.StatusCode != 200 {
		t.Errorf("first: %d", a.StatusCode)
	}
	if a := <-second; a.StatusCode != 200 {
		t.Errorf("second: %d", a.StatusCode)
	}
	if a := f.send(t, get("/xrpc/com.example.ping")); a.StatusCode != 200 {
		t.Errorf("afterwards: %d", a.StatusCode)
	}
}

// Whoever sends a body slowly takes nobody's place; what he has sent counts against the memory for bodies.
func TestSlowSendersTakeNoPlace(t *testing.T) {
	f := newFake(t, func(o *xrpc.Options) { o.Working = 1; o.Memory = 64 << 10 })
	var conns []net.Conn
	for range 20 {
		conn, err := net.Dial("tcp", f.addr)
		if err != nil {
			t.Fatal(err)
		}
		defer conn.Close()
		_, _ = io.WriteString(conn, request("POST", "/xrpc/com.example.echo", `{"te`, []string{"Content-Type: application/json", "Content-Length: 12"}))
		conns = append(conns, conn)
	}
	if a := f.send(t, get("/xrpc/com.example.ping")); a.StatusCode != 200 {
		t.Errorf("beside slow senders: %d %s", a.StatusCode, a.body)
	}
	for _, conn := range conns {
		_, _ = io.WriteString(conn, `xt":"a"}`)
		if a := receive(t, bufio.NewReader(conn), "POST"); a.StatusCode != 200 {
			t.Errorf("a slow sender gets %d %s", a.StatusCode, a.body)
		}
	}
}

func TestMemoryForBodies(t *testing.T) {
	f := newFake(t, func(o *xrpc.Options) { o.Memory = 100 << 10 })
	large := `"` + strings.Repeat("x", 60<<10) + `"`
	held := f.background(t, post(waitPost, "application/json", large))
	f.expect(t, "in")
	refused(t, f.send(t, post(waitPost, "application/json", large)))
	if a := f.send(t, post("/xrpc/com.example.echo", "application/json", `{"text":"a"}`)); a.StatusCode != 200 {
		t.Errorf("a small body: %d", a.StatusCode)
	}
	close(f.hold)
	if a := <-held; a.StatusCode != 200 {
		t.Errorf("the held one: %d", a.StatusCode)
	}
	if a := f.send(t, post(waitPost, "application/json", large)); a.StatusCode != 200 {
		t.Errorf("afterwards: %d %s", a.StatusCode, a.body)
	}
}

func TestStreamPlaces(t *testing.T) {
	f := newFake(t, func(o *xrpc.Options) { o.Streams = 1 })
	conn, err := net.Dial("tcp", f.addr)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	_, _ = io.WriteString(conn, request("POST", "/xrpc/com.example.blob", "", []string{"Content-Type: a/b", "Content-Length: 3", "Expect: 100-continue"}))
	r := bufio.NewReader(conn)
	if line, _ := r.ReadString('\n'); !strings.Contains(line, "100 Continue") { // the handler reads, so it holds its place
		t.Fatal(line)
	}
	_, _ = r.ReadString('\n')
	refused(t, f.send(t, get("/xrpc/com.example.file?size=10")))
	if a := f.send(t, get("/xrpc/com.example.ping")); a.StatusCode != 200 {
		t.Errorf("a plain query: %d", a.StatusCode)
	}
	_, _ = io.WriteString(conn, "abc")
	if a := receive(t, r, "POST"); a.StatusCode != 200 {
		t.Errorf("the upload: %d", a.StatusCode)
	}
	if a := f.send(t, get("/xrpc/com.example.file?size=10")); a.StatusCode != 200 {
		t.Errorf("afterwards: %d", a.StatusCode)
	}
}

func TestDrain(t *testing.T) {
	f := newFake(t, nil)
	old := f.background(t, get(waitPath))
	f.expect(t, "in")
	watcher, err := net.Dial("tcp", f.addr)
	if err != nil {
		t.Fatal(err)
	}
	defer watcher.Close()
	_, _ = io.WriteString(watcher, get("/xrpc/com.example.watch?cursor=1", "Connection: Upgrade", "Upgrade: websocket"))
	f.expect(t, "watching")

	select {
	case <-f.xrpc.Draining():
		t.Fatal("draining before Drain")
	default:
	}
	short, cancel := context.WithTimeout(context.Background(), 10*time.Millisecond)
	defer cancel()
	if err := f.xrpc.Drain(short); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("drained under a request: %v", err)
	}
	<-f.xrpc.Draining()
	a := f.send(t, get("/xrpc/com.example.ping"))
	refused(t, a)
	if !a.Close {
		t.Error("a refused client keeps its connection")
	}
	if a := f.send(t, request("OPTIONS", "/xrpc/com.example.ping", "", nil)); a.StatusCode != 204 {
		t.Errorf("preflight while draining: %d", a.StatusCode)
	}
	done := make(chan error, 1)
	go func() { done <- f.xrpc.Drain(context.Background()) }()
	close(f.hold)
	if a := <-old; a.StatusCode != 200 {
		t.Errorf("the old request: %d", a.StatusCode)
	}
	select {
	case err := <-done: // the subscription, which never ends by itself, is not waited for
		if err != nil {
			t.Error(err)
		}
	case <-time.After(10 * time.Second):
		t.Fatal("Drain does not return")
	}
	if err := f.xrpc.Drain(context.Background()); err != nil {
		t.Errorf("a second time: %v", err)
	}
}
