package proxy

import (
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"
)

// Requests by which somebody tries to get a header, a path or a body past the
// lists, to somewhere he may not go, or with rights that he does not have. They
// are written as bytes: clients of good manners would not send them. H stands
// for the headers of a good request.
var abuses = []struct {
	name    string
	request string
	status  string // of the answer; a prefix
	path    string // what the app view must be asked, if it is asked
}{
	// Into atproto-proxy.
	{"a line break in the header", "GET /xrpc/a.b.c HTTP/1.1\r\nHAtproto-Proxy: did:web:view.test\r\nX-Evil: 1#bsky_appview\r\n\r\n", "400", ""},
	{"a bare line feed", "GET /xrpc/a.b.c HTTP/1.1\r\nHAtproto-Proxy: did:web:view.test#bsky_appview\nX-Evil: 1\r\n\r\n", "200", "/xrpc/a.b.c"}, // a header of its own, which is not forwarded
	{"a bare carriage return", "GET /xrpc/a.b.c HTTP/1.1\r\nHAtproto-Proxy: did:web:view.test#bsky_appview\rX-Evil: 1\r\n\r\n", "400", ""},
	{"a NUL", "GET /xrpc/a.b.c HTTP/1.1\r\nHAtproto-Proxy: did:web:view.test#bsky_appview\x00\r\n\r\n", "400", ""},
	{"a space", "GET /xrpc/a.b.c HTTP/1.1\r\nHAtproto-Proxy: did:web:view.test #bsky_appview\r\n\r\n", "400", ""},
	{"a tab", "GET /xrpc/a.b.c HTTP/1.1\r\nHAtproto-Proxy: did:web:view.test#bsky\tappview\r\n\r\n", "400", ""},
	{"two services", "GET /xrpc/a.b.c HTTP/1.1\r\nHAtproto-Proxy: did:web:view.test#bsky_appview#x\r\n\r\n", "400", ""},
	{"two headers", "GET /xrpc/a.b.c HTTP/1.1\r\nHAtproto-Proxy: did:web:view.test#bsky_appview\r\nAtproto-Proxy: " + string(other) + "#x\r\n\r\n", "400", ""},
	{"64 KB", "GET /xrpc/a.b.c HTTP/1.1\r\nHAtproto-Proxy: did:web:" + strings.Repeat("a", 60<<10) + "#x\r\n\r\n", "400", ""},
	{"more than a header may have", "GET /xrpc/a.b.c HTTP/1.1\r\nHAtproto-Proxy: did:web:" + strings.Repeat("a", 2<<20) + "#x\r\n\r\n", "431", ""},
	{"a URL", "GET /xrpc/a.b.c HTTP/1.1\r\nHAtproto-Proxy: http://127.0.0.1#x\r\n\r\n", "400", ""},
	{"a DID of an address", "GET /xrpc/a.b.c HTTP/1.1\r\nHAtproto-Proxy: did:web:127.0.0.1#x\r\n\r\n", "400", ""},
	{"a DID with a port", "GET /xrpc/a.b.c HTTP/1.1\r\nHAtproto-Proxy: did:web:localhost%3A6379#x\r\n\r\n", "400", ""},
	{"a DID with a path", "GET /xrpc/a.b.c HTTP/1.1\r\nHAtproto-Proxy: did:web:view.test:..:x#bsky_appview\r\n\r\n", "400", ""},
	{"an escaped #", "GET /xrpc/a.b.c HTTP/1.1\r\nHAtproto-Proxy: did:web:view.test%23bsky_appview\r\n\r\n", "400", ""},
	{"full-width letters", "GET /xrpc/a.b.c HTTP/1.1\r\nHAtproto-Proxy: did:web:ｖiew.test#bsky_appview\r\n\r\n", "400", ""},
	{"a service of somebody at an internal address", "GET /xrpc/a.b.c HTTP/1.1\r\nHAtproto-Proxy: " + string(other) + "#x\r\n\r\n", "502", ""},
	{"the app view's id with another's DID", "GET /xrpc/a.b.c HTTP/1.1\r\nHAtproto-Proxy: " + string(other) + "#bsky_appview\r\n\r\n", "400", ""},

	// Methods that are not to be called this way.
	{"a protected method", "POST /xrpc/com.atproto.server.createAppPassword HTTP/1.1\r\nHAtproto-Proxy: did:web:view.test#bsky_appview\r\nContent-Type: application/json\r\nContent-Length: 2\r\n\r\n{}", "400", ""},
	{"in other letters", "POST /xrpc/com.atproto.server.CREATEAPPPASSWORD HTTP/1.1\r\nHContent-Length: 2\r\n\r\n{}", "400", ""},
	{"with a slash", "POST /xrpc/com.atproto.server.createAppPassword/ HTTP/1.1\r\nHContent-Length: 2\r\n\r\n{}", "400", ""},
	{"with two slashes", "POST /xrpc//com.atproto.server.createAppPassword HTTP/1.1\r\nHContent-Length: 2\r\n\r\n{}", "400", ""},
	{"escaped", "POST /xrpc/com.atproto.server.create%41ppPassword HTTP/1.1\r\nHContent-Length: 2\r\n\r\n{}", "400", ""},
	{"with a dot behind", "POST /xrpc/com.atproto.server.createAppPassword. HTTP/1.1\r\nHContent-Length: 2\r\n\r\n{}", "400", ""},
	{"with a parameter", "POST /xrpc/com.atproto.server.createAppPassword;x=1 HTTP/1.1\r\nHContent-Length: 2\r\n\r\n{}", "400", ""},
	{"with an escaped slash", "POST /xrpc/com.atproto.server.createAppPassword%2F HTTP/1.1\r\nHContent-Length: 2\r\n\r\n{}", "400", ""},
	{"in Cyrillic letters", "POST /xrpc/com.atprоto.server.createAppPassword HTTP/1.1\r\nHContent-Length: 2\r\n\r\n{}", "400", ""},
	{"by a fragment", "POST /xrpc/com.atproto.server.createAppPassword#x HTTP/1.1\r\nHContent-Length: 2\r\n\r\n{}", "400", ""},

	// Paths.
	{"up and away", "GET /xrpc/../admin HTTP/1.1\r\nH\r\n", "400", ""},
	{"up, escaped", "GET /xrpc/%2e%2e/admin HTTP/1.1\r\nH\r\n", "400", ""},
	{"up behind a method", "GET /xrpc/a.b.c/../../admin HTTP/1.1\r\nH\r\n", "400", ""},
	{"a slash in the method, escaped", "GET /xrpc/a.b.c%2Fadmin HTTP/1.1\r\nH\r\n", "400", ""},
	{"a backslash", "GET /xrpc/a.b.c\\admin HTTP/1.1\r\nH\r\n", "400", ""},
	{"a NUL in the path", "GET /xrpc/a.b.c%00 HTTP/1.1\r\nH\r\n", "400", ""},
	{"an absolute URL", "GET http://127.0.0.1/xrpc/a.b.c HTTP/1.1\r\nH\r\n", "200", "/xrpc/a.b.c"},
	{"an @ in the query", "GET /xrpc/a.b.c?@127.0.0.1/ HTTP/1.1\r\nH\r\n", "200", "/xrpc/a.b.c?@127.0.0.1/"},
	{"a line break in the query, escaped", "GET /xrpc/a.b.c?a=%0d%0aX-Evil:%201 HTTP/1.1\r\nH\r\n", "200", "/xrpc/a.b.c?a=%0d%0aX-Evil:%201"},
	{"a broken escape in the query", "GET /xrpc/a.b.c?a=%zz HTTP/1.1\r\nH\r\n", "200", "/xrpc/a.b.c?a=%zz"},
	{"CONNECT", "CONNECT 127.0.0.1:6379 HTTP/1.1\r\nH\r\n", "400", ""},
	{"TRACE", "TRACE /xrpc/a.b.c HTTP/1.1\r\nH\r\n", "400", ""},

	// Headers and bodies.
	{"headers of the connection", "GET /xrpc/a.b.c HTTP/1.1\r\nHKeep-Alive: 5\r\nProxy-Authorization: Basic eA==\r\nProxy-Connection: x\r\nTe: trailers\r\nUpgrade: websocket\r\nCookie: s=1\r\n\r\n", "200", "/xrpc/a.b.c"},
	{"a folded header", "GET /xrpc/a.b.c HTTP/1.1\r\nHAccept-Language: en\r\n X-Evil: 1\r\n\r\n", "200", "/xrpc/a.b.c"}, // one line, as it is read
	{"a space before the colon", "GET /xrpc/a.b.c HTTP/1.1\r\nHX-Atproto-A : 1\r\n\r\n", "400", ""},
	{"a control character in a value that is forwarded", "GET /xrpc/a.b.c HTTP/1.1\r\nHX-Atproto-A: a\x01b\r\n\r\n", "400", ""},
	{"a line break in a value that is forwarded", "GET /xrpc/a.b.c HTTP/1.1\r\nHX-Atproto-A: a\rX-Evil: 1\r\n\r\n", "400", ""},
	{"an authorization of another kind", "GET /xrpc/a.b.c HTTP/1.1\r\nHAuthorization: Basic eA==\r\n\r\n", "400", ""}, // two are none
	{"two lengths", "POST /xrpc/a.b.c HTTP/1.1\r\nHContent-Length: 2\r\nContent-Length: 40\r\n\r\n{}GET /evil HTTP/1.1\r\nX-Evil: 1\r\n\r\n", "400", ""},
	{"a length and chunks", "POST /xrpc/a.b.c HTTP/1.1\r\nHContent-Length: 4\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\nGET /evil HTTP/1.1\r\nX-Evil: 1\r\n\r\n", "200", "/xrpc/a.b.c"},
	{"chunks in disguise", "POST /xrpc/a.b.c HTTP/1.1\r\nHTransfer-Encoding: xchunked\r\n\r\n0\r\n\r\n", "501", ""},
	{"a trailer", "POST /xrpc/a.b.c HTTP/1.1\r\nHTransfer-Encoding: chunked\r\nTrailer: X-Evil\r\n\r\n2\r\n{}\r\n0\r\nX-Evil: 1\r\n\r\n", "200", "/xrpc/a.b.c"},
	{"a body of a query", "GET /xrpc/a.b.c HTTP/1.1\r\nHContent-Length: 28\r\nContent-Type: text/x-evil\r\n\r\nGET /evil HTTP/1.1\r\nX-Evil: 1", "200", "/xrpc/a.b.c"},
	{"another host", "GET /xrpc/a.b.c HTTP/1.1\r\nHX-Forwarded-Host: evil.test\r\nForwarded: host=evil.test\r\nX-Original-Url: /evil\r\n\r\n", "200", "/xrpc/a.b.c"},
}

