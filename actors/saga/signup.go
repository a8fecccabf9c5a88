package saga

import (
	"errors"

	"github.com/bluesky-social/indigo/atproto/syntax"

	"troupe/actors/account"
)

// kindSignup is the kind of the stories in this file.
const kindSignup Kind = "signup"

// A step is what a stored story may have done by the time somebody reads it.
const (
	// stepReserved: names are held. Nothing outside this server knows the DID.
	// Its folder, which did not exist before, may hold the signing key.
	stepReserved = "reserved"
	// stepSending: the key is on the disk, and the operation may have been sent.
	stepSending = "sending"
	// stepTaken: the world knows what the story changes. What is left is this server.
	stepTaken = "taken"
	// stepInserted: the account rows exist. What is left is the repository.
	stepInserted = "inserted"
)

// details are the data of a stored sign-up.
type details struct {
	Handle    syntax.Handle        `json:"handle"`
	Email     account.Email        `json:"email"`
	Password  account.PasswordHash `json:"password"`
	Invite    account.InviteCode   `json:"invite,omitempty"`
	Recovery  string               `json:"recovery,omitempty"` // did:key
	Hosted    bool                 `json:"hosted,omitempty"`   // the DID is a did:web that this server answers for
	operation                      // that creates the DID; none: it was brought along, or is hosted
}

// brought reports whether the person came with a DID.
func (d details) brought() bool { return len(d.Op) == 0 && !d.Hosted }

// signup is a sign-up.
type signup struct {
	*teller
	details

	grant account.Grant // stored with the account, for the person who waits
	acct  account.Account
}

func newSignup(w *teller) plot { return &signup{teller: w} }

func (w *signup) store(step string) account.Saga { return w.at(step, w.details) }

// begin tells a new sign-up: checks, then the steps.
func (w *signup) begin(id account.SagaID, in any) told {
	m := in.(SignUp)
	w.newRow(id, kindSignup)
	key, err := w.prepare(m)
	if err != nil {
		return told{refused: err, ended: true}
	}
	w.o.probe("reserve")
	err = ask(w.teller, account.ReserveSignup{Saga: w.store(stepReserved), Handle: w.Handle, Email: w.Email, Invite: w.Invite})
	var pending account.Pending
	switch {
	case errors.As(err, &pending):
		return w.same(pending, m)
	case unknown(err):
		return told{refused: err} // it may have been stored: settle finds out
	case err != nil:
		return told{refused: err, ended: true}
	}
	w.row.Step = stepReserved
	w.o.probe("reserved")
	if err := w.writeKey(key); err != nil {
		return w.undo(err)
	}
	w.o.probe("keyed")
	if len(w.Op) == 0 {
		return w.complete()
	}
	return w.register()
}

// rejoin goes on with a story for the person who began it and proved it.
func (w *signup) rejoin(id account.SagaID) told {
	if err := w.read(id, &w.details); err != nil {
		// It ended meanwhile, one way or the other.
		return told{refused: account.ErrHandleTaken, ended: errors.Is(err, account.ErrNoSaga)}
	}
	switch w.row.Step {
	case stepSending:
		w.doubt = true
		return w.register()
	case stepInserted:
		return w.complete()
	}
	// Nothing was sent, so nothing is lost: the next try begins anew. Leaving it
	// to settle would let somebody who tries again and again keep settle waiting.
	return w.undo(ErrUnconfirmed)
}

// settle goes on with a story that nobody waits for. It never sends: see doc.go.
func (w *signup) settle(id account.SagaID) told {
	if err := w.read(id, &w.details); err != nil {
		return told{ended: errors.Is(err, account.ErrNoSaga)}
	}
	w.o.probe("settle")
	switch w.row.Step {
	case stepInserted:
		return w.complete()
	case stepReserved:
		return w.undo(nil)
	case stepSending:
		return w.lookUp()
	}
	w.o.Logger.Error("sign-up in an unknown step", w.attrs()...)
	return told{}
}

// same lets the person behind an unfinished sign-up go on with it: who knows
// its handle, its address and its password is that person.
func (w *signup) same(p account.Pending, in SignUp) told {
	taken := told{refused: account.ErrHandleTaken, ended: true}
	var old details
	err := load(p.Saga, &old)
	if err != nil || old.brought() != w.brought() || old.Hosted != w.Hosted || (len(old.Op) == 0 && p.Saga.DID != w.row.DID) || old.Recovery != w.Recovery {
		return taken
	}
	ok, _, err := w.o.Passwords.Verify(w.client, old.Password, in.Password)
	if err != nil || !ok {
		return taken
	}
	return told{join: p.Saga.ID, ended: true}
}
