package xrpc_test

import (
	"bufio"
	"bytes"
	"compress/gzip"
	"compress/zlib"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"strconv"
	"strings"
	"testing"
	"time"
)

func TestHead(t *testing.T) {
	f := newFake(t, nil)
	conn, err := net.Dial("tcp", f.addr)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	r := bufio.NewReader(conn)
	for range 2 { // on one connection: a body where none belongs would spoil the second answer
		for _, path := range []string{"/xrpc/com.example.ping?limit=9", "/xrpc/com.example.big", "/xrpc/com.example.ping?limit=x"} {
			_, _ = io.WriteString(conn, request("HEAD", path, "", []string{"Accept-Encoding: gzip"}))
			head := receive(t, r, "HEAD")
			full := f.send(t, get(path))
			if head.StatusCode != full.StatusCode || len(head.body) != 0 {
				t.Errorf("%s: %d with %d bytes, GET says %d", path, head.StatusCode, len(head.body), full.StatusCode)
			}
			if head.Header.Get("Content-Length") != strconv.Itoa(len(full.body)) || head.Header.Get("Content-Encoding") != "" {
				t.Errorf("%s: length %q coding %q, GET has %d bytes", path, head.Header.Get("Content-Length"), head.Header.Get("Content-Encoding"), len(full.body))
			}
		}
	}
}

func TestHeadOfStreams(t *testing.T) {
	f := newFake(t, nil)
	a := f.send(t, request("HEAD", "/xrpc/com.example.image?size=5000&announce=5000", "", nil))
	if a.StatusCode != 200 || a.Header.Get("Content-Length") != "5000" || a.Header.Get("Content-Type") != "text/plain" || len(a.body) != 0 {
		t.Errorf("%d %v", a.StatusCode, a.Header)
	}
	if open, closed := <-f.waiting, <-f.waiting; open != "open" || closed != "closed" {
		t.Errorf("the stream was left %s, %s", open, closed)
	}
	a = f.send(t, request("HEAD", "/xrpc/com.example.file?size=5000", "", nil))
	if a.StatusCode != 200 || a.Header.Get("Content-Type") != "application/vnd.ipld.car" || len(a.body) != 0 {
		t.Errorf("%d %v", a.StatusCode, a.Header)
	}
}

func TestCORS(t *testing.T) {
	f := newFake(t, nil)
	for _, path := range []string{"/xrpc/com.example.ping", "/xrpc/com.example.echo", "/xrpc/com.example.nothing", "/xrpc/com.example.watch", "/xrpc/..", "/xrpc"} {
		a := f.send(t, request("OPTIONS", path, "", []string{"Origin: https://a.com", "Access-Control-Request-Method: POST", "Access-Control-Request-Headers: authorization,dpop"}))
		h := a.Header
		if a.StatusCode != 204 || h.Get("Access-Control-Allow-Origin") != "*" || h.Get("Access-Control-Max-Age") != "86400" ||
			h.Get("Access-Control-Allow-Headers") != "authorization,dpop" || h.Get("Access-Control-Allow-Methods") != "GET, HEAD, POST" {
			t.Errorf("preflight of %s: %d %v", path, a.StatusCode, h)
		}
	}
	for _, path := range []string{"/xrpc/com.example.ping", "/xrpc/com.example.nothing", "/xrpc/com.example.secret?did=did:web:a.com", "/xrpc/com.example.fail?how=panic", "/xrpc/com.example.file"} {
		h := f.send(t, get(path)).Header
		if h.Get("Access-Control-Allow-Origin") != "*" {
			t.Errorf("%s: no Access-Control-Allow-Origin", path)
		}
		for _, name := range []string{"DPoP-Nonce", "WWW-Authenticate", "RateLimit-Limit", "RateLimit-Remaining", "RateLimit-Reset", "RateLimit-Policy", "Retry-After"} {
			if !strings.Contains(h.Get("Access-Control-Expose-Headers"), name) {
				t.Errorf("%s: %s is not exposed", path, name)
			}
		}
	}
}

