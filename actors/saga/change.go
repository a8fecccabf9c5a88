package saga

import (
	"context"
	"time"

	"github.com/bluesky-social/indigo/atproto/syntax"

	"troupe/actors/account"
	"troupe/actors/mailbox"
	"troupe/actors/repo"
	"troupe/sequencing"
)

// Kinds of the stories in this file. They change how an account stands in one
// append, which carries the reasons along with the status: there is no row,
// because there is nothing that a crash could leave half done.
const (
	kindActivate   Kind = "activate"
	kindDeactivate Kind = "deactivate"
	kindModerate   Kind = "moderate"
)

// change is an activation, a deactivation or a ruling of moderation.
type change struct{ *teller }

func newChange(w *teller) plot { return &change{w} }

func (w *change) begin(_ account.SagaID, in any) (t told) {
	switch m := in.(type) {
	case Activate:
		t.refused = w.activate(m)
	case Deactivate:
		t.refused = w.deactivate(m)
	case Moderate:
		t.refused = w.moderate(m)
	}
	t.ended = true
	return t
}

func (w *change) rejoin(account.SagaID) told { return told{ended: true} }
func (w *change) settle(account.SagaID) told { return told{ended: true} }

// activate has nothing to say against a takedown, which the account does not
// come out of by itself.
func (w *change) activate(m Activate) error {
	w.row.DID = m.DID
	s, err := w.standing(kindActivate)
	if err == nil && s.Takedown != "" {
		err = account.ErrNotFound
	}
	if err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(w.client, w.o.Sending)
	defer cancel()
	if err := w.o.Residence.Check(ctx, m.DID); err != nil {
		return err
	}
	handle := s.Handle
	if handle == "" {
		handle = syntax.HandleInvalid
	}
	w.o.probe("activate")
	_, err = tellRepo(w.teller, repo.Activate{Handle: handle})
	return w.stood(err)
}

func (w *change) deactivate(m Deactivate) error {
	w.row.DID = m.DID
	s, err := w.standing(kindDeactivate)
	if err != nil {
		return err
	}
	s.Deactivated, s.DeleteAfter = w.now(), m.DeleteAfter.UTC().Truncate(time.Microsecond)
	return w.stand(s.Standing)
}

func (w *change) moderate(m Moderate) error {
	w.row.DID = m.DID
	s, err := w.standing(kindModerate)
	if err != nil {
		return err
	}
	switch m.Takedown {
	case Applied:
		if s.Takedown = m.Ref; m.Ref == "" {
			s.Takedown = w.now().Format("2006-01-02T15:04:05.000Z")
		}
	case Lifted:
		s.Takedown = ""
	}
	switch m.Deactivated {
	case Applied:
		s.Deactivated, s.DeleteAfter = w.now(), time.Time{}
	case Lifted:
		s.Deactivated, s.DeleteAfter = time.Time{}, time.Time{}
	}
	return w.stand(s.Standing)
}

// standing is how the account stands, if a story of the kind may change that now.
func (w *change) standing(k Kind) (account.Standing, error) {
	s, err := query(w.teller, account.FindStanding{DID: w.row.DID})
	if err == nil && s.Other.ID != "" && bars(Kind(s.Other.Kind), k) {
		err = ErrBusyAccount
	}
	return s, err
}

func (w *change) now() time.Time { return w.o.Now().UTC().Truncate(time.Microsecond) }

// stand makes the change: one append, announced as #account.
func (w *change) stand(s sequencing.Standing) error {
	w.o.probe("stand")
	_, err := tellRepo(w.teller, repo.SetStatus{Standing: s})
	return w.stood(err)
}

// stood ends a change that was appended.
func (w *change) stood(err error) error {
	if err != nil {
		return err
	}
	w.o.probe("stood")
	w.follow()
	w.o.probe("followed")
	return nil
}

// tellRepo asks the account's repo actor, and not with the client's context: an
// append that has begun ends.
func tellRepo[R any, M mailbox.Message[*repo.Repo, R]](w *teller, m M) (R, error) {
	ctx, cancel := context.WithTimeout(context.Background(), askLimit)
	defer cancel()
	return mailbox.Ask(ctx, w.o.Repos.Of(w.row.DID.String()), m)
}
