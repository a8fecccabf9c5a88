package upstream

import (
	"context"
	"errors"
	"io"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"time"

	"github.com/bluesky-social/indigo/atproto/syntax"

	"troupe/actors/account"
	"troupe/actors/outbound"
	"troupe/actors/repo"
)

// request is one call of an upstream.
type request struct {
	to       Service
	verb     string
	path     string // escaped as it is to be sent
	query    string // without its question mark
	question bool   // there is one although the query is empty
	header   http.Header
	body     io.ReadCloser                 // nil: none
	again    func() (io.ReadCloser, error) // the body from its beginning; nil: it comes once
	length   int64                         // of the body; -1: unknown

	issuer   syntax.DID // "": nobody
	audience string
	method   syntax.NSID // that the token is for
}

// send asks, and returns the answer whatever its status. Errors are told by
// Client.failed.
func (c *Client) send(ctx context.Context, q request) (*Answer, error) {
	began := c.now()
	a, err := c.deliver(ctx, q)
	label := q.to.label()
	c.metrics.requests.WithLabelValues(label, outcome(a, err)).Inc()
	if err != nil {
		return nil, c.failed(err)
	}
	c.metrics.seconds.WithLabelValues(label).Observe(c.now().Sub(began).Seconds())
	return a, nil
}

// deliver takes a place, and tries as often as it may.
func (c *Client) deliver(ctx context.Context, q request) (*Answer, error) {
	at, err := parseOrigin(q.to.url)
	if err != nil {
		return nil, err
	}
	at.Path, at.RawQuery, at.ForceQuery = q.path, q.query, q.question
	pool := &c.strange
	if q.to.named {
		pool = &c.named
	}
	known := pool.at(at.Scheme + "://" + strings.ToLower(at.Host))
	if !known.breaker.admit(c.now(), c.breaking) {
		return nil, errOpen
	}
	leave, err := c.enter(ctx, pool, known)
	if err != nil {
		known.breaker.undecided()
		return nil, err
	}
	for try := 0; ; try++ {
		a, err := c.attempt(ctx, pool, at, q, leave)
		c.judge(known, err)
		if err == nil {
			return a, nil
		}
		if try >= c.options.Retries || q.body != nil || !broken(err) || pause(ctx, try) != nil {
			leave()
			return nil, err
		}
	}
}

// enter takes a place at the gate of the origin and among all of its pool.
func (c *Client) enter(ctx context.Context, pool *origins, known *origin) (leave func(), err error) {
	if !pool.all.take(1) {
		return nil, outbound.ErrBusy
	}
	if err := known.gate.enter(ctx); err != nil {
		pool.all.give(1)
		return nil, err
	}
	c.metrics.inFlight.Inc()
	return sync.OnceFunc(func() {
		c.metrics.inFlight.Dec()
		known.gate.leave()
		pool.all.give(1)
	}), nil
}

// judge tells the breaker how an attempt ended.
func (c *Client) judge(known *origin, err error) {
	switch {
	case err == nil:
		known.breaker.answered()
	case errors.Is(err, errSlowHeader) || broken(err):
		known.breaker.silent(c.now(), c.breaking)
	default:
		known.breaker.undecided()
	}
}

// broken says whether a connection could not be made or broke. A client that
// went away, a request that could not be read, a token that was not signed and
// an address that may not be dialled are no such thing.
func broken(err error) bool {
	var failure *url.Error
	return errors.As(err, &failure) && !errors.Is(err, context.Canceled) && !errors.Is(err, errSlowHeader) &&
		!errors.Is(err, outbound.ErrForbidden) && !errors.Is(err, outbound.ErrBusy)
}

// pause waits a moment before another try.
func pause(ctx context.Context, try int) error {
	t := time.NewTimer(min(50*time.Millisecond<<try, time.Second))
	defer t.Stop()
	select {
	case <-t.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// attempt sends the request once. leave is called when the answer is closed, and
// not if there is none.
func (c *Client) attempt(ctx context.Context, pool *origins, at *url.URL, q request, leave func()) (*Answer, error) {
	token, err := c.token(ctx, q)
	if err != nil {
		return nil, err
	}
	ctx, end := context.WithCancelCause(ctx)
	clock := newHeaderClock(c.options.HeadersTimeout, end)
	defer clock.end()
	r := (&http.Request{Method: q.verb, URL: at, Host: at.Host, Header: q.header.Clone(), ContentLength: q.length}).WithContext(ctx)
	if q.body != nil {
		r.Body = &sentBody{ReadCloser: q.body, clock: clock, end: end}
		r.GetBody = q.again // for a kept connection that turns out to be closed before anything is sent
	}
	if r.Header == nil {
		r.Header = make(http.Header, 2)
	}
	r.Header["User-Agent"] = userAgent
	if token != "" {
		r.Header["Authorization"] = []string{"Bearer " + token}
	}
	resp, err := pool.http.Do(r)
	if err != nil {
		defer end(nil)
		cause := context.Cause(ctx)
		if cause == nil || errors.Is(cause, context.Canceled) {
			return nil, err
		}
		return nil, cause
	}
	header := answered(resp.Header, contentHeaders, answerHeaders)
	header["Content-Security-Policy"] = sandbox
	return &Answer{
		Status: resp.StatusCode, Header: header,
		client: c, method: q.verb, sent: resp.Header, length: resp.ContentLength,
		body: newPatientBody(ctx, resp.Body, c.options.BodyTimeout, end, leave),
	}, nil
}

// token has the account sign for the request; "" if it is for nobody.
func (c *Client) token(ctx context.Context, q request) (string, error) {
	if q.issuer == "" {
		return "", nil
	}
	if c.options.Takendown(q.issuer) && !keptByTakendown[q.method] {
		return "", account.ErrTakendown
	}
	return c.options.Sign(ctx, q.issuer, repo.SignServiceAuth{Audience: q.audience, Lexicon: q.method, Expires: c.now().Add(tokenTime)})
}

// keptByTakendown are the methods that an account that is taken down may still
// have asked of others.
var keptByTakendown = map[syntax.NSID]bool{
	MethodCreateReport:              true,
	"app.bsky.actor.getPreferences": true,
}

// audienceOf names a service in a token.
func (c *Client) audienceOf(s Service) string {
	if c.options.ServiceAudience {
		return s.String()
	}
	return s.DID.String()
}

// buffers pass bodies on.
var buffers = sync.Pool{New: func() any { b := make([]byte, 32<<10); return &b }}

// sandbox keeps what strangers say from acting as a page of this server.
var sandbox = []string{"default-src 'none'; sandbox"}

// userAgent is of this server, whoever asks through it.
var userAgent = []string{outbound.DefaultUserAgent}
