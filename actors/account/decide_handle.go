package account

import (
	"github.com/bluesky-social/indigo/atproto/syntax"

	"troupe/storage/accountdb"
)

func reserveHandle(b *batch, m ReserveHandle) (Done, error) {
	row, found, err := b.Actor(m.Saga.DID)
	if err != nil || !found {
		return Done{}, either(err, ErrNotFound)
	}
	if row.Handle == m.Handle { // its own row holds it
		return beginSaga(b, BeginSaga{Saga: m.Saga})
	}
	held, err := b.Reservations(m.Handle, "", "")
	if err != nil {
		return Done{}, err
	}
	if taken, err := b.handleTaken(m.Handle, m.Saga.DID, held); err != nil || taken {
		return Done{}, either(err, ErrHandleTaken)
	}
	if _, err := beginSaga(b, BeginSaga{Saga: m.Saga}); err != nil {
		return Done{}, err
	}
	// Without the DID: that one has an account. The identity entry that gives it the
	// handle ends the reservation in the same transaction.
	return Done{}, b.InsertReservation(accountdb.Reservation{Saga: m.Saga.ID, Handle: m.Handle})
}

// handleTaken reports whether nobody new can have a handle: an account has it, in
// whatever state, or a story holds it, or it is the host name of a did:web that
// lives here, and not did. Who took the last one would speak for a host that is
// somebody else's identity.
func (b *batch) handleTaken(h syntax.Handle, did syntax.DID, held []accountdb.Reservation) (bool, error) {
	for _, r := range held {
		if r.Handle == h {
			return true, nil
		}
	}
	if _, taken, err := b.ActorByHandle(h); err != nil || taken {
		return true, err
	}
	host := syntax.DID("did:web:" + h.String())
	if host == did {
		return false, nil
	}
	_, taken, err := b.Actor(host)
	return taken, err
}
