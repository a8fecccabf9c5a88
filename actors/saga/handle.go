package saga

import (
	"errors"

	"github.com/bluesky-social/indigo/atproto/syntax"
	"github.com/did-method-plc/go-didplc/didplc"

	"troupe/actors/account"
	"troupe/actors/identity/plc"
)

// kindHandle is the kind of the stories in this file: an account gets another
// handle. The identity entry is what gives it: the accounts actor applies that.
const kindHandle Kind = "handle"

// handling is a change of a handle.
type handling struct {
	*teller
	handleDetails
}

// handleDetails are the data of a stored change.
type handleDetails struct {
	Handle syntax.Handle `json:"handle"`
	operation
}

func newHandling(w *teller) plot { return &handling{teller: w} }

func (w *handling) store(step string) account.Saga { return w.at(step, w.handleDetails) }

func (w *handling) begin(id account.SagaID, in any) told {
	m := in.(ChangeHandle)
	w.newRow(id, kindHandle)
	w.row.DID = m.DID
	if err := w.check(m); err != nil {
		return told{refused: err, ended: true}
	}
	w.o.probe("reserve")
	err := ask(w.teller, account.ReserveHandle{Saga: w.store(stepReserved), Handle: w.Handle})
	if err != nil {
		return told{refused: err, ended: !unknown(err)}
	}
	w.row.Step = stepReserved
	w.o.probe("reserved")
	if err := w.prepare(); err != nil {
		return w.undo(err)
	}
	if len(w.Op) == 0 { // the document names the handle already, or does when we do
		return w.announce()
	}
	v, err := w.send(&w.operation, func() error { return ask(w.teller, account.SaveSaga{Saga: w.store(stepSending)}) })
	switch v {
	case taken:
		return w.announce()
	case refused, unsent:
		return w.undo(err)
	}
	return told{refused: err}
}

func (w *handling) rejoin(id account.SagaID) told { return w.settle(id) }

func (w *handling) settle(id account.SagaID) told {
	if err := w.read(id, &w.handleDetails); err != nil {
		return told{ended: errors.Is(err, account.ErrNoSaga)}
	}
	w.o.probe("settle")
	if w.row.Step != stepSending { // nothing was sent; if it was announced, it has been applied
		return w.undo(nil)
	}
	switch w.arrived(w.operation) {
	case taken:
		return w.announce()
	case refused:
		return w.undo(nil)
	}
	return told{}
}

// check says whether the account may have the handle, as far as can be said
// without holding it.
func (w *handling) check(m ChangeHandle) error {
	acct, ok := w.o.Index.ByDID(m.DID)
	if !ok {
		return account.ErrNotFound
	}
	// What it has it may keep, though nobody else would get it any more.
	keeps := acct.Handle != "" && syntax.Handle(m.Handle).Normalize() == acct.Handle
	handle, external, err := w.o.Handles.Check(m.Handle, m.Admin || keeps)
	if err != nil {
		return err
	}
	w.Handle = handle
	if external {
		return w.resolve(handle, m.DID)
	}
	if owner, ok := w.o.Index.ByHandle(handle); ok && owner.DID != m.DID {
		return account.ErrHandleTaken // saves asking; the reservation says so for certain
	}
	return nil
}

// prepare makes the PLC operation, if the DID needs one, or makes sure that the
// document names the handle.
func (w *handling) prepare() (err error) {
	switch {
	case w.row.DID.Method() == "plc":
		w.operation, err = w.amend(func(op *didplc.RegularOp) bool { return plc.SetHandle(op, w.Handle) })
		return err
	case w.hosted():
		return nil // the document is made of what the account has
	}
	doc, err := w.document()
	if err != nil {
		return err
	}
	if !declares(doc, w.Handle) {
		return ErrNotConfigured
	}
	return nil
}

// announce tells everybody, and has the accounts actor follow.
func (w *handling) announce() told {
	if err := w.insistently("announce", func() error { return w.announceIdentity(w.Handle) }); err != nil {
		return told{refused: ErrUnsettled}
	}
	w.o.probe("announced")
	return w.finish(w.operation, w.Handle)
}

// undo gives the handle back that the story holds.
func (w *handling) undo(reason error) told {
	w.o.probe("undo")
	return told{refused: reason, ended: w.ended()}
}
