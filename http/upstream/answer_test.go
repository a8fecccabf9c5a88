package upstream

import (
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"
)

// What comes back of what an upstream says.
func TestWhatComesBack(t *testing.T) {
	const plain = "text/plain; charset=utf-8"
	for _, c := range []struct {
		name   string
		verb   string
		answer http.HandlerFunc
		status int
		header map[string]string // "-" must not be there
		body   string
	}{
		{"an answer", "GET", say(200, `{"a":1}`, "Content-Type", "application/json", "Content-Language", "de", "Atproto-Repo-Rev", "3k",
			"Atproto-Content-Labelers", "did:a", "Retry-After", "7"), 200,
			map[string]string{"Content-Type": "application/json", "Content-Language": "de", "Atproto-Repo-Rev": "3k",
				"Atproto-Content-Labelers": "did:a", "Retry-After": "7", "Content-Length": "7"}, `{"a":1}`},
		{"what is not for clients", "GET", say(200, `x`, "Content-Type", plain, "Set-Cookie", "a=b", "Content-Security-Policy", "default-src *",
			"Location", "https://evil.test", "Access-Control-Allow-Origin", "https://evil.test", "Server", "x", "Etag", `"x"`, "X-Request-Id", "theirs",
			"Strict-Transport-Security", "max-age=0", "Www-Authenticate", "Basic", "Dpop-Nonce", "n", "Cache-Control", "public", "Link", "</x>", "Alt-Svc", "h3",
			"Clear-Site-Data", "*", "Refresh", "0", "Content-Disposition", "inline", "X-Atproto-Anything", "1", "Ratelimit-Limit", "1", "Vary", "*"), 200,
			map[string]string{"Set-Cookie": "-", "Content-Security-Policy": "default-src 'none'; sandbox", "Location": "-", "Access-Control-Allow-Origin": "*",
				"Server": "-", "Etag": "-", "Strict-Transport-Security": "-", "Www-Authenticate": "-", "Dpop-Nonce": "-", "Cache-Control": "private",
				"Link": "-", "Alt-Svc": "-", "Clear-Site-Data": "-", "Refresh": "-", "Content-Disposition": "-", "X-Atproto-Anything": "-",
				"Ratelimit-Limit": "-", "X-Content-Type-Options": "nosniff", "Vary": "Authorization"}, "x"},
		{"several lines of a header", "GET", func(w http.ResponseWriter, _ *http.Request) {
			w.Header()["Atproto-Content-Labelers"] = []string{"did:a", "did:b"}
			w.Header()["Content-Type"] = []string{"application/json"}
		}, 200, map[string]string{"Atproto-Content-Labelers": "did:a,did:b"}, ""},
		{"no type", "GET", func(w http.ResponseWriter, _ *http.Request) {
			w.Header()["Content-Type"] = nil
			io.WriteString(w, "<html><script>")
		}, 200, map[string]string{"Content-Type": "-"}, "<html><script>"},
		{"bytes of a coding", "GET", say(200, "\x1f\x8b not gzip", "Content-Type", plain, "Content-Encoding", "gzip"), 200,
			map[string]string{"Content-Encoding": "gzip", "Content-Length": "11"}, "\x1f\x8b not gzip"},
		{"a coding nobody knows", "GET", say(200, "zzz", "Content-Type", plain, "Content-Encoding", "zstd"), 200,
			map[string]string{"Content-Encoding": "zstd"}, "zzz"},
		{"only the head", "HEAD", say(200, strings.Repeat("x", 5000), "Content-Type", plain, "Content-Length", "5000"), 200,
			map[string]string{"Content-Length": "5000"}, ""},
		{"no content", "POST", say(204, ""), 204, nil, ""},
		{"a redirect", "GET", say(302, "moved", "Content-Type", plain, "Location", "http://169.254.169.254/"), 302, map[string]string{"Location": "-"}, "moved"},
		{"a redirect of a procedure", "POST", say(307, "", "Location", "/elsewhere"), 307, map[string]string{"Location": "-"}, ""},
		{"partial content", "GET", say(206, "abc", "Content-Type", plain, "Content-Range", "bytes 0-2/9"), 206, map[string]string{"Content-Range": "-"}, "abc"},

		{"an error", "GET", say(400, `{"error":"NotFound","message":"no such post","extra":{"a":1}}`, "Content-Type", "application/json", "Atproto-Repo-Rev", "3k", "Set-Cookie", "a=b"), 400,
			map[string]string{"Atproto-Repo-Rev": "3k", "Set-Cookie": "-", "Content-Type": "application/json; charset=utf-8"}, `{"error":"NotFound","message":"no such post"}`},
		{"an error of another JSON type", "GET", say(404, `{"error":"A"}`, "Content-Type", "application/problem+json"), 404, nil, `{"error":"A","message":"Not Found"}`},
		{"an error without a type", "GET", func(w http.ResponseWriter, _ *http.Request) {
			w.Header()["Content-Type"] = nil
			w.WriteHeader(409)
			io.WriteString(w, `{"error":"B","message":"b"}`)
		}, 409, nil, `{"error":"B","message":"b"}`},
		{"an error that is packed", "GET", say(400, string(packed(`{"error":"Packed","message":"m"}`)), "Content-Type", "application/json", "Content-Encoding", "gzip"), 400,
			map[string]string{"Content-Encoding": "-"}, `{"error":"Packed","message":"m"}`},
		{"an error that is broken", "GET", say(400, "not gzip", "Content-Type", "application/json", "Content-Encoding", "gzip"), 400, nil, `{"error":"InvalidRequest","message":"Bad Request"}`},
		{"an error that is a page", "GET", say(400, "<html>secret</html>", "Content-Type", "text/html"), 400, nil, `{"error":"InvalidRequest","message":"Bad Request"}`},
		{"an error of the wrong shape", "GET", say(401, `{"error":{"a":1},"message":[2]}`, "Content-Type", "application/json"), 401, nil, `{"error":"AuthenticationRequired","message":"Unauthorized"}`},
		{"an error that is no object", "GET", say(403, `["a"]`, "Content-Type", "application/json"), 403, nil, `{"error":"Forbidden","message":"Forbidden"}`},
		{"an error as large as a book", "GET", say(400, `{"error":"`+strings.Repeat("x", maxError)+`"}`, "Content-Type", "application/json"), 400, nil, `{"error":"InvalidRequest","message":"Bad Request"}`},
		{"an internal error", "GET", say(500, `{"error":"InternalServerError","message":"stack trace"}`, "Content-Type", "application/json"), 502, nil, `{"error":"InternalServerError","message":"stack trace"}`},
		{"an internal error without words", "GET", say(500, "oops", "Content-Type", plain), 502, nil, `{"error":"UpstreamFailure","message":"Bad Gateway"}`},
		{"501", "GET", say(501, `{"error":"MethodNotImplemented","message":"x"}`, "Content-Type", "application/json"), 501, nil, `{"error":"MethodNotImplemented","message":"x"}`},
		{"503", "GET", say(503, "", "Retry-After", "120"), 503, map[string]string{"Retry-After": "120"}, `{"error":"NotEnoughResources","message":"Service Unavailable"}`},
		{"429", "GET", say(429, `{"error":"RateLimitExceeded","message":"slow down"}`, "Content-Type", "application/json", "Retry-After", "3", "Ratelimit-Remaining", "0"), 429,
			map[string]string{"Retry-After": "3", "Ratelimit-Remaining": "-"}, `{"error":"RateLimitExceeded","message":"slow down"}`},
		{"beyond what statuses are", "GET", say(799, "", "Content-Type", "application/json"), 502, nil, `{"error":"UpstreamFailure","message":"Bad Gateway"}`},
	} {
		t.Run(c.name, func(t *testing.T) {
			v := newView(t, c.answer)
			w := newWorld(t, v, nil)
			resp := w.call(c.verb, "/xrpc/app.bsky.feed.getThings", http.Header{"Authorization": {"Bearer x"}, "Accept-Encoding": {"gzip"}}, nil, w.pass)
			if got := strings.TrimSpace(text(t, resp)); resp.StatusCode != c.status || got != c.body {
				t.Errorf("%d %q", resp.StatusCode, got)
			}
			for name, want := range c.header {
				got := strings.Join(resp.Header[name], "|")
				if want == "-" && got != "" && name != "Server" || want != "-" && got != want {
					t.Errorf("%s: %q, want %q", name, got, want)
				}
			}
			if id := resp.Header.Get("X-Request-Id"); id == "theirs" || id == "" {
				t.Errorf("X-Request-Id: %q", id)
			}
		})
	}
}