func TestHeaders(t *testing.T) {
	f := newFake(t, nil)
	anonymous := f.send(t, get("/xrpc/com.example.ping")).Header
	if anonymous.Get("Cache-Control") != "" || strings.Contains(strings.Join(anonymous.Values("Vary"), ","), "Authorization") {
		t.Errorf("anonymous: %v", anonymous)
	}
	if anonymous.Get("Content-Type") != "application/json; charset=utf-8" || anonymous.Get("X-Content-Type-Options") != "nosniff" || len(anonymous.Get("X-Request-Id")) < 16 {
		t.Errorf("anonymous: %v", anonymous)
	}
	for _, path := range []string{"/xrpc/com.example.secret?did=did:web:a.com", "/xrpc/com.example.fail?how=mapped"} {
		h := f.send(t, get(path, "Authorization: Bearer x")).Header
		if h.Get("Cache-Control") != "private" || !strings.Contains(strings.Join(h.Values("Vary"), ","), "Authorization") {
			t.Errorf("%s with a credential: %v", path, h)
		}
	}
	for _, credential := range [][]string{nil, {"Authorization: x"}} {
		h := f.send(t, get("/xrpc/com.example.secret?did=did:web:a.com", credential...)).Header
		if h.Get("Cache-Control") != "private" || strings.Count(strings.Join(h.Values("Vary"), ","), "Authorization") != 1 {
			t.Errorf("an answer that depends on the caller, asked with %q: %v", credential, h)
		}
	}
	if h := f.send(t, get("/xrpc/com.example.secret?did=did:web:a.com", "Authorization: x")).Header; h.Get("DPoP-Nonce") != "n1" {
		t.Error("a verifier's header is lost")
	}
	if h := f.send(t, get("/xrpc/com.example.secret?did=did:web:a.com")).Header; h.Get("WWW-Authenticate") != "Bearer" {
		t.Error("an error's header is lost")
	}
	if h := f.send(t, get("/xrpc/com.example.fail?how=limited")).Header; h.Get("Retry-After") != "17" {
		t.Error("Retry-After of the error is lost")
	}
	if h := f.send(t, get("/xrpc/com.example.fail?how=busy")).Header; h.Get("Retry-After") == "" {
		t.Error("503 without Retry-After")
	}
}

func TestCompressedResponses(t *testing.T) {
	f := newFake(t, nil)
	const bigPath, file = "/xrpc/com.example.big", "/xrpc/com.example.file?size=50000"
	for _, row := range []struct{ path, accept, coding string }{
		{bigPath, "", ""},
		{bigPath, "gzip", "gzip"},
		{bigPath, "deflate", "deflate"},
		{bigPath, "br", ""},
		{bigPath, "br, gzip;q=0.8, deflate", "deflate"},
		{bigPath, "gzip, deflate, br", "gzip"},
		{bigPath, "GZIP;Q=0.5", "gzip"},
		{bigPath, "gzip;q=0", ""},
		{bigPath, "gzip;q=nonsense", ""},
		{bigPath, "identity, gzip;q=0.5", ""},
		{bigPath, "identity;q=0.5, gzip", "gzip"},
		{bigPath, "*", "gzip"},
		{bigPath, "*;q=0", ""},
		{bigPath, "gzip;q=0, *", "deflate"},
		{"/xrpc/com.example.ping", "gzip", ""},
		{file, "", ""},
		{file, "gzip", "gzip"},
		{file, "deflate", "deflate"},
		{"/xrpc/com.example.file?size=500", "gzip", ""},
		{"/xrpc/com.example.file?size=0", "gzip", ""},
		{"/xrpc/com.example.image?size=50000&announce=50000", "gzip", ""},
		{"/xrpc/com.example.image?size=50000", "gzip", "gzip"},
	} {
		plain := f.send(t, get(row.path))
		a := f.send(t, get(row.path, "Accept-Encoding: "+row.accept))
		if got := a.Header.Get("Content-Encoding"); got != row.coding {
			t.Errorf("%s %q: coding %q, want %q", row.path, row.accept, got, row.coding)
			continue
		}
		var r io.Reader = bytes.NewReader(a.body)
		var err error
		switch row.coding {
		case "gzip":
			r, err = gzip.NewReader(r)
		case "deflate":
			r, err = zlib.NewReader(r)
		}
		if err != nil {
			t.Errorf("%s %q: %v", row.path, row.accept, err)
			continue
		}
		if body, err := io.ReadAll(r); err != nil || !bytes.Equal(body, plain.body) {
			t.Errorf("%s %q: %d bytes, want %d: %v", row.path, row.accept, len(body), len(plain.body), err)
		}
		if varies := strings.Contains(strings.Join(a.Header.Values("Vary"), ","), "Accept-Encoding"); row.coding != "" && !varies {
			t.Errorf("%s %q: no Vary", row.path, row.accept)
		}
		if length := a.Header.Get("Content-Length"); length != "" && length != fmt.Sprint(len(a.body)) {
			t.Errorf("%s %q: Content-Length %s of %d", row.path, row.accept, length, len(a.body))
		}
		if row.coding != "" && len(a.body) >= len(plain.body) {
			t.Errorf("%s %q: grew to %d", row.path, row.accept, len(a.body))
		}
	}
}

