package bench

import (
	"bufio"
	"bytes"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"net/url"
	"strconv"
	"strings"
	"time"
)

// idle is how long a connection may have been unused and still be trusted:
// servers close theirs after as little as five seconds, and a request into a
// connection that is being closed cannot be sent again.
var idle = 4 * time.Second

// callTimeout bounds one request, the slowest of which are batches and exports.
const callTimeout = 2 * time.Minute

// endpoint is where requests go.
type endpoint struct {
	address string // host:port
	host    string // of the Host header
	tls     bool
}

func parseEndpoint(raw string) (endpoint, error) {
	u, err := url.Parse(raw)
	if err != nil {
		return endpoint{}, err
	}
	port := map[string]string{"http": "80", "https": "443"}[u.Scheme]
	if port == "" || u.Hostname() == "" || strings.Trim(u.Path, "/") != "" {
		return endpoint{}, fmt.Errorf("%q is not the URL of a server, such as http://localhost:2583", raw)
	}
	if p := u.Port(); p != "" {
		port = p
	}
	return endpoint{address: net.JoinHostPort(u.Hostname(), port), host: u.Host, tls: u.Scheme == "https"}, nil
}

func (e endpoint) dial(ctx context.Context) (net.Conn, error) {
	d := net.Dialer{Timeout: 10 * time.Second}
	if e.tls {
		return (&tls.Dialer{NetDialer: &d, Config: &tls.Config{NextProtos: []string{"http/1.1"}}}).DialContext(ctx, "tcp", e.address)
	}
	return d.DialContext(ctx, "tcp", e.address)
}

// conn is one kept connection. It belongs to one goroutine.
type conn struct {
	ctx  context.Context
	to   endpoint
	nc   net.Conn // nil: to be dialled
	r    *bufio.Reader
	body []byte // of the last answer, reused
	used time.Time
	stop func() bool
}

func newConn(ctx context.Context, to endpoint) *conn {
	return &conn{ctx: ctx, to: to, r: bufio.NewReaderSize(nil, 64<<10)}
}

func (c *conn) close() {
	if c.nc != nil {
		c.stop()
		c.nc.Close()
		c.nc = nil
	}
}

func (c *conn) open() error {
	if c.nc != nil && time.Since(c.used) < idle {
		return nil
	}
	c.close()
	nc, err := c.to.dial(c.ctx)
	if err != nil {
		return err
	}
	c.nc, c.used = nc, time.Now()
	c.r.Reset(nc)
	c.stop = context.AfterFunc(c.ctx, func() { nc.Close() })
	return nil
}

// answer is the head of a response.
type answer struct {
	status  int
	length  int64 // -1: not announced
	chunked bool
	close   bool
	reset   string // when a rate limit lets go, as the server says it
}

// call sends one complete request. The body is valid until the next call. With
// discard the body is read, counted and dropped; errors are still returned in
// full. A status outside 2xx is a [Refusal].
//
// A request is never sent twice: a write whose answer was lost may have been
// done.
func (c *conn) call(request []byte, discard bool) (body []byte, size int64, err error) {
	if err := c.open(); err != nil {
		return nil, 0, err
	}
	c.nc.SetDeadline(time.Now().Add(callTimeout))
	a, err := c.exchange(request)
	if err == nil {
		c.body = c.body[:0]
		size, err = c.readBody(a, discard && a.status < 300)
	}
	if err != nil || a.close {
		c.close()
	}
	c.used = time.Now()
	if err != nil {
		return nil, size, err
	}
	if a.status >= 300 {
		return nil, size, newRefusal(a, c.body)
	}
	return c.body, size, nil
}

func (c *conn) exchange(request []byte) (answer, error) {
	if _, err := c.nc.Write(request); err != nil {
		return answer{}, err
	}
	for {
		a, err := c.readHead()
		if err != nil || a.status >= 200 {
			return a, err
		}
	}
}

var errAnswer = errors.New("not an HTTP/1.1 answer")

func (c *conn) readHead() (answer, error) {
	a := answer{length: -1}
	line, err := c.r.ReadSlice('\n')
	if err != nil {
		return a, err
	}
	if len(line) < 12 || !bytes.HasPrefix(line, []byte("HTTP/1.")) {
		return a, errAnswer
	}
	a.close = line[7] == '0'
	if a.status, err = strconv.Atoi(string(line[9:12])); err != nil {
		return a, errAnswer
	}
	for {
		line, err := c.r.ReadSlice('\n')
		if err != nil {
			return a, err
		}
		line = bytes.TrimRight(line, "\r\n")
		if len(line) == 0 {
			break
		}
		if err := a.header(line); err != nil {
			return a, err
		}
	}
	if a.status < 200 || a.status == 204 || a.status == 304 {
		a.length, a.chunked = 0, false
	}
	return a, nil
}

func (a *answer) header(line []byte) error {
	colon := bytes.IndexByte(line, ':')
	if colon < 0 {
		return errAnswer
	}
	name, value := line[:colon], bytes.TrimSpace(line[colon+1:])
	switch {
	case is(name, "content-length"):
		n, err := strconv.ParseInt(string(value), 10, 64)
		if err != nil || n < 0 {
			return errAnswer
		}
		a.length = n
	case is(name, "transfer-encoding"):
		a.chunked = is(value, "chunked")
	case is(name, "connection"):
		a.close = is(value, "close")
	case is(name, "retry-after"), is(name, "ratelimit-reset"):
		a.reset = string(value)
	}
	return nil
}

// is compares with a lower-case text without allocating.
func is(b []byte, lower string) bool {
	return len(b) == len(lower) && bytes.EqualFold(b, []byte(lower))
}

func (c *conn) readBody(a answer, discard bool) (int64, error) {
	switch {
	case a.chunked:
		return c.readChunks(discard)
	case a.length >= 0:
		return a.length, c.take(a.length, discard)
	}
	c.close() // the end of the connection is the end of the body, which none of the methods here uses
	return 0, errAnswer
}

func (c *conn) readChunks(discard bool) (total int64, err error) {
	for {
		line, err := c.r.ReadSlice('\n')
		if err != nil {
			return total, err
		}
		digits, _, _ := bytes.Cut(bytes.TrimRight(line, "\r\n"), []byte(";"))
		n, err := strconv.ParseInt(string(digits), 16, 64)
		if err != nil || n < 0 {
			return total, errAnswer
		}
		if n == 0 {
			return total, c.trailer()
		}
		if err := c.take(n, discard); err != nil {
			return total, err
		}
		total += n
		if _, err := c.r.Discard(len("\r\n")); err != nil {
			return total, err
		}
	}
}

func (c *conn) trailer() error {
	for {
		line, err := c.r.ReadSlice('\n')
		if err != nil || len(bytes.TrimRight(line, "\r\n")) == 0 {
			return err
		}
	}
}

func (c *conn) take(n int64, discard bool) error {
	if discard {
		for n > 0 {
			d, err := c.r.Discard(int(min(n, 1<<30)))
			if n -= int64(d); err != nil {
				return err
			}
		}
		return nil
	}
	start := len(c.body)
	if need := start + int(n); need > cap(c.body) {
		grown := make([]byte, start, max(need, 2*cap(c.body)))
		copy(grown, c.body)
		c.body = grown
	}
	c.body = c.body[:start+int(n)]
	_, err := io.ReadFull(c.r, c.body[start:])
	return err
}
