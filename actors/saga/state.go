package saga

import (
	"context"
	"crypto/rand"
	"time"

	"github.com/bluesky-social/indigo/atproto/syntax"

	"troupe/actors/account"
	"troupe/actors/mailbox"
)

// errand is a story that is to be told, or gone on with.
type errand struct {
	ctx     context.Context
	how     how
	id      account.SagaID
	kind    Kind
	did     syntax.DID // "": it is not known before the story is told
	in      any
	answers []func(told, error) // of those who wait; none: nobody does
}

func (e *errand) waits() bool { return len(e.answers) > 0 }

func (e *errand) answer(t told, err error) {
	for _, one := range e.answers {
		one(t, err)
	}
}

// worker is the actor of a story that is being told.
type worker struct {
	handle *mailbox.Handle[*teller]
	waits  bool // a client does
}

// unsettled is an unfinished story that nobody works on now.
type unsettled struct {
	kind Kind
	did  syntax.DID
	next time.Time
	wait time.Duration
}

// line is what is asked of one DID: one story at a time.
type line struct {
	told    *errand   // the one being told
	waiting []*errand // in the order in which their turn comes
}

func newID() account.SagaID { return account.SagaID(rand.Text()) }