func TestStreamErrors(t *testing.T) {
	f := newFake(t, nil)
	for _, row := range []struct {
		query   string
		accept  string
		aborted bool
	}{
		{"size=0&fail=1", "", false},
		{"size=5000&fail=1", "", false},
		{"size=5000&fail=1000", "", false},
		{"size=5000&fail=1000", "gzip", false},
		{"size=5000&fail=2000", "", true},
		{"size=5000&fail=2000", "gzip", true},
		{"size=500000&fail=400000", "", true},
	} {
		a := f.send(t, get("/xrpc/com.example.file?"+row.query, "Accept-Encoding: "+row.accept))
		if row.aborted {
			if a.err == nil {
				t.Errorf("%s %s: %d and %d bytes as if complete", row.query, row.accept, a.StatusCode, len(a.body))
			}
			continue
		}
		var e struct{ Error string }
		_ = json.Unmarshal(a.body, &e)
		if a.StatusCode != 400 || e.Error != "InvalidSwap" || a.Header.Get("Content-Disposition") != "" || a.Header.Get("Content-Encoding") != "" {
			t.Errorf("%s %s: %d %s %v", row.query, row.accept, a.StatusCode, a.body, a.Header)
		}
	}
	if a := f.send(t, get("/xrpc/com.example.image?size=500&announce=5000")); a.err == nil {
		t.Error("a stream shorter than announced looks complete")
	}
	if a := f.send(t, get("/xrpc/com.example.image?size=5000&announce=500")); a.err == nil && len(a.body) != 500 {
		t.Errorf("a stream longer than announced: %d bytes", len(a.body))
	}
}

func TestSmallStreamsHaveALength(t *testing.T) {
	f := newFake(t, nil)
	a := f.send(t, get("/xrpc/com.example.file?size=500"))
	if a.Header.Get("Content-Length") != "500" || a.Header.Get("Content-Type") != "application/vnd.ipld.car" || !bytes.Equal(a.body, pattern(500)) {
		t.Errorf("%v", a.Header)
	}
	a = f.send(t, get("/xrpc/com.example.file?size=50000"))
	if len(a.TransferEncoding) != 1 || !bytes.Equal(a.body, pattern(50000)) {
		t.Errorf("%v %d bytes", a.Header, len(a.body))
	}
}

// The connection lives on after errors that leave the body unread, as long as that body is small.
func TestKeepAliveAfterErrors(t *testing.T) {
	f := newFake(t, nil)
	conn, err := net.Dial("tcp", f.addr)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	_ = conn.SetDeadline(time.Now().Add(10 * time.Second))
	r := bufio.NewReader(conn)
	for _, step := range []struct {
		request string
		status  int
	}{
		{post("/xrpc/com.example.secretEcho", "application/json", "{}"), 401},
		{post("/xrpc/com.example.echo", "text/plain", "{}"), 400},
		{post("/xrpc/com.example.ping", "text/plain", "{}"), 400},
		{chunked("/xrpc/com.example.act", "", "x"), 400},
		{post("/xrpc/com.example.echo", "application/json", `{"text":"a"}`), 200},
		{get("/xrpc/com.example.fail?how=panic"), 500},
		{get("/xrpc/com.example.ping"), 200},
		{post("/xrpc/com.example.echo", "application/json", strings.Repeat(" ", 200_000)), 413},
	} {
		go func() { _, _ = io.WriteString(conn, step.request) }()
		a := receive(t, r, step.request)
		if a.StatusCode != step.status {
			t.Fatalf("%.60q: %d, want %d: %s", step.request, a.StatusCode, step.status, a.body)
		}
		if a.StatusCode == 413 && !a.Close {
			t.Error("413 keeps the connection for the rest of the body")
		}
	}
}

