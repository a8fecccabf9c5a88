package xrpc_test

import (
	"bufio"
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/bluesky-social/indigo/atproto/syntax"
	"github.com/labstack/echo/v4"

	"troupe/actors/lexicon"
	"troupe/http/xrpc"
)

type (
	nobody struct{}
	caller struct{ token string }
)

func asAnyone(*xrpc.Call) (nobody, error) { return nobody{}, nil }

func asCaller(c *xrpc.Call) (caller, error) {
	c.Private()
	token := c.Request.Header.Get("Authorization")
	if token == "" {
		return caller{}, &xrpc.Error{Status: 401, Name: "AuthMissing", Message: "Authentication Required", Header: http.Header{"Www-Authenticate": {"Bearer"}}}
	}
	c.Header().Set("DPoP-Nonce", "n1")
	return caller{token}, nil
}

type pingParams struct {
	DID    syntax.DID    `query:"did"`
	Limit  int           `query:"limit"`
	Flag   *bool         `query:"flag"`
	Names  []string      `query:"names"`
	NSIDs  []syntax.NSID `query:"nsids"`
	Cursor *string       `query:"cursor"`
}

type ping struct {
	DID    syntax.DID    `json:"did,omitempty"`
	Limit  int           `json:"limit"`
	Flag   *bool         `json:"flag,omitempty"`
	Names  []string      `json:"names,omitempty"`
	NSIDs  []syntax.NSID `json:"nsids,omitempty"`
	Cursor *string       `json:"cursor,omitempty"`
}

type echoInput struct {
	Text string     `json:"text"`
	N    int        `json:"n"`
	DID  syntax.DID `json:"did,omitempty"`
}

type sum struct {
	Size   int    `json:"size"`
	Sum    string `json:"sum"`
	Type   string `json:"type,omitempty"`
	Length int64  `json:"length,omitempty"`
}

func sumOf(b []byte) sum {
	h := sha256.Sum256(b)
	return sum{Size: len(b), Sum: hex.EncodeToString(h[:4])}
}

var errMapped = errors.New("swapped")

func translate(err error) *xrpc.Error {
	if errors.Is(err, errMapped) {
		return &xrpc.Error{Status: 400, Name: "InvalidSwap", Message: "Commit was at another place"}
	}
	return nil
}

// fake is a server over fake routes on a real socket.
type fake struct {
	*httptest.Server
	xrpc *xrpc.Server
	addr string
	log  *logBuffer

	hold    chan struct{} // closed by a test to let waiting handlers go on
	waiting chan string   // told when a handler begins to wait; "gone" when its context ended first
}

type logBuffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (l *logBuffer) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.Write(p)
}

func (l *logBuffer) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.String()
}

const blobLimit = 100_000

func pattern(n int) []byte {
	b := make([]byte, n)
	for i := range b {
		b[i] = byte(i % 251)
	}
	return b
}

func newFake(t testing.TB, change func(*xrpc.Options)) *fake {
	t.Helper()
	f := &fake{log: &logBuffer{}, hold: make(chan struct{}), waiting: make(chan string, 100)}
	var documents [][]byte
	for _, l := range fakeLexicons {
		documents = append(documents, []byte(l))
	}
	catalog, err := lexicon.Parse(documents...)
	if err != nil {
		t.Fatal(err)
	}
	o := xrpc.Options{Log: slog.New(slog.NewJSONHandler(f.log, nil)), CheckOutput: true}
	if change != nil {
		change(&o)
	}
	f.xrpc = xrpc.NewServer(f.routes(), catalog, translate, o)
	e := echo.New()
	e.GET("/xrpc/_health", func(c echo.Context) error { return c.String(200, "fine") })
	f.xrpc.Mount(e)
	f.Server = httptest.NewServer(f.xrpc.Before(e))
	f.addr = f.Listener.Addr().String()
	t.Cleanup(f.Close)
	return f
}

func (f *fake) wait(ctx context.Context) error {
	f.waiting <- "in"
	select {
	case <-f.hold:
		return nil
	case <-ctx.Done():
		f.waiting <- "gone"
		return ctx.Err()
	}
}

