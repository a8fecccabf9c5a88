package outbound

import (
	"fmt"
	"hash/maphash"
	"io"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
)

// guard checks each request (each hop of a redirect is one) and caps its response.
type guard struct {
	next      http.RoundTripper
	options   Options
	inFlight  *counter
	userAgent string
}

// RoundTrip implements http.RoundTripper.
func (g *guard) RoundTrip(r *http.Request) (*http.Response, error) {
	if err := checkURL(r.URL, g.options.AllowHTTP); err != nil {
		closeBody(r)
		return nil, err
	}
	release, ok := g.inFlight.enter(strings.ToLower(r.URL.Host))
	if !ok {
		closeBody(r)
		return nil, fmt.Errorf("%w: %s", ErrBusy, r.URL.Host)
	}
	if r.Header.Get("User-Agent") == "" {
		r = r.Clone(r.Context()) // a RoundTripper must not change the caller's request
		r.Header.Set("User-Agent", g.userAgent)
	}
	resp, err := g.next.RoundTrip(r)
	if err != nil {
		release()
		return nil, err
	}
	if resp.StatusCode == http.StatusSwitchingProtocols {
		resp.Body.Close()
		release()
		return nil, fmt.Errorf("%w: protocol upgrade", ErrForbidden)
	}
	max := g.options.MaxBody
	if max >= 0 && resp.ContentLength > max && r.Method != http.MethodHead {
		resp.Body.Close()
		release()
		return nil, fmt.Errorf("%w: %d bytes announced, %d allowed", ErrTooLarge, resp.ContentLength, max)
	}
	resp.Body = &body{ReadCloser: resp.Body, left: max, capped: max >= 0, release: release}
	return resp, nil
}

// CloseIdleConnections lets http.Client.CloseIdleConnections through.
func (g *guard) CloseIdleConnections() {
	if c, ok := g.next.(interface{ CloseIdleConnections() }); ok {
		c.CloseIdleConnections()
	}
}

// closeBody keeps the contract of RoundTripper, which closes the body on errors too.
func closeBody(r *http.Request) {
	if r.Body != nil {
		r.Body.Close()
	}
}

// body counts down what may still be read and gives the host's slot back once.
type body struct {
	io.ReadCloser
	left    int64
	capped  bool
	release func()
}

func (b *body) Read(p []byte) (int, error) {
	if !b.capped {
		n, err := b.ReadCloser.Read(p)
		if err != nil {
			b.release()
		}
		return n, err
	}
	// One byte more than allowed is asked for: only its arrival tells a body that is
	// exactly as long as the cap from one that goes on.
	if int64(len(p)) > b.left+1 {
		p = p[:b.left+1]
	}
	n, err := b.ReadCloser.Read(p)
	if int64(n) > b.left {
		n = int(b.left)
		err = ErrTooLarge
	}
	b.left -= int64(n)
	if err != nil {
		b.release()
	}
	return n, err
}

func (b *body) Close() error {
	b.release()
	return b.ReadCloser.Close()
}

// counter bounds the calls in flight per host with a fixed table of counters and no
// lock. Two hosts may share a counter; the seed is random, so nobody can choose whose.
type counter struct {
	limit int64
	seed  maphash.Seed
	slots [1024]atomic.Int64
}

func newCounter(limit int) *counter {
	return &counter{limit: int64(limit), seed: maphash.MakeSeed()}
}

// enter takes a place at host and returns the function that gives it back, which may
// be called more than once.
func (c *counter) enter(host string) (release func(), ok bool) {
	slot := &c.slots[maphash.String(c.seed, host)%uint64(len(c.slots))]
	if slot.Add(1) > c.limit {
		slot.Add(-1)
		return nil, false
	}
	return sync.OnceFunc(func() { slot.Add(-1) }), true
}