func TestCauseIsLoggedOnce(t *testing.T) {
	f := newFake(t, nil)
	for _, how := range []string{"unknown", "upstream", "panic", "mapped"} {
		a := f.send(t, get("/xrpc/com.example.fail?how="+how))
		id := a.Header.Get("X-Request-Id")
		causes := 0
		for line := range strings.SplitSeq(f.waitLog(id), "\n") {
			var entry struct{ Msg, Request, Nsid, Level string }
			if json.Unmarshal([]byte(line), &entry) != nil || entry.Request != id {
				continue
			}
			if entry.Nsid != "com.example.fail" {
				t.Errorf("%s: %s", how, line)
			}
			if strings.Contains(line, "hunter2") || strings.Contains(line, "10.1.2.3") {
				causes++
			}
		}
		if want := 1; how != "mapped" && causes != want || how == "mapped" && causes != 0 {
			t.Errorf("%s: the cause is in %d lines\n%s", how, causes, f.log.String())
		}
	}
}

// waitLog waits for the access line of a request, which is written after the answer.
func (f *fake) waitLog(id string) string {
	for range 500 {
		if log := f.log.String(); strings.Contains(log, `"msg":"request","request":"`+id) {
			return log
		}
		time.Sleep(2 * time.Millisecond)
	}
	return f.log.String()
}

func TestAccessLog(t *testing.T) {
	f := newFake(t, nil)
	a := f.send(t, get("/xrpc/com.example.ping", "X-Forwarded-For: 203.0.113.7", "User-Agent: tester"))
	log := f.waitLog(a.Header.Get("X-Request-Id"))
	for _, want := range []string{`"verb":"GET"`, `"nsid":"com.example.ping"`, `"status":200`, `"bytes":12`, `"client":"203.0.113.7"`, `"agent":"tester"`} {
		if !strings.Contains(log, want) {
			t.Errorf("no %s in %s", want, log)
		}
	}
}

// Who sends everything before looking for an answer finds one, and no broken connection.
func TestAnswersToBodiesThatAreRefused(t *testing.T) {
	f := newFake(t, nil)
	piece := strings.Repeat(" ", 64<<10)
	for _, row := range []struct {
		path, kind string
		pieces     int
		status     int
	}{
		{"/xrpc/com.example.echo", "application/json", 100, 413},
		{"/xrpc/com.example.blob", "a/b", 100, 413},
		{"/xrpc/com.example.secretEcho", "application/json", 1, 401}, // within what net/http reads on its own
		{"/xrpc/com.example.secretEcho", "application/json", 100, 401},
		{"/xrpc/com.example.echo", "text/plain", 100, 400},
		{"/xrpc/com.example.act", "a/b", 100, 400},
	} {
		for _, announced := range []bool{false, true} {
			conn, err := net.Dial("tcp", f.addr)
			if err != nil {
				t.Fatal(err)
			}
			_ = conn.SetDeadline(time.Now().Add(10 * time.Second))
			length := "Transfer-Encoding: chunked"
			if announced {
				length = "Content-Length: " + contentLength(row.pieces*len(piece))
			}
			_, err = io.WriteString(conn, request("POST", row.path, "", []string{"Content-Type: " + row.kind, length}))
			for range row.pieces {
				part := piece
				if !announced {
					part = "10000\r\n" + piece + "\r\n"
				}
				if err == nil {
					_, err = io.WriteString(conn, part)
				}
			}
			if err == nil && !announced {
				_, err = io.WriteString(conn, "0\r\n\r\n")
			}
			if err != nil {
				t.Errorf("%s, announced %v: %v", row.path, announced, err)
			} else if a := receive(t, bufio.NewReader(conn), "POST"); a.StatusCode != row.status {
				t.Errorf("%s, announced %v: %d %s, want %d", row.path, announced, a.StatusCode, a.body, row.status)
			}
			_ = conn.Close()
		}
	}
}
