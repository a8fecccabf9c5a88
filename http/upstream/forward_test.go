package upstream

import (
	"net/http"
	"strings"
	"testing"

	"troupe/http/xrpc"
)

// What goes up: the request as it is on the wire, to the byte but for the token.
func TestWhatIsSent(t *testing.T) {
	v := newView(t, nil)
	w := newWorld(t, v, nil)
	all := http.Header{
		"Accept-Language": {"en", "de;q=0.5"}, "Atproto-Accept-Labelers": {"did:plc:a;redact"}, "X-Bsky-Topics": {"cats"},
		"X-Atproto-Anything": {"1"}, "X-Atproto-Lang": {"x", "y"}, "Accept-Encoding": {"br, gzip"},
		"Cookie": {"a=b"}, "User-Agent": {"client"}, "X-Forwarded-For": {"1.2.3.4"}, "Forwarded": {"for=1.2.3.4"}, "Dpop": {"proof"},
		"Authorization": {"Bearer session"}, "Origin": {"https://evil.test"}, "Referer": {"https://evil.test/x"}, "Te": {"trailers"},
		"X-Real-Ip": {"1.2.3.4"}, "Proxy-Authorization": {"Basic x"}, "X-Atprotox": {"no"}, "If-None-Match": {`"x"`}, "Range": {"bytes=0-1"},
		"Atproto-Proxy": {viewDID.String() + "#bsky_appview"}, "Content-Type": {"text/plain"}, "Via": {"x"}, "Upgrade": {"h2c"},
	}
	for _, c := range []struct {
		name, verb, target string
		header             http.Header
		body               string
		want               string
	}{
		{"everything", "GET", "/xrpc/app.bsky.feed.getTimeline?limit=1&x=%2F%20+;a&cursor=..", all, "", "" +
			"GET /xrpc/app.bsky.feed.getTimeline?limit=1&x=%2F%20+;a&cursor=.. HTTP/1.1\r\n" +
			"Host: HOST\r\n" +
			"User-Agent: troupe-pds\r\n" +
			"Accept-Encoding: br, gzip\r\n" +
			"Accept-Language: en, de;q=0.5\r\n" +
			"Atproto-Accept-Labelers: did:plc:a;redact\r\n" +
			"Authorization: Bearer TOKEN\r\n" +
			"X-Atproto-Anything: 1\r\n" +
			"X-Atproto-Lang: x, y\r\n" +
			"X-Bsky-Topics: cats\r\n"},
		{"nothing", "GET", "/xrpc/app.bsky.feed.getTimeline/?", nil, "", "" +
			"GET /xrpc/app.bsky.feed.getTimeline/? HTTP/1.1\r\n" +
			"Host: HOST\r\n" +
			"User-Agent: troupe-pds\r\n" +
			"Accept-Encoding: identity\r\n" +
			"Authorization: Bearer TOKEN\r\n"},
		{"a procedure", "POST", "/xrpc/app.bsky.graph.muteActor", http.Header{
			"Content-Type": {"application/json; charset=utf-8"}, "Content-Encoding": {"gzip"}, "Accept-Encoding": {"identity"},
		}, "not really gzip", "" +
			"POST /xrpc/app.bsky.graph.muteActor HTTP/1.1\r\n" +
			"Host: HOST\r\n" +
			"User-Agent: troupe-pds\r\n" +
			"Content-Length: 15\r\n" +
			"Accept-Encoding: identity\r\n" +
			"Authorization: Bearer TOKEN\r\n" +
			"Content-Encoding: gzip\r\n" +
			"Content-Type: application/json; charset=utf-8\r\n"},
		{"a procedure without a body", "POST", "/xrpc/app.bsky.notification.putPreferences", nil, "", "" +
			"POST /xrpc/app.bsky.notification.putPreferences HTTP/1.1\r\n" +
			"Host: HOST\r\n" +
			"User-Agent: troupe-pds\r\n" +
			"Content-Length: 0\r\n" +
			"Accept-Encoding: identity\r\n" +
			"Authorization: Bearer TOKEN\r\n"},
		{"what Connection names", "GET", "/xrpc/a.b.c", http.Header{
			"Connection": {"close, X-Atproto-Secret", "accept-language"}, "X-Atproto-Secret": {"1"}, "Accept-Language": {"en"}, "X-Atproto-Open": {"1"},
		}, "", "" +
			"GET /xrpc/a.b.c HTTP/1.1\r\n" +
			"Host: HOST\r\n" +
			"User-Agent: troupe-pds\r\n" +
			"Accept-Encoding: identity\r\n" +
			"Authorization: Bearer TOKEN\r\n" +
			"X-Atproto-Open: 1\r\n"},
	} {
		t.Run(c.name, func(t *testing.T) {
			resp := w.call(c.verb, c.target, c.header, strings.NewReader(c.body), w.pass)
			if resp.StatusCode != 200 {
				t.Fatalf("%d %s", resp.StatusCode, text(t, resp))
			}
			head, r, body := v.last(t)
			head = strings.ReplaceAll(strings.ReplaceAll(head, r.Header.Get("Authorization"), "Bearer TOKEN"), r.Host, "HOST")
			if head != c.want {
				t.Errorf("sent\n%s\nwant\n%s", head, c.want)
			}
			if body != c.body {
				t.Errorf("the body was %q", body)
			}
			method := strings.Trim(strings.TrimPrefix(r.URL.Path, "/xrpc/"), "/")
			if claims := w.claims(r); claims["iss"] != aliceDID.String() || claims["aud"] != viewDID.String() || claims["lxm"] != method {
				t.Errorf("token %v", claims)
			}
		})
	}
}

// An answer that was read is handed on as it was read, any other as it came.
func TestForward(t *testing.T) {
	v := newView(t, func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "application/json; charset=utf-8")
		w.Header().Set("Atproto-Repo-Rev", "3kabc")
		w.Header().Set("Content-Encoding", "gzip")
		w.Write(packed(`{"feed":[]}`))
	})
	w := newWorld(t, v, nil)
	for _, read := range []bool{false, true} {
		resp := w.call("GET", "/xrpc/app.bsky.feed.getTimeline?limit=5", http.Header{"Accept-Encoding": {"gzip, br"}}, nil, func(rw http.ResponseWriter, r *http.Request) error {
			a, err := w.Forward(r.Context(), aliceDID)
			if err != nil {
				return err
			}
			if a.Header.Get("Atproto-Repo-Rev") != "3kabc" {
				t.Errorf("header %v", a.Header)
			}
			if read {
				if body, err := a.Body(); err != nil || string(body) != `{"feed":[]}` {
					t.Errorf("%s, %v", body, err)
				}
			}
			return xrpc.Respond(r, a.Stream())
		})
		got := text(t, resp)
		if !read && (got != string(packed(`{"feed":[]}`)) || resp.Header.Get("Content-Encoding") != "gzip") || read && (got != `{"feed":[]}` || resp.Header.Get("Content-Encoding") != "") {
			t.Errorf("read %v: %q %v", read, got, resp.Header)
		}
		if _, r, _ := v.last(t); r.Header.Get("Accept-Encoding") != "identity;q=1,gzip;q=0.3,br;q=0.1" || r.URL.RawQuery != "limit=5" {
			t.Errorf("sent %v %s", r.Header, r.URL)
		}
	}
	if v.conns != 1 {
		t.Errorf("%d connections", v.conns)
	}
}
