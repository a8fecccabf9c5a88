package saga

import (
	"errors"
	"slices"

	"github.com/bluesky-social/indigo/atproto/syntax"
	"github.com/did-method-plc/go-didplc/didplc"

	"troupe/actors/account"
	"troupe/actors/identity/plc"
	"troupe/actors/repo"
)

// kindSubmit is the kind of the stories in this file: an operation that the owner
// of a DID signed, or had signed here, goes to the PLC directory.
const kindSubmit Kind = "plc"

// submission is the way of such an operation.
type submission struct {
	*teller
	operation
}

func newSubmission(w *teller) plot { return &submission{teller: w} }

func (w *submission) store(step string) account.Saga { return w.at(step, w.operation) }

func (w *submission) begin(id account.SagaID, in any) told {
	m := in.(SubmitPLC)
	w.newRow(id, kindSubmit)
	w.row.DID, w.Op = m.DID, m.Op
	if err := w.check(); err != nil {
		return told{refused: err, ended: true}
	}
	if err := ask(w.teller, account.BeginSaga{Saga: w.store(stepReserved)}); err != nil {
		return told{refused: err, ended: !unknown(err)}
	}
	w.row.Step = stepReserved
	w.o.probe("reserved")
	v, err := w.send(&w.operation, func() error { return ask(w.teller, account.SaveSaga{Saga: w.store(stepSending)}) })
	switch v {
	case taken:
		return w.announce()
	case refused, unsent:
		return told{refused: err, ended: w.ended()}
	}
	return told{refused: err}
}

func (w *submission) rejoin(id account.SagaID) told { return w.settle(id) }

func (w *submission) settle(id account.SagaID) told {
	if err := w.read(id, &w.operation); err != nil {
		return told{ended: errors.Is(err, account.ErrNoSaga)}
	}
	w.o.probe("settle")
	v := refused // nothing was sent
	if w.row.Step == stepSending {
		v = w.arrived(w.operation)
	}
	switch v {
	case taken:
		return w.announce()
	case refused:
		return told{ended: w.ended()}
	}
	return told{}
}

// announce says no handle: the operation changed none that is in force here.
func (w *submission) announce() told {
	if err := w.insistently("announce", func() error { return w.announceIdentity("") }); err != nil {
		return told{refused: ErrUnsettled}
	}
	w.o.probe("announced")
	return w.finish(w.operation)
}

// check refuses what would leave the account without what it needs to live here.
func (w *submission) check() error {
	acct, ok := w.o.Index.ByDID(w.row.DID)
	if !ok {
		return account.ErrNotFound
	}
	parsed, err := plc.Parse(w.Op)
	op, regular := parsed.(*didplc.RegularOp)
	if err != nil || !regular || !op.IsSigned() || w.row.DID.Method() != "plc" {
		return BadOperation{"Invalid operation"}
	}
	server, err := w.o.Rotation.PublicKey()
	if err != nil {
		return err
	}
	key, err := tellRepo(w.teller, repo.SigningKey{})
	if err != nil {
		return err
	}
	return suits(op, server.DIDKey(), w.o.Endpoint, key, acct.Handle)
}

// suits compares an operation with what this server needs to find in a DID, in the
// order in which the reference reports it.
func suits(op *didplc.RegularOp, rotation, endpoint, signing string, handle syntax.Handle) error {
	service := op.Services[plc.ServiceID]
	switch {
	case !slices.Contains(op.RotationKeys, rotation):
		return BadOperation{"Rotation keys do not include server's rotation key"}
	case service.Type != plc.ServiceType:
		return BadOperation{"Incorrect type on atproto_pds service"}
	case service.Endpoint != endpoint:
		return BadOperation{"Incorrect endpoint on atproto_pds service"}
	case op.VerificationMethods[plc.SigningMethodID] != signing:
		return BadOperation{"Incorrect signing key"}
	case handle != "" && (len(op.AlsoKnownAs) == 0 || op.AlsoKnownAs[0] != plc.Alias(handle)):
		return BadOperation{"Incorrect handle in alsoKnownAs"}
	}
	return nil
}
