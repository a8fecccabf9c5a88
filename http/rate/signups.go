package rate

import "troupe/http/xrpc"

// SignUps bounds how many accounts are made, by whoever asks and by all together.
type SignUps struct {
	l       *Limiter
	address *bucket // nil: any number
	server  *bucket // nil: any number
	all     *windows
}

// SignUps makes the bound; a window of no points is none. It is to be called before the limiter is in use.
func (l *Limiter) SignUps(address, server Window) *SignUps {
	if l == nil {
		return nil
	}
	s := &SignUps{l: l, all: newWindows(shards)} // apart: no crowd of addresses pushes it out
	if address.Points > 0 {
		s.address = l.bucket("sign-ups-ip", address)
	}
	if server.Points > 0 {
		s.server = l.bucket("sign-ups", server)
	}
	return s
}

// Take takes the place of one account; failed gives it back. Places of sign-ups under way are taken, so that many at
// once are not more than the bound.
func (s *SignUps) Take(c *xrpc.Call) (failed func(), err error) {
	if s == nil || s.l.exempt(c) {
		return func() {}, nil
	}
	t := s.l.taking()
	if s.address != nil && !t.take(s.l.addresses, s.address, ofAddress(c.ClientIP), 1) {
		return nil, t.refuse(c)
	}
	if s.server != nil && !t.take(s.all, s.server, everybody, 1) {
		t.giveBack()
		return nil, t.refuse(c)
	}
	return t.giveBack, nil
}

// everybody is whose points all callers share.
var everybody = subject{some: true}
