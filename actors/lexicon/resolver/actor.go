package resolver

import (
	"context"
	"fmt"

	"github.com/bluesky-social/indigo/atproto/syntax"

	"troupe/actors/lexicon"
	"troupe/actors/mailbox"
)

// admitted bounds the requests that wait for the actor.
const admitted = 4096

// Spawn starts the lexicons actor.
func Spawn(s *mailbox.System, o Options) (*mailbox.Handle[*Lexicons], error) {
	return mailbox.Spawn(s, "lexicons", admitted, func(self mailbox.Self) *Lexicons { return New(self, o) })
}

// Start implements mailbox.Actor.
func (l *Lexicons) Start(ctx context.Context) error {
	l.life, l.end = context.WithCancel(ctx)
	return l.open(ctx)
}

// Receive implements mailbox.Actor.
func (l *Lexicons) Receive(t *mailbox.Turn) {
	switch m := t.Message().(type) {
	case Lookup:
		mailbox.Later(l, t, m, l.lookup)
	}
}

// Stop implements mailbox.Actor. Look-ups under way are cancelled; their results are
// dropped with the instance.
func (l *Lexicons) Stop(mailbox.Reason) {
	if l.end != nil {
		l.end()
	}
	if l.db != nil {
		if err := l.db.Close(); err != nil {
			l.options.Log.Warn("lexicon cache did not close", "err", err)
		}
		l.db = nil
	}
}

func (l *Lexicons) lookup(_ context.Context, m Lookup, answer func(*lexicon.Catalog, error)) {
	if l.options.Base.Has(m.NSID) || m.NSID != m.NSID.Normalize() {
		answer(nil, ErrUnknown) // a document that ships and is no record type, or a spelling that none has
		return
	}
	waiting, under := l.under[m.NSID]
	if under && m.Wait && len(waiting) < waiters {
		if _, have := l.copies.Peek(m.NSID); !have {
			l.under[m.NSID] = append(waiting, answer)
			return
		}
	}
	copied, age, have := l.copyOf(m.NSID)
	failed, has := l.failed.Get(m.NSID)
	rests := has && failed.rests(l.options.Now())
	switch decide(have, age, l.options.Fresh, l.options.Stale, rests || under) {
	case serve:
		answer(copied.catalog, nil)
	case serveAndRefresh:
		l.launch(m.NSID)
		answer(copied.catalog, nil)
	case fetch:
		if l.launch(m.NSID) && m.Wait {
			l.under[m.NSID] = append(l.under[m.NSID], answer)
			return
		}
		answer(nil, ErrUnknown)
	case refuse:
		answer(nil, ErrUnknown)
	}
}

// launch asks the network outside the turn, unless too many look-ups are under way;
// the result comes back as a turn.
func (l *Lexicons) launch(nsid syntax.NSID) bool {
	if len(l.under) >= l.options.Flights {
		return false
	}
	l.under[nsid] = nil
	life, o, self := l.life, &l.options, l.self
	go func() {
		ctx, cancel := context.WithTimeout(life, maxRequests*o.Timeout)
		defer cancel()
		r, err := guarded(func() (resolved, error) { return o.resolve(ctx, nsid) })
		self.Run(func() { l.landed(nsid, r, err) })
	}()
	return true
}

// guarded turns a panic of a look-up into its error: it reads what strangers wrote and
// runs on a goroutine that no supervisor watches.
func guarded(lookup func() (resolved, error)) (r resolved, err error) {
	defer func() {
		if p := recover(); p != nil {
			err = fmt.Errorf("%w: panic: %v", ErrUnavailable, p)
		}
	}()
	return lookup()
}
