package rate

import (
	"github.com/bluesky-social/indigo/atproto/syntax"

	"troupe/http/xrpc"
)

// plan is what a call of one route takes from.
type plan struct {
	steps []step
	alone bool
}

type step struct {
	*bucket
	by   xrpc.RateKey
	cost int64
}

// Routes makes of a route table what xrpc.Options.Limit asks. It is to be called before the limiter is in use.
func (l *Limiter) Routes(routes []xrpc.Route) func(c *xrpc.Call, r *xrpc.Route, who, in any) error {
	if l == nil {
		return nil
	}
	plans, shared := map[syntax.NSID]plan{}, map[string]*bucket{}
	for _, r := range routes {
		var p plan
		for _, rate := range r.Rates {
			b := shared[rate.Bucket]
			if b == nil {
				b = l.bucket(or(rate.Bucket, r.NSID.String()), Window{rate.Points, rate.Window})
			}
			if rate.Bucket != "" {
				shared[rate.Bucket] = b
			}
			p.steps = append(p.steps, step{b, rate.By, rate.Cost})
			p.alone = p.alone || rate.Alone
		}
		plans[r.NSID] = p
	}
	return func(c *xrpc.Call, r *xrpc.Route, who, in any) error {
		if l.exempt(c) {
			return nil
		}
		if r == nil { // none of ours: it is handed on
			return l.call(c, plan{}, who, in)
		}
		return l.call(c, plans[r.NSID], who, in)
	}
}

func or(a, b string) string {
	if a != "" {
		return a
	}
	return b
}

// call counts one call, or refuses it.
func (l *Limiter) call(c *xrpc.Call, p plan, who, in any) error {
	client := ofAddress(c.ClientIP)
	t := l.taking()
	if !p.alone && !t.take(l.addresses, l.global, client, 1) {
		return t.refuse(c)
	}
	t.kept = t.n // as a request it counts whatever becomes of it
	for _, s := range p.steps {
		table, subject := l.subject(s.by, client, who, in)
		cost := s.cost
		if cost == 0 {
			cost = costOf(in)
		}
		if !t.take(table, s.bucket, subject, cost) {
			t.giveBack()
			return t.refuse(c)
		}
	}
	t.tell(c)
	return nil
}

// subject is whose points a call takes, and where they are counted.
func (l *Limiter) subject(by xrpc.RateKey, client subject, who, in any) (*windows, subject) {
	switch by {
	case xrpc.RateByAccount:
		if a, ok := who.(xrpc.RateSubject); ok {
			return l.accounts, l.hash.of(a.RateDID())
		}
	case xrpc.RateByName:
		if n, ok := in.(xrpc.RateName); ok {
			return l.names, l.hash.of(n.RateName())
		}
	case xrpc.RateByNameClient:
		if n, ok := in.(xrpc.RateName); ok {
			return l.names, l.hash.and(l.hash.of(n.RateName()), client)
		}
	default:
		return l.addresses, client
	}
	return nil, subject{}
}

func costOf(in any) int64 {
	if c, ok := in.(xrpc.RateCoster); ok {
		return c.RateCost()
	}
	return 1
}