func (f *fake) routes() []xrpc.Route {
	type fileParams struct {
		Size int `query:"size"`
		Fail int `query:"fail"`
	}
	type imageParams struct {
		Size     int   `query:"size"`
		Announce int64 `query:"announce"`
	}
	type movieParams struct {
		Size   int   `query:"size"`
		Broken int64 `query:"broken"`
	}
	return []xrpc.Route{
		xrpc.Query("com.example.ping", asAnyone, func(_ context.Context, _ nobody, p pingParams) (ping, error) { return ping(p), nil }),
		xrpc.Query("com.example.secret", asCaller, func(_ context.Context, who caller, p struct {
			DID syntax.DID `query:"did"`
		}) (map[string]string, error) {
			return map[string]string{"token": who.token, "did": string(p.DID)}, nil
		}),
		xrpc.Procedure("com.example.echo", asAnyone, func(_ context.Context, _ nobody, in echoInput) (echoInput, error) { return in, nil }),
		xrpc.Procedure("com.example.secretEcho", asCaller, func(_ context.Context, _ caller, in struct{}) (xrpc.None, error) { return xrpc.None{}, nil }),
		xrpc.Procedure("com.example.record", asAnyone, func(_ context.Context, _ nobody, in struct {
			Record json.RawMessage `json:"record"`
		}) (sum, error) {
			return sumOf(in.Record), nil
		}, xrpc.BodyLimit(1_000_000)),
		xrpc.Procedure("com.example.raw", asAnyone, func(_ context.Context, _ nobody, in json.RawMessage) (sum, error) { return sumOf(in), nil }),
		xrpc.Procedure("com.example.act", asAnyone, func(context.Context, nobody, xrpc.None) (xrpc.None, error) { return xrpc.None{}, nil }),
		xrpc.Procedure("com.example.blob", asAnyone, func(_ context.Context, _ nobody, in xrpc.Body) (sum, error) {
			b, err := io.ReadAll(in)
			if err != nil {
				return sum{}, fmt.Errorf("read blob: %w", err)
			}
			s := sumOf(b)
			s.Type, s.Length = in.ContentType, in.Length
			return s, nil
		}, xrpc.BodyLimit(blobLimit)),
		xrpc.Procedure("com.example.import", asAnyone, func(_ context.Context, _ nobody, in xrpc.Body) (xrpc.None, error) {
			_, err := io.Copy(io.Discard, in)
			return xrpc.None{}, err
		}),
		xrpc.Procedure("com.example.note", asAnyone, func(_ context.Context, _ nobody, in xrpc.Body) (xrpc.None, error) {
			_, err := io.Copy(io.Discard, in)
			return xrpc.None{}, err
		}),
		xrpc.Query("com.example.file", asAnyone, func(_ context.Context, _ nobody, p fileParams) (xrpc.Stream, error) {
			return xrpc.Stream{Header: http.Header{"Content-Disposition": {"attachment"}}, Write: func(_ context.Context, w io.Writer) error {
				for _, c := range pattern(p.Size) {
					if p.Fail > 0 {
						if p.Fail--; p.Fail == 0 {
							return errMapped
						}
					}
					if _, err := w.Write([]byte{c}); err != nil {
						return err
					}
				}
				if p.Fail > 0 {
					return errMapped
				}
				return nil
			}}, nil
		}),
		xrpc.Query("com.example.image", asAnyone, func(_ context.Context, _ nobody, p imageParams) (xrpc.Stream, error) {
			f.waiting <- "open"
			return xrpc.Stream{ContentType: "text/plain", Length: p.Announce, Close: func() { f.waiting <- "closed" }, Write: func(_ context.Context, w io.Writer) error {
				_, err := w.Write(pattern(p.Size))
				return err
			}}, nil
		}),
		xrpc.Query("com.example.movie", asAnyone, func(_ context.Context, _ nobody, p movieParams) (xrpc.Content, error) {
			f.waiting <- "open"
			return xrpc.Content{
				ContentType: "video/mp4", ETag: `"v1"`, Header: http.Header{"Content-Disposition": {"attachment"}},
				Body: &scratched{bytes.NewReader(pattern(p.Size)), p.Broken}, Close: func() { f.waiting <- "closed" },
			}, nil
		}),
		xrpc.Query("com.example.big", asAnyone, func(context.Context, nobody, xrpc.None) (map[string]string, error) {
			return map[string]string{"text": strings.Repeat("all work and no play ", 1000)}, nil
		}),
		xrpc.Query("com.example.fail", asAnyone, func(ctx context.Context, _ nobody, p struct {
			How string `query:"how"`
		}) (any, error) {
			switch p.How {
			case "mapped":
				return nil, fmt.Errorf("at step 3: %w", errMapped)
			case "unknown":
				return nil, errors.New("the password of the database is hunter2")
			case "named500":
				return nil, &xrpc.Error{Status: 500, Message: "hunter2"}
			case "panic":
				panic("hunter2")
			case "encode":
				return func() {}, nil
			case "upstream":
				return nil, &xrpc.Error{Status: 502, Message: "The upstream did not answer", Cause: errors.New("dial 10.1.2.3: refused")}
			case "limited":
				return nil, &xrpc.Error{Status: 429, Header: http.Header{"Retry-After": {"17"}}}
			case "busy":
				return nil, &xrpc.Error{Status: 503}
			case "late":
				<-ctx.Done()
				return nil, ctx.Err()
			}
			return nil, &xrpc.Error{Status: 404}
		}),
		xrpc.Query("com.example.wait", asAnyone, func(ctx context.Context, _ nobody, _ xrpc.None) (map[string]string, error) {
			return map[string]string{}, f.wait(ctx)
		}),
		xrpc.Procedure("com.example.waitPost", asAnyone, func(ctx context.Context, _ nobody, _ json.RawMessage) (map[string]string, error) {
			return map[string]string{}, f.wait(ctx)
		}),
		xrpc.Subscription("com.example.watch", func(w http.ResponseWriter, r *http.Request, p struct {
			Cursor *int `query:"cursor"`
		}) {
			f.waiting <- "watching"
			conn, _, err := http.NewResponseController(w).Hijack()
			if err != nil {
				panic(err)
			}
			defer conn.Close()
			fmt.Fprintf(conn, "HTTP/1.1 101 Switching Protocols\r\n\r\ncursor %v", p.Cursor != nil)
			<-f.hold
		}),
		xrpc.Query("com.example.loose", asAnyone, func(_ context.Context, _ nobody, p struct {
			Names []string `query:"names"`
		}) ([]string, error) {
			return p.Names, nil
		}, xrpc.LooseParams()),
	}
}

