package xrpc_test

import (
	"bufio"
	"io"
	"net"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/labstack/echo/v4"

	"troupe/actors/lexicon"
	"troupe/http/xrpc"
)

// pipes is a listener whose connections are pipes in memory, so that a test can run on a virtual clock.
type pipes struct {
	conns chan net.Conn
	once  sync.Once
	done  chan struct{}
}

func newPipes() *pipes { return &pipes{conns: make(chan net.Conn), done: make(chan struct{})} }

func (p *pipes) Accept() (net.Conn, error) {
	select {
	case c := <-p.conns:
		return c, nil
	case <-p.done:
		return nil, net.ErrClosed
	}
}
func (p *pipes) Close() error   { p.once.Do(func() { close(p.done) }); return nil }
func (p *pipes) Addr() net.Addr { return &net.UnixAddr{Name: "pipe", Net: "unix"} }

func (p *pipes) dial() net.Conn {
	client, server := net.Pipe()
	p.conns <- server
	return client
}

// onVirtualTime runs a server in a bubble where time passes only while everybody waits.
func onVirtualTime(t *testing.T, test func(t *testing.T, p *pipes)) {
	var documents [][]byte
	for _, l := range fakeLexicons {
		documents = append(documents, []byte(l))
	}
	catalog, err := lexicon.Parse(documents...)
	if err != nil {
		t.Fatal(err)
	}
	synctest.Test(t, func(t *testing.T) {
		f := &fake{waiting: make(chan string, 100), hold: make(chan struct{})}
		x := xrpc.NewServer(f.routes(), catalog, translate, xrpc.Options{Log: quiet})
		e := echo.New()
		x.Mount(e)
		p := newPipes()
		server := &http.Server{Handler: e}
		go server.Serve(p)
		test(t, p)
		_ = server.Close()
		_ = p.Close()
		synctest.Wait()
	})
}

func TestSlowBodies(t *testing.T) {
	const head = "POST /xrpc/com.example.echo HTTP/1.1\r\nHost: a\r\nContent-Type: application/json\r\nContent-Length: "
	for _, row := range []struct {
		name    string
		head    string
		size    int
		piece   int           // bytes sent at a time
		every   time.Duration // pause between pieces
		status  int
		between [2]time.Duration // how long it takes
	}{
		{"nothing comes", head, 1000, 0, time.Minute, 408, [2]time.Duration{29 * time.Second, 31 * time.Second}},
		{"a byte every ten seconds", head, 1000, 1, 10 * time.Second, 408, [2]time.Duration{29 * time.Second, 31 * time.Second}},
		{"half a KB a second", head, 100_000, 512, time.Second, 408, [2]time.Duration{30 * time.Second, 2 * time.Minute}},
		{"two KB a second", head, 100_000, 2048, time.Second, 200, [2]time.Duration{40 * time.Second, time.Minute}},
		{"late but at once", head, 1000, 1000, 29 * time.Second, 200, [2]time.Duration{28 * time.Second, 30 * time.Second}},
		{"slow, and refused before it is read", strings.Replace(head, "echo", "secretEcho", 1), 1000, 1, 10 * time.Second, 401, [2]time.Duration{0, 31 * time.Second}},
		{"slow upload", strings.Replace(strings.Replace(head, "echo", "blob", 1), "application/json", "a/b", 1), 100_000, 1, time.Second, 408, [2]time.Duration{30 * time.Second, 40 * time.Second}},
		{"slow body where none belongs", strings.Replace(head, "echo HTTP", "act HTTP", 1), 1000, 1, 10 * time.Second, 400, [2]time.Duration{0, 31 * time.Second}},
	} {
		t.Run(row.name, func(t *testing.T) {
			onVirtualTime(t, func(t *testing.T, p *pipes) {
				conn := p.dial()
				defer conn.Close()
				began := time.Now()
				body := `{"text":"` + strings.Repeat("x", row.size-len(`{"text":""}`)) + `"}`
				stop := make(chan struct{})
				defer close(stop)
				go func() {
					_, _ = io.WriteString(conn, row.head+contentLength(row.size)+"\r\n\r\n")
					for at := 0; at < len(body) && row.piece > 0; at += row.piece {
						select {
						case <-time.After(row.every):
						case <-stop:
							return
						}
						if _, err := io.WriteString(conn, body[at:min(at+row.piece, len(body))]); err != nil {
							return
						}
					}
				}()
				a := receive(t, bufio.NewReader(conn), "POST")
				took := time.Since(began)
				if a.StatusCode != row.status || took < row.between[0] || took > row.between[1] {
					t.Errorf("%d after %v, want %d after %v: %s", a.StatusCode, took, row.status, row.between, a.body)
				}
			})
		})
	}
}

// A connection on which a slow but good body was sent serves on, however long it then rests.
func TestDeadlinesDoNotOutliveTheirRequest(t *testing.T) {
	onVirtualTime(t, func(t *testing.T, p *pipes) {
		conn := p.dial()
		defer conn.Close()
		r := bufio.NewReader(conn)
		for _, request := range []string{
			post("/xrpc/com.example.echo", "application/json", `{"text":"a"}`),
			get("/xrpc/com.example.file?size=50000"),
			post("/xrpc/com.example.blob", "a/b", "abc"),
			chunked("/xrpc/com.example.act", "", ""),
			get("/xrpc/com.example.ping"),
		} {
			go func() { _, _ = io.WriteString(conn, request) }()
			if a := receive(t, r, request); a.StatusCode != 200 {
				t.Errorf("%.50q: %d", request, a.StatusCode)
			}
			time.Sleep(time.Hour)
		}
	})
}

