package xrpc_test

import (
	"bytes"
	"encoding/json"
	"strings"
	"testing"
)

// Content is given whole, in part, or not at all to who has it.
func TestContent(t *testing.T) {
	f := newFake(t, nil)
	const size = 200_000
	all := pattern(size)
	for _, c := range []struct {
		name    string
		verb    string
		headers []string
		status  int
		body    []byte
		length  string
		part    string // Content-Range
	}{
		{"whole", "GET", nil, 200, all, "200000", ""},
		{"whole, though compression is welcome", "GET", []string{"Accept-Encoding: gzip"}, 200, all, "200000", ""},
		{"head", "HEAD", nil, 200, nil, "200000", ""},
		{"first bytes", "GET", []string{"Range: bytes=0-9"}, 206, all[:10], "10", "bytes 0-9/200000"},
		{"from the middle", "GET", []string{"Range: bytes=150000-"}, 206, all[150_000:], "50000", "bytes 150000-199999/200000"},
		{"last bytes", "GET", []string{"Range: bytes=-5"}, 206, all[size-5:], "5", "bytes 199995-199999/200000"},
		{"a range that still holds", "GET", []string{"Range: bytes=0-0", `If-Range: "v1"`}, 206, all[:1], "1", "bytes 0-0/200000"},
		{"a range of an older version", "GET", []string{"Range: bytes=0-0", `If-Range: "v0"`}, 200, all, "200000", ""},
		{"what the client has", "GET", []string{`If-None-Match: "v0", "v1"`}, 304, nil, "", ""},
		{"another version", "GET", []string{`If-None-Match: "v0"`}, 200, all, "200000", ""},
	} {
		a := f.send(t, request(c.verb, "/xrpc/com.example.movie?size=200000", "", c.headers))
		if a.StatusCode != c.status || !bytes.Equal(a.body, c.body) || a.err != nil {
			t.Errorf("%s: %d with %d bytes, %v", c.name, a.StatusCode, len(a.body), a.err)
		}
		if got := a.Header.Get("Content-Length"); got != c.length {
			t.Errorf("%s: Content-Length %q, want %q", c.name, got, c.length)
		}
		if got := a.Header.Get("Content-Range"); got != c.part {
			t.Errorf("%s: Content-Range %q, want %q", c.name, got, c.part)
		}
		if a.Header.Get("Etag") != `"v1"` || a.Header.Get("Content-Encoding") != "" || a.Header.Get("X-Content-Type-Options") != "nosniff" {
			t.Errorf("%s: %v", c.name, a.Header)
		}
		if open, closed := <-f.waiting, <-f.waiting; open != "open" || closed != "closed" {
			t.Errorf("%s: the content was left %s, %s", c.name, open, closed)
		}
	}
}

// A range that is not there is an error like all others, in JSON.
func TestContentOutOfRange(t *testing.T) {
	f := newFake(t, nil)
	a := f.send(t, get("/xrpc/com.example.movie?size=10", "Range: bytes=10-"))
	var e struct{ Error, Message string }
	if err := json.Unmarshal(a.body, &e); err != nil || a.StatusCode != 416 || e.Error != "InvalidRequest" || e.Message == "" {
		t.Errorf("%d %s", a.StatusCode, a.body)
	}
	if a.Header.Get("Content-Range") != "bytes */10" || a.Header.Get("Content-Disposition") != "" || !strings.HasPrefix(a.Header.Get("Content-Type"), "application/json") {
		t.Errorf("%v", a.Header)
	}
}

// Content that breaks off is not taken for whole, and the reason is logged.
func TestContentThatBreaksOff(t *testing.T) {
	f := newFake(t, nil)
	if a := f.send(t, get("/xrpc/com.example.movie?size=200000&broken=100000")); a.err == nil {
		t.Errorf("%d with %d bytes and no error", a.StatusCode, len(a.body))
	}
	if !strings.Contains(f.log.String(), "scratched") {
		t.Error("the cause was not logged")
	}
}