// scratched is content that cannot be read from a place on.
type scratched struct {
	*bytes.Reader
	at int64
}

func (r *scratched) Read(p []byte) (int, error) {
	if r.at > 0 && r.Size()-int64(r.Len()) >= r.at {
		return 0, errors.New("the disk is scratched")
	}
	return r.Reader.Read(p)
}

// answer is a response read off the wire.
type answer struct {
	*http.Response
	body []byte
	err  error // of reading the body
}

// send writes bytes to a new connection and reads one response.
func (f *fake) send(t testing.TB, request string) answer {
	t.Helper()
	conn, err := net.Dial("tcp", f.addr)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	_ = conn.SetDeadline(time.Now().Add(20 * time.Second))
	go func() { _, _ = io.WriteString(conn, request) }() // may be refused half-way
	return receive(t, bufio.NewReader(conn), request)
}

func receive(t testing.TB, r *bufio.Reader, request string) answer {
	t.Helper()
	verb, _, _ := strings.Cut(request, " ")
	res, err := http.ReadResponse(r, &http.Request{Method: verb})
	if errors.Is(err, io.ErrUnexpectedEOF) || errors.Is(err, syscall.ECONNRESET) {
		return answer{Response: &http.Response{}, err: err} // the server cut the connection
	}
	if err != nil {
		t.Fatalf("%.80q: %v", request, err)
	}
	defer res.Body.Close()
	body, err := io.ReadAll(res.Body)
	return answer{res, body, err}
}

func get(path string, headers ...string) string { return request("GET", path, "", headers) }

func request(verb, path, body string, headers []string) string {
	var b strings.Builder
	fmt.Fprintf(&b, "%s %s HTTP/1.1\r\nHost: example.com\r\n", verb, path)
	for _, h := range headers {
		b.WriteString(h + "\r\n")
	}
	b.WriteString("\r\n" + body)
	return b.String()
}

// post makes a request with a Content-Length.
func post(path, contentType, body string, headers ...string) string {
	if contentType != "" {
		headers = append(headers, "Content-Type: "+contentType)
	}
	return request("POST", path, body, append(headers, fmt.Sprintf("Content-Length: %d", len(body))))
}

// chunked makes a request with one chunk, or none.
func chunked(path, contentType, body string, headers ...string) string {
	if contentType != "" {
		headers = append(headers, "Content-Type: "+contentType)
	}
	if body != "" {
		body = fmt.Sprintf("%x\r\n%s\r\n", len(body), body)
	}
	return request("POST", path, body+"0\r\n\r\n", append(headers, "Transfer-Encoding: chunked"))
}

var quiet = slog.New(slog.DiscardHandler)

func contentLength(n int) string { return fmt.Sprint(n) }