// say answers with a status, a body and pairs of headers.
func say(status int, body string, header ...string) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) {
		for i := 0; i < len(header); i += 2 {
			w.Header().Set(header[i], header[i+1])
		}
		w.WriteHeader(status)
		io.WriteString(w, body)
	}
}

// What is read here is bounded when it is decoded, and says whose fault it is.
func TestWhatIsReadHere(t *testing.T) {
	bomb := string(packed(strings.Repeat("x", 1<<20)))
	for _, c := range []struct {
		name   string
		answer http.HandlerFunc
		status int
		want   string
	}{
		{"plain", say(200, "abc"), 200, "abc"},
		{"packed", say(200, string(packed("abc")), "Content-Encoding", "gzip"), 200, "abc"},
		{"exactly as much as allowed", say(200, strings.Repeat("x", 1000)), 200, strings.Repeat("x", 1000)},
		{"announced too large", say(200, strings.Repeat("x", 1001)), 502, "could not be read"},
		{"too large without saying so", func(w http.ResponseWriter, _ *http.Request) {
			for range 200 {
				io.WriteString(w, "0123456789")
				w.(http.Flusher).Flush()
			}
		}, 502, "could not be read"},
		{"a bomb", say(200, bomb, "Content-Encoding", "gzip"), 502, "could not be read"},
		{"broken", say(200, "abc", "Content-Encoding", "gzip"), 502, "could not be read"},
		{"cut off", func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Length", "100")
			io.WriteString(w, "abc")
		}, 502, "could not be read"},
		{"two codings", say(200, "abc", "Content-Encoding", "gzip, br"), 502, "could not be read"},
		{"a coding that was not asked for", say(200, "abc", "Content-Encoding", "zstd"), 502, "could not be read"},
	} {
		t.Run(c.name, func(t *testing.T) {
			v := newView(t, c.answer)
			w := newWorld(t, v, func(o *Options) { o.MaxResponse = 1000 })
			resp := w.call("GET", "/xrpc/app.bsky.feed.getTimeline", http.Header{"Accept-Encoding": {"gzip"}}, nil, func(rw http.ResponseWriter, r *http.Request) error {
				a, err := w.Forward(r.Context(), aliceDID)
				if err != nil {
					return err
				}
				defer a.Close()
				for range 2 { // it may be read again
					body, err := a.Body()
					if err != nil {
						return err
					}
					if string(body) != c.want {
						t.Errorf("read %.20q", body)
					}
				}
				return nil
			})
			if got := text(t, resp); resp.StatusCode != c.status || c.status != 200 && !strings.Contains(got, "could not be read") {
				t.Errorf("%d %s", resp.StatusCode, got)
			}
			if used := w.held.used.Load(); used != 0 {
				t.Errorf("%d bytes are still counted", used)
			}
		})
	}
}

