package xrpc

import (
	"context"
	"math"
	"net/http"
	"strings"

	"troupe/actors/lexicon"
)

// call answers a request that is inside the door. The order is fixed by what clients rely on: name, verb, parameters,
// credential, body, rate limit, handler.
func (s *Server) call(c *Call) error {
	nsid, ok := methodOf(c.Request)
	if !ok {
		return invalid("invalid xrpc path", nil)
	}
	c.NSID = nsid
	b := s.routes[nsid]
	kind := lexicon.Kind(0)
	if b != nil {
		c.Route, kind = &b.Route, b.Kind
	} else if m, known := s.catalog.Method(nsid); known {
		kind = m.Kind
	}
	if err := checkVerb(c.Request.Method, kind); err != nil {
		return err
	}
	if b == nil {
		return s.fallBack(c)
	}
	if b.Kind == lexicon.Subscription {
		return s.subscribe(c, b)
	}
	return s.run(c, b)
}

func checkVerb(verb string, kind lexicon.Kind) error {
	want := http.MethodGet
	switch kind {
	case lexicon.Procedure:
		want = http.MethodPost
	case 0:
		return nil
	}
	if verb == want || kind == lexicon.Query && verb == http.MethodHead {
		return nil
	}
	return invalid("Wrong HTTP method: "+want+" is expected, not "+verb, nil)
}

// fallBack hands a method without a route to whoever takes the rest.
func (s *Server) fallBack(c *Call) error {
	if s.fallback == nil {
		return &Error{Status: http.StatusNotImplemented, Message: "Method Not Implemented"}
	}
	if !s.streams.take(1) {
		return busy("The server is busy", "1")
	}
	defer s.streams.give(1)
	if s.limit != nil {
		if err := s.limit(c, nil, nil, nil); err != nil {
			return err
		}
	}
	body := newPacedReader(c, math.MaxInt64/2) // no slower than elsewhere; its size is the other side's affair
	defer body.detach()
	c.Request.Body = body
	s.fallback.ServeHTTP(c.writer, c.Request)
	return nil
}

// subscribe hands the connection over. It does not count as a request under way: it would never end.
func (s *Server) subscribe(c *Call, b *bound) error {
	params, err := b.parseParams(c)
	if err != nil {
		return err
	}
	if !strings.EqualFold(c.Request.Header.Get("Upgrade"), "websocket") {
		return &Error{Status: http.StatusUpgradeRequired, Message: "This method is a WebSocket",
			Header: http.Header{"Upgrade": {"websocket"}, "Connection": {"Upgrade"}}}
	}
	if s.limit != nil {
		if err := s.limit(c, c.Route, nil, params); err != nil {
			return err
		}
	}
	c.writer.deadline(0) // the handler sets its own
	s.door.leave()
	c.outside = true
	b.subscribe(c.writer, c.Request, params)
	return nil
}

// run takes a query or procedure through all its steps.
func (s *Server) run(c *Call, b *bound) error {
	params, err := b.parseParams(c)
	if err != nil {
		return err
	}
	place := &s.working
	if b.streaming() || b.outside {
		place = &s.streams
	}
	if !place.take(1) {
		return busy("The server is busy", "1")
	}
	held := true
	leave := func() {
		if held {
			place.give(1)
			held = false
		}
	}
	defer leave()

	who, err := b.verify(c)
	if err != nil {
		return err
	}
	if place == &s.working && c.Request.ContentLength != 0 {
		leave() // a body may come slowly; see parseInput
	}
	in, err := b.parseInput(c)
	if err != nil {
		return err
	}
	if !held {
		if held = place.take(1); !held {
			return busy("The server is busy", "1")
		}
	}
	if b.Kind == lexicon.Query {
		in = params
	}
	if s.limit != nil {
		if err := s.limit(c, c.Route, who, in); err != nil {
			return err
		}
	}
	ctx, cancel := s.contextOf(c, b)
	defer cancel()
	out, err := b.handle(ctx, who, in)
	if err != nil {
		return err
	}
	if place == &s.working {
		leave() // a slow reader waits on his own time
	}
	return s.respond(ctx, c, b, out)
}

// contextOf makes the context of a handler; see Query and Procedure for what they promise.
func (s *Server) contextOf(c *Call, b *bound) (context.Context, context.CancelFunc) {
	ctx := c.Request.Context()
	if b.Kind == lexicon.Procedure {
		ctx = context.WithoutCancel(ctx)
	}
	if b.streaming() {
		return context.WithCancel(ctx)
	}
	return context.WithTimeout(ctx, s.timeout)
}
