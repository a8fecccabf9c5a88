package rate

import "troupe/http/xrpc"

// Guesses bounds how many wrong passwords an address may try.
type Guesses struct {
	l      *Limiter
	bucket *bucket
}

// Guesses makes a bound of its own. It is to be called before the limiter is in use.
func (l *Limiter) Guesses(name string, w Window) *Guesses {
	if l == nil {
		return nil
	}
	return &Guesses{l, l.bucket(name, w)}
}

// Try begins a check of what a caller guesses. It refuses who has guessed wrong too often; else its caller says
// whether the guess was right, so that who knows the password is never counted. Guesses that are checked at the same
// time are counted before they are judged.
func (g *Guesses) Try(c *xrpc.Call) (right func(), err error) {
	if g == nil || g.l.exempt(c) {
		return func() {}, nil
	}
	t := g.l.taking()
	if !t.take(g.l.addresses, g.bucket, ofAddress(c.ClientIP), 1) {
		return nil, t.refuse(c)
	}
	return t.giveBack, nil
}
