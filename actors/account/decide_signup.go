package account

import (
	"github.com/bluesky-social/indigo/atproto/syntax"

	"troupe/sequencing"
	"troupe/storage/accountdb"
)

func reserveSignup(b *batch, m ReserveSignup) (Done, error) {
	held, err := b.Reservations(m.Handle, m.Email, m.Saga.DID)
	if err != nil {
		return Done{}, err
	}
	// First, because the use of the invite may be held by the very same person.
	for _, r := range held {
		if r.Handle == m.Handle && r.Email == m.Email && r.Invite == m.Invite {
			s, _, err := b.Saga(r.Saga)
			if err != nil {
				return Done{}, err
			}
			return Done{}, Pending{Saga: s}
		}
	}
	if err := b.free(m, held); err != nil {
		return Done{}, err
	}
	if err := b.InsertSaga(m.Saga); err != nil {
		return Done{}, err
	}
	return Done{}, b.InsertReservation(accountdb.Reservation{
		Saga: m.Saga.ID, DID: m.Saga.DID, Handle: m.Handle, Email: m.Email, Invite: m.Invite,
	})
}

// free says which of the names is not, in the order in which the reference
// reports them.
func (b *batch) free(m ReserveSignup, held []accountdb.Reservation) error {
	if m.Invite != "" {
		invite, found, err := b.Invite(m.Invite)
		if err != nil {
			return err
		}
		if !found || !invite.Available() {
			return ErrInvite
		}
	}
	taken, err := b.handleTaken(m.Handle, m.Saga.DID, held)
	if err != nil || taken {
		return either(err, ErrHandleTaken)
	}
	_, taken, err = b.AccountByEmail(m.Email)
	for _, r := range held {
		taken = taken || r.Email == m.Email
	}
	if err != nil || taken {
		return either(err, ErrEmailTaken)
	}
	_, taken, err = b.Actor(m.Saga.DID)
	for _, r := range held {
		taken = taken || r.DID == m.Saga.DID
	}
	if err != nil || taken {
		return either(err, ErrDIDTaken)
	}
	// An account that is being deleted has no rows any more, and files still.
	if _, busy, err := b.SagaOf(m.Saga.DID); err != nil || busy {
		return either(err, ErrUnderWay)
	}
	return nil
}

func either(err, refusal error) error {
	if err != nil {
		return err
	}
	return refusal
}

func insertAccount(b *batch, m InsertAccount) (Account, error) {
	did := m.Account.DID
	if found, err := b.UpdateSaga(stamped(m.Saga, b)); err != nil || !found {
		return Account{}, either(err, ErrNoSaga)
	}
	held, reserved, err := b.Reservation(m.Saga.ID)
	if err != nil {
		return Account{}, err
	}
	row, exists, err := b.Actor(did)
	if err != nil {
		return Account{}, err
	}
	if reserved { // else an earlier turn did it, and its answer was lost
		if row, err = b.turnInto(m.Account, held, row, exists); err != nil {
			return Account{}, err
		}
	} else if !exists {
		return Account{}, ErrNoSaga
	}
	if m.Session.ID != "" {
		if err := b.insertGrant(did, m.Session); err != nil {
			return Account{}, err
		}
	}
	return published(row), nil
}

// turnInto makes a reservation an account.
func (b *batch) turnInto(n NewAccount, held accountdb.Reservation, old accountdb.Actor, exists bool) (accountdb.Actor, error) {
	row := accountdb.Actor{
		DID: n.DID, Handle: n.Handle, CreatedAt: b.now, Status: accountdb.Status(n.Status), DeleteAfter: n.DeleteAfter, HasPassword: true,
	}
	if n.Status == sequencing.StatusDeactivated {
		row.DeactivatedAt, row.Awaits = b.now, n.Awaits
	}
	if exists {
		// A restored file can know the account from the log and the story from
		// before: the row that nobody could sign in to is the story's own.
		if !old.Locked {
			return row, ErrDIDTaken
		}
		if err := b.DeleteActor(n.DID); err != nil {
			return row, err
		}
		old.Locked, old.HasPassword = false, true
		row = old
	}
	// The DID exists, so this sign-up can only go on. If the log gave its handle
	// to somebody else meanwhile, the account comes without one.
	if owner, taken, err := b.ActorByHandle(n.Handle); err != nil {
		return row, err
	} else if taken && owner.DID != n.DID && row.Handle == n.Handle {
		row.Handle = ""
	}
	if err := b.DeleteReservation(held.Saga); err != nil {
		return row, err
	}
	if err := b.InsertActor(row); err != nil {
		return row, err
	}
	if err := b.InsertAccount(accountdb.Account{DID: n.DID, Email: n.Email, Password: n.Password}); err != nil {
		return row, err
	}
	if held.Invite != "" {
		if err := b.UseInvite(held.Invite, n.DID, b.now); err != nil {
			return row, err
		}
	}
	b.touch(n.DID)
	return row, b.welcome(row)
}

func upgradePassword(b *batch, m UpgradePassword) (Done, error) {
	replaced, err := b.ReplacePassword(m.DID, m.Old, m.New)
	if err != nil || !replaced {
		return Done{}, either(err, ErrNoSuchPassword)
	}
	return Done{}, nil
}

// hosted finds an account that has a password here.
func (b *batch) hosted(did syntax.DID) (accountdb.Actor, error) {
	row, found, err := b.Actor(did)
	if err != nil || !found || !row.HasPassword {
		return row, either(err, ErrNotFound)
	}
	return row, nil
}
