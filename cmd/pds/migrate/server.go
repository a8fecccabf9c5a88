package migrate

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"
)

const (
	// A server may think about an import of a million records for a while.
	headerTimeout = 10 * time.Minute
	stallTimeout  = 90 * time.Second // without a byte of a body
	tries         = 6
	longestWait   = 5 * time.Minute // that a server may ask for
	maxJSON       = 16 << 20        // of preferences and the like
)

// credential signs requests. It is asked again after renew.
type credential interface {
	header() string
	// renew is called after a server no longer takes what header gave. false: there is nothing to renew.
	renew(context.Context) (bool, error)
}

// server is one PDS, seen by a client with one credential.
type server struct {
	url  string
	who  credential // nil: nobody
	http *http.Client
	note func(string) // what is being waited for
	wait func(context.Context, time.Duration) error
}

// newServer returns the server at an address, to which nobody has signed in.
func newServer(address string, note func(string)) (*server, error) {
	u, err := url.Parse(strings.TrimRight(address, "/"))
	if err != nil || u.Host == "" || u.Scheme != "https" && u.Scheme != "http" || u.Path != "" {
		return nil, &Problem{What: fmt.Sprintf("%q is not the address of a server", address), Do: "It looks like https://pds.example.com"}
	}
	return &server{url: u.String(), http: newHTTPClient(), note: note, wait: sleep}, nil
}

func newHTTPClient() *http.Client {
	return &http.Client{
		Transport: &http.Transport{
			Proxy:       http.ProxyFromEnvironment, // the addresses are the user's own choice
			DialContext: (&net.Dialer{Timeout: 20 * time.Second, KeepAlive: 30 * time.Second}).DialContext, ForceAttemptHTTP2: true,
			TLSHandshakeTimeout: 20 * time.Second, ResponseHeaderTimeout: headerTimeout,
			MaxIdleConnsPerHost: 16, IdleConnTimeout: 30 * time.Second,
		},
		// Only what is read may be redirected: passwords and repositories go where the user said.
		CheckRedirect: func(r *http.Request, via []*http.Request) error {
			if via[0].Method != http.MethodGet || len(via) > 3 || via[0].URL.Scheme == "https" && r.URL.Scheme != "https" {
				return http.ErrUseLastResponse
			}
			return nil
		},
	}
}

