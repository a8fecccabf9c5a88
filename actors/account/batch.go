package account

import (
	"context"
	"errors"
	"time"

	"github.com/bluesky-social/indigo/atproto/syntax"

	"troupe/actors/mailbox"
	"troupe/storage/accountdb"
	"troupe/storage/sqlite"
)

// maxBatch bounds the requests of one transaction, and so how long the others wait.
const maxBatch = 256

// write makes a handler of a decision: the request joins the next transaction
// and is answered when that is on the disk.
//
// The transaction is a turn that the first request puts behind whatever is
// queued already. So requests that came while the last one was synced share the
// next, there is no timer, and a lone request waits for nobody.
func write[M, R any](a *Accounts, decide func(*batch, M) (R, error)) func(context.Context, M, func(R, error)) {
	return func(ctx context.Context, m M, answer func(R, error)) {
		var r R
		a.waiting = append(a.waiting, request{
			ctx: ctx,
			decide: func(b *batch) (err error) {
				if a.o.probe != nil {
					a.o.probe(m)
				}
				r, err = decide(b, m)
				return err
			},
			answer: func(err error) {
				if err != nil {
					var none R
					answer(none, err)
					return
				}
				answer(r, nil)
			},
		})
		if len(a.waiting) == 1 {
			a.self.Run(a.flush)
		}
	}
}

// flush decides the waiting requests in one transaction, publishes, and
// answers, in this order: whoever has its answer finds it in the index.
func (a *Accounts) flush() {
	requests := a.waiting
	a.waiting = nil
	if len(requests) > maxBatch {
		requests, a.waiting = requests[:maxBatch], requests[maxBatch:]
		a.self.Run(a.flush)
	}
	changed, gone, err := a.decide(requests)
	if err == nil {
		a.o.Index.update(changed, gone)
		a.o.Grants.forget(a.unforced, gone)
	}
	for _, q := range requests {
		if err != nil {
			q.err = err // a refusal may rest on what has been rolled back
		}
		q.answer(q.err)
	}
	if err == nil && a.mailed && a.o.Mailed != nil {
		a.o.Mailed()
	}
	if a.doubtful {
		panic(err)
	}
}

// decide decides requests in one transaction. A decision that panics has nothing
// to do with the other people of its batch: its asker is answered, the
// transaction is begun again without it, and only then does the panic go on.
func (a *Accounts) decide(requests []request) (changed []Account, gone []syntax.DID, err error) {
	at := -1 // the request being decided
	defer func() {
		p := recover()
		if p == nil {
			return
		}
		if at >= 0 {
			requests[at].answer(mailbox.ErrCrashed)
			rest := append(requests[:at:at], requests[at+1:]...)
			for a.waiting = append(rest, a.waiting...); len(a.waiting) > 0; {
				a.flush()
			}
		}
		panic(p)
	}()
	return a.transact(func(b *batch) error {
		for i := range requests {
			at = i
			if err := b.try(&requests[i]); err != nil {
				return err
			}
		}
		at = -1
		return nil
	})
}

// try decides one request. Its refusal takes back its own writes only; failed
// means that the transaction is broken.
func (b *batch) try(q *request) (failed error) {
	if q.ctx.Err() != nil {
		q.err = context.Cause(q.ctx)
		return nil
	}
	touched, ended := len(b.touched), len(b.ended)
	var told noted
	q.err, failed = b.Nested(func(*accountdb.Tx) error {
		err := q.decide(b)
		if errors.As(err, &told) {
			return nil
		}
		return err
	})
	if q.err != nil {
		b.touched, b.ended = b.touched[:touched], b.ended[:ended]
	}
	if told.error != nil {
		q.err = told.error
	}
	return failed
}

// noted is a refusal that keeps what its decision wrote: a wrong code is refused
// and counted.
type noted struct{ error }

func (n noted) Unwrap() error { return n.error }

// transact runs fn in one transaction and reads what it touched. It sets
// doubtful where the file may hold what memory does not, or the handle is not
// to be trusted any more: then the instance must end, and the next one opens
// and reads the file.
func (a *Accounts) transact(fn func(*batch) error) (changed []Account, gone []syntax.DID, err error) {
	decided := false
	err = a.db.Transact(context.Background(), func(t *accountdb.Tx) (err error) {
		b := &batch{Tx: t, now: a.o.Now().UTC().Truncate(time.Microsecond)}
		if err = fn(b); err == nil {
			changed, gone, err = b.reread()
		}
		a.mailed, a.unforced = b.mailed, b.ended
		decided = err == nil
		return err
	})
	a.doubtful = err != nil && !undone(err) && (decided || ofStorage(err))
	return changed, gone, err
}

// undone reports whether an error leaves file and handle as they were.
func undone(err error) bool {
	return errors.Is(err, sqlite.ErrBusy) || (errors.Is(err, sqlite.ErrFull) && !errors.Is(err, sqlite.ErrSync))
}

func ofStorage(err error) bool {
	var e *sqlite.Error
	return errors.As(err, &e)
}

// touch has an account's index entry read anew before the commit.
func (b *batch) touch(did syntax.DID) { b.touched = append(b.touched, did) }

func (b *batch) reread() (changed []Account, gone []syntax.DID, err error) {
	seen := make(map[syntax.DID]bool, len(b.touched))
	for _, did := range b.touched {
		if seen[did] {
			continue
		}
		seen[did] = true
		row, found, err := b.Actor(did)
		switch {
		case err != nil:
			return nil, nil, err
		case found:
			changed = append(changed, published(row))
		default:
			gone = append(gone, did)
		}
	}
	return changed, gone, nil
}