func TestAbuse(t *testing.T) {
	if len(abuses) < 50 {
		t.Fatalf("only %d cases", len(abuses))
	}
	w := newWorld(t)
	for _, c := range abuses {
		t.Run(c.name, func(t *testing.T) {
			good := "Host: pds.test\r\nConnection: close\r\nAuthorization: Bearer TOKEN\r\n"
			line, rest, _ := strings.Cut(c.request, "\r\nH")
			answer := w.send(line + "\r\n" + good + rest)
			if !strings.HasPrefix(answer, "HTTP/1.1 "+c.status) {
				t.Errorf("%.200s, want %s", answer, c.status)
			}
			seen, _ := w.view.take()
			if c.path == "" && len(seen) > 0 || c.path != "" && (len(seen) != 1 || seen[0].URL.RequestURI() != c.path) {
				t.Fatalf("the app view was asked %v", seen)
			}
			for _, r := range seen {
				all := fmt.Sprint(r.Host, r.Header, r.Trailer)
				if i := strings.Index(all, "Accept-Language:[en X-Evil: 1]"); i >= 0 { // a value, not a header
					all = strings.Replace(all, "Accept-Language:[en X-Evil: 1]", "", 1)
				}
				for _, bad := range []string{"Evil", "evil", "Cookie", "Basic", "Keep-Alive", "Proxy-", "websocket", "pds.test", "eyJ"} {
					if strings.Contains(all, bad) {
						t.Errorf("%s got through: %s", bad, all)
					}
				}
				if r.Method == http.MethodGet && r.ContentLength != 0 {
					t.Errorf("a query with a body of %d", r.ContentLength)
				}
			}
		})
	}
	if seen, conns := w.canary.take(); len(seen)+conns > 0 {
		t.Errorf("%d connections to the internal service", conns)
	}
}

// A terabyte, be it sent or answered, goes through and is not kept.
func TestEndless(t *testing.T) {
	w := newWorld(t)
	w.view.answer = func(rw http.ResponseWriter, _ *http.Request) {
		rw.Header().Set("Content-Length", fmt.Sprint(1<<40))
		for {
			if _, err := rw.Write(make([]byte, 32<<10)); err != nil {
				return
			}
		}
	}
	r, _ := http.NewRequest("GET", w.server.URL+"/xrpc/a.b.c", nil)
	r.Header.Set("Authorization", "Bearer "+w.token("com.atproto.access"))
	resp, err := http.DefaultClient.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	if n, err := io.CopyN(io.Discard, resp.Body, 64<<20); err != nil || resp.ContentLength != 1<<40 {
		t.Errorf("%d of %d bytes, %v", n, resp.ContentLength, err)
	}
	resp.Body.Close() // and the upstream's connection ends with it: the test's end waits for that
}