func sleep(ctx context.Context, d time.Duration) error {
	select {
	case <-time.After(d):
		return nil
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}

// request is one call of a method.
type request struct {
	method string // NSID
	query  url.Values
	in     any                           // JSON, or
	body   func() (io.ReadCloser, error) // any bytes, from the beginning each time
	mime   string
	size   int64
	post   bool
	once   bool // an unknown outcome is the caller's to find out about
	stream bool // body can be read once: whether to try again is the caller's to say
}

// query asks and decodes the answer.
func (s *server) query(ctx context.Context, method string, q url.Values, out any) error {
	return s.call(ctx, request{method: method, query: q}, out)
}

// do calls a procedure with JSON.
func (s *server) do(ctx context.Context, method string, in, out any) error {
	return s.call(ctx, request{method: method, in: in, post: true}, out)
}

// call sends a request and decodes the answer into out, if it is not nil.
func (s *server) call(ctx context.Context, r request, out any) error {
	res, err := s.send(ctx, r)
	if err != nil {
		return err
	}
	defer res.Body.Close()
	b, err := io.ReadAll(io.LimitReader(res.Body, maxJSON+1))
	switch {
	case err != nil:
		return fmt.Errorf("%s: %w", r.method, err)
	case len(b) > maxJSON:
		return fmt.Errorf("%s: an answer of more than %d bytes", r.method, maxJSON)
	case out == nil:
		return nil
	}
	if err := json.Unmarshal(b, out); err != nil {
		return fmt.Errorf("%s: the answer makes no sense: %w", r.method, err)
	}
	return nil
}

// send repeats a request until it is answered for good. The body is the caller's to close.
func (s *server) send(ctx context.Context, r request) (*http.Response, error) {
	for try := 1; ; try++ {
		res, err := s.try(ctx, r)
		if err == nil {
			return res, nil
		}
		if ctx.Err() != nil {
			return nil, context.Cause(ctx)
		}
		if s.who != nil && refusedAs(err, "ExpiredToken") {
			renewed, rerr := s.who.renew(ctx)
			if rerr != nil {
				return nil, rerr
			}
			if renewed && try < tries && !r.stream {
				continue
			}
		}
		pause, again := retry(err, try)
		if !again || r.once || r.stream || try == tries {
			return nil, err
		}
		if pause > 10*time.Second && s.note != nil {
			s.note(fmt.Sprintf("asking %s again in %s (%v)", s.url, pause.Round(time.Second), err))
		}
		if werr := s.wait(ctx, pause); werr != nil {
			return nil, werr
		}
	}
}

// retry says whether an error may be gone in a moment, and when.
func retry(err error, try int) (time.Duration, bool) {
	pause := time.Second << (try - 1)
	r := (*Refusal)(nil)
	if !errors.As(err, &r) {
		return pause, true // no answer at all
	}
	switch r.Status {
	case http.StatusTooManyRequests, http.StatusServiceUnavailable:
		pause = max(pause, r.wait)
		return pause, pause <= longestWait
	case http.StatusBadGateway, http.StatusGatewayTimeout, http.StatusRequestTimeout:
		return pause, true
	}
	return 0, false
}

func (s *server) try(ctx context.Context, r request) (*http.Response, error) {
	ctx, cancel := context.WithCancelCause(ctx)
	req, err := s.request(ctx, r)
	if err != nil {
		cancel(nil)
		return nil, err
	}
	res, err := s.http.Do(req)
	if err != nil {
		cancel(nil)
		var u *url.Error
		if errors.As(err, &u) {
			err = u.Err // without the address, which may be long
		}
		return nil, fmt.Errorf("%s did not answer %s: %w", s.url, r.method, err)
	}
	res.Body = watch(res.Body, cancel)
	if res.StatusCode == http.StatusOK {
		return res, nil
	}
	defer res.Body.Close()
	return nil, refusal(r.method, res)
}

func (s *server) request(ctx context.Context, r request) (*http.Request, error) {
	address := s.url + "/xrpc/" + r.method
	if len(r.query) > 0 {
		address += "?" + r.query.Encode()
	}
	verb, body, mime, size := http.MethodGet, io.Reader(nil), r.mime, r.size
	if r.post {
		verb = http.MethodPost
	}
	switch {
	case r.body != nil:
		b, err := r.body()
		if err != nil {
			return nil, err
		}
		body = b
	case r.in != nil:
		b, err := json.Marshal(r.in)
		if err != nil {
			return nil, err
		}
		body, mime, size = bytes.NewReader(b), "application/json", int64(len(b))
	}
	req, err := http.NewRequestWithContext(ctx, verb, address, body)
	if err != nil {
		return nil, err
	}
	if body != nil {
		req.Header.Set("Content-Type", mime)
		req.ContentLength = size
	}
	req.Header.Set("User-Agent", "troupe-pds-account")
	if s.who != nil {
		req.Header.Set("Authorization", s.who.header())
	}
	return req, nil
}

// refusal reads what a server said instead of an answer.
func refusal(method string, res *http.Response) error {
	b, _ := io.ReadAll(io.LimitReader(res.Body, 64<<10))
	r := &Refusal{Method: method, Status: res.StatusCode}
	var said struct{ Error, Message string }
	if json.Unmarshal(b, &said) == nil {
		r.Name, r.Message = said.Error, said.Message
	}
	if n, err := strconv.Atoi(res.Header.Get("Retry-After")); err == nil {
		r.wait = time.Duration(n) * time.Second
	} else if at, err := strconv.ParseInt(res.Header.Get("RateLimit-Reset"), 10, 64); err == nil && res.StatusCode == http.StatusTooManyRequests {
		r.wait = max(time.Until(time.Unix(at, 0)), time.Second)
	}
	return r
}

// watched ends a call whose body stands still.
type watched struct {
	io.ReadCloser
	timer  *time.Timer
	cancel context.CancelCauseFunc
}

func watch(body io.ReadCloser, cancel context.CancelCauseFunc) io.ReadCloser {
	stalled := fmt.Errorf("no byte for %s", stallTimeout)
	return &watched{body, time.AfterFunc(stallTimeout, func() { cancel(stalled) }), cancel}
}

func (w *watched) Read(p []byte) (int, error) {
	n, err := w.ReadCloser.Read(p)
	w.timer.Reset(stallTimeout)
	return n, err
}

func (w *watched) Close() error {
	w.timer.Stop()
	err := w.ReadCloser.Close()
	w.cancel(nil)
	return err
}
