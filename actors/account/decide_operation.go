package account

import (
	"context"

	"github.com/bluesky-social/indigo/atproto/syntax"

	"troupe/actors/mailbox"
	"troupe/storage/accountdb"
)

// NoteOperation remembers the newest PLC operation of a DID. One that a story made
// is noted by the story, before it ends; one that was found in the directory is
// refused while a story of the DID is told, because it may be that story's. Where
// it is news, the owner gets the notice. It is answered with [ErrNotFound],
// [ErrUnderWay].
type NoteOperation struct {
	mailbox.To[*Accounts, Done]
	DID     syntax.DID
	CID     string
	Saga    SagaID   // of the story that made it; "": it was found
	Subject string   // of the notice
	Notice  []string // its paragraphs; none: nobody is told
}

func noteOperation(b *batch, m NoteOperation) (Done, error) {
	row, found, err := b.Actor(m.DID)
	if err != nil || !found {
		return Done{}, either(err, ErrNotFound)
	}
	if s, under, err := b.SagaOf(m.DID); err != nil || under && s.ID != m.Saga {
		return Done{}, either(err, ErrUnderWay)
	}
	known, err := b.PLCOperation(m.DID)
	if err != nil || known == m.CID {
		return Done{}, err
	}
	if err := b.PutPLCOperation(m.DID, m.CID, b.now); err != nil || len(m.Notice) == 0 {
		return Done{}, err
	}
	private, found, err := b.Account(m.DID)
	if err != nil || !found {
		return Done{}, err // it has no address to write to
	}
	return Done{}, b.notify(row, private.Email, m.Subject, m.Notice...)
}

// PLCOperation is the newest PLC operation that was noted of a DID, "" if none was.
func (r *Reads) PLCOperation(ctx context.Context, did syntax.DID) (cid string, err error) {
	err = r.with(ctx, func(q *accountdb.Reader) (err error) {
		cid, err = q.PLCOperation(did)
		return err
	})
	return cid, err
}