// All that is held at a time is bounded, too.
func TestMemoryOfAnswers(t *testing.T) {
	v := newView(t, say(200, strings.Repeat("x", 100_000)))
	w := newWorld(t, v, nil)
	w.held.max = 150_000
	resp := w.call("GET", "/xrpc/app.bsky.feed.getTimeline", nil, nil, func(rw http.ResponseWriter, r *http.Request) error {
		first, err := w.Forward(r.Context(), aliceDID)
		if err != nil {
			return err
		}
		defer first.Close()
		if _, err := first.Body(); err != nil {
			return err
		}
		second, err := w.Forward(r.Context(), aliceDID)
		if err != nil {
			return err
		}
		defer second.Close()
		_, err = second.Body()
		return err
	})
	if resp.StatusCode != 503 || w.held.used.Load() != 0 {
		t.Errorf("%d %s, %d bytes are still counted", resp.StatusCode, text(t, resp), w.held.used.Load())
	}
}

// A body comes through as it is made, whatever its size, with little held.
func TestStreaming(t *testing.T) {
	next := make(chan struct{})
	v := newView(t, func(w http.ResponseWriter, _ *http.Request) {
		for range 3 {
			io.WriteString(w, "piece")
			w.(http.Flusher).Flush()
			<-next
		}
	})
	w := newWorld(t, v, nil)
	s := httptest.NewServer(w.server(w.pass))
	defer s.Close()
	resp, err := http.Get(s.URL + "/xrpc/app.bsky.feed.getTimeline")
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	piece := make([]byte, 5)
	for range 3 {
		if _, err := io.ReadFull(resp.Body, piece); err != nil { // it is here before the next is made
			t.Fatal(err)
		}
		next <- struct{}{}
	}
	http.DefaultClient.CloseIdleConnections()
}

func TestStreamingUp(t *testing.T) {
	got := make(chan string)
	v := &view{}
	v.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		piece := make([]byte, 5)
		for {
			if _, err := io.ReadFull(r.Body, piece); err != nil {
				return
			}
			got <- string(piece)
		}
	}))
	t.Cleanup(v.Close)
	w := newWorld(t, v, func(o *Options) { o.HeadersTimeout = time.Second })
	r, body := io.Pipe()
	go func() {
		for range 3 {
			io.WriteString(body, "piece")
			<-got // it is there before the next is sent
		}
		body.Close()
	}()
	if resp := w.call("POST", "/xrpc/app.bsky.video.upload", http.Header{"Content-Type": {"video/mp4"}}, r, w.pass); resp.StatusCode != 200 {
		t.Errorf("%d %s", resp.StatusCode, text(t, resp))
	}
}