// A handler may think for longer than any deadline on the connection.
func TestDeadlinesDoNotCutTheHandler(t *testing.T) {
	onVirtualTime(t, func(t *testing.T, p *pipes) {
		conn := p.dial()
		defer conn.Close()
		_, _ = io.WriteString(conn, post(waitPost, "application/json", "{}"))
		a := receive(t, bufio.NewReader(conn), "POST")
		if a.StatusCode != 503 { // it is Options.Timeout, 60 s, that ends it
			t.Errorf("%d %s", a.StatusCode, a.body)
		}
	})
}

func TestSlowReaders(t *testing.T) {
	for _, row := range []struct {
		name     string
		path     string
		piece    int
		every    time.Duration
		complete bool
	}{
		{"takes nothing of a stream", "/xrpc/com.example.image?size=500000", 0, 0, false},
		{"takes nothing of an answer", "/xrpc/com.example.big", 0, 0, false},
		{"takes 100 bytes a second", "/xrpc/com.example.image?size=500000", 100, time.Second, false},
		{"takes 4 KB a second", "/xrpc/com.example.image?size=200000", 4096, time.Second, true},
	} {
		t.Run(row.name, func(t *testing.T) {
			onVirtualTime(t, func(t *testing.T, p *pipes) {
				conn := p.dial()
				defer conn.Close()
				_, _ = io.WriteString(conn, get(row.path))
				if row.piece == 0 {
					time.Sleep(10 * time.Minute)
				}
				r := io.Reader(conn)
				if row.piece > 0 {
					r = &slowReader{conn, row.piece, row.every}
				}
				a := receive(t, bufio.NewReaderSize(r, 16), "GET")
				if complete := a.err == nil; complete != row.complete {
					t.Errorf("complete %v (%d bytes, %v)", complete, len(a.body), a.err)
				}
			})
		})
	}
}

type slowReader struct {
	from  io.Reader
	piece int
	every time.Duration
}

func (r *slowReader) Read(p []byte) (int, error) {
	time.Sleep(r.every * time.Duration(min(len(p), r.piece)) / time.Duration(r.piece))
	return r.from.Read(p[:min(len(p), r.piece)])
}

// The deadline of a handler that streams is its reader's pace, not the time of other handlers.
func TestUploadsOutliveTheTimeout(t *testing.T) {
	onVirtualTime(t, func(t *testing.T, p *pipes) {
		conn := p.dial()
		defer conn.Close()
		go func() {
			_, _ = io.WriteString(conn, request("POST", "/xrpc/com.example.blob", "", []string{"Content-Type: a/b", "Content-Length: 100000"}))
			for range 100 {
				time.Sleep(900 * time.Millisecond)
				if _, err := conn.Write(make([]byte, 1000)); err != nil {
					return
				}
			}
		}()
		if a := receive(t, bufio.NewReader(conn), "POST"); a.StatusCode != 200 {
			t.Errorf("%d %s", a.StatusCode, a.body)
		}
	})
}

// A body beyond its limit is refused as soon as that is known. It is read on then, so that its sender gets to see the
// answer, but neither without end nor for long. A pipe has no buffer: what was written was read.
func TestHugeBodies(t *testing.T) {
	const most = 17 << 20 // with the heads of chunks
	for name, headers := range map[string]string{
		"announced": "Content-Length: 1000000000",
		"chunked":   "Transfer-Encoding: chunked",
	} {
		for pace, pause := range map[string]time.Duration{"fast": 0, "slow": time.Second} {
			onVirtualTime(t, func(t *testing.T, p *pipes) {
				conn := p.dial()
				defer conn.Close()
				began := time.Now()
				var answered atomic.Bool
				taken := make(chan int, 1)
				go func() {
					n := 0
					_, _ = io.WriteString(conn, request("POST", "/xrpc/com.example.echo", "", []string{"Content-Type: application/json", headers}))
					for {
						piece := strings.Repeat(" ", 1024)
						if name == "chunked" {
							piece = "400\r\n" + piece + "\r\n"
						}
						if n > 160<<10 || name == "announced" {
							time.Sleep(pause)
						}
						if n > 300<<10 && !answered.Load() {
							t.Errorf("%s, %s: not answered after %d bytes", name, pace, n)
						}
						m, err := io.WriteString(conn, piece)
						if n += m; err != nil {
							taken <- n
							return
						}
					}
				}()
				if a := receive(t, bufio.NewReader(conn), "POST"); a.StatusCode != 413 || !a.Close {
					t.Errorf("%s, %s: %d %v", name, pace, a.StatusCode, a.Header)
				}
				answered.Store(true)
				if took := time.Since(began); took > time.Second {
					t.Errorf("%s, %s: answered after %v", name, pace, took)
				}
				if n := <-taken; n > most || pace == "fast" && n < 16<<20 {
					t.Errorf("%s, %s: %d bytes were read", name, pace, n)
				}
				if took := time.Since(began); took > 8*time.Second {
					t.Errorf("%s, %s: read for %v", name, pace, took)
				}
			})
		}
	}
}
