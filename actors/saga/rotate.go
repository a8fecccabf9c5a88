package saga

import (
	"errors"
	"fmt"
	"log/slog"

	"github.com/bluesky-social/indigo/atproto/atcrypto"
	"github.com/did-method-plc/go-didplc/didplc"

	"troupe/actors/account"
	"troupe/actors/identity"
	"troupe/actors/identity/plc"
	"troupe/actors/repo"
	"troupe/storage/keys"
)

// kindRotate is the kind of the stories in this file: an account gets another
// signing key.
const kindRotate Kind = "rotate"

// rotation is a change of the key.
type rotation struct {
	*teller
	rotationDetails
}

// rotationDetails are the data of a stored rotation. The key itself is in the
// account's folder, sealed.
type rotationDetails struct {
	Key string `json:"key"` // did:key of the new one
	operation
}

func newRotation(w *teller) plot { return &rotation{teller: w} }

func (w *rotation) store(step string) account.Saga { return w.at(step, w.rotationDetails) }

func (w *rotation) begin(id account.SagaID, in any) told {
	m := in.(RotateKey)
	w.newRow(id, kindRotate)
	w.row.DID = m.DID
	key, err := w.choose(m.Key)
	if err != nil {
		return told{refused: err, ended: true}
	}
	if err := ask(w.teller, account.BeginSaga{Saga: w.store(stepReserved)}); err != nil {
		return told{refused: err, ended: !unknown(err)}
	}
	w.row.Step = stepReserved
	w.o.probe("reserved")
	if key != nil {
		// Behind the row: a key that is staged belongs to a story, or it would hold
		// the account's writes for ever.
		if _, err := tellRepo(w.teller, repo.StageKey{Key: key}); err != nil {
			return w.undo(err)
		}
	}
	w.o.probe("staged")
	if err := w.prepare(); err != nil {
		return w.undo(err)
	}
	if len(w.Op) == 0 { // the world knows the key already, or knows it as soon as we do
		if err := ask(w.teller, account.SaveSaga{Saga: w.store(stepTaken)}); err != nil {
			return told{refused: ErrUnsettled} // settle finds out
		}
		w.row.Step = stepTaken
		return w.adopt()
	}
	v, err := w.send(&w.operation, func() error { return ask(w.teller, account.SaveSaga{Saga: w.store(stepSending)}) })
	switch v {
	case taken:
		return w.adopt()
	case refused, unsent:
		return w.undo(err)
	}
	return told{refused: err}
}

func (w *rotation) rejoin(id account.SagaID) told { return w.settle(id) }

func (w *rotation) settle(id account.SagaID) told {
	if err := w.read(id, &w.rotationDetails); err != nil {
		return told{ended: errors.Is(err, account.ErrNoSaga)}
	}
	w.o.probe("settle")
	v := refused // nothing was sent
	switch w.row.Step {
	case stepSending:
		v = w.arrived(w.operation)
	case stepTaken:
		v = taken
	}
	switch v {
	case taken:
		return w.adopt()
	case refused:
		return w.undo(nil)
	}
	return told{}
}

// choose finds the key that is asked for; nil if it is the one that the account has.
func (w *rotation) choose(public string) (atcrypto.PrivateKeyExportable, error) {
	if _, ok := w.o.Index.ByDID(w.row.DID); !ok {
		return nil, account.ErrNotFound
	}
	current, err := tellRepo(w.teller, repo.SigningKey{})
	if err != nil {
		return nil, err
	}
	if w.Key = public; public == current {
		return nil, nil
	}
	if public != "" {
		if w.o.Reserved == nil {
			return nil, ErrUnknownKey
		}
		key, err := w.o.Reserved.Find(w.row.DID, public)
		if errors.Is(err, keys.ErrNoKey) {
			err = fmt.Errorf("%w: %w", ErrUnknownKey, err)
		}
		return key, err
	}
	key, err := atcrypto.GeneratePrivateKeyK256()
	if err != nil {
		return nil, fmt.Errorf("saga: signing key: %w", err)
	}
	p, err := key.PublicKey()
	if err != nil {
		return nil, fmt.Errorf("saga: signing key: %w", err)
	}
	w.Key = p.DIDKey()
	return key, nil
}

// prepare makes the PLC operation, if the DID needs one, or makes sure that the
// document names the key.
func (w *rotation) prepare() (err error) {
	switch {
	case w.row.DID.Method() == "plc":
		w.operation, err = w.amend(func(op *didplc.RegularOp) bool { return plc.SetSigningKey(op, w.Key) })
		return err
	case w.hosted():
		return nil // the document is made of what the account has
	}
	doc, err := w.document()
	if err != nil {
		return err
	}
	if declared, err := identity.SigningKey(doc, identity.FragmentAtproto); err != nil || declared.DIDKey() != w.Key {
		return ErrNotConfigured
	}
	return nil
}

// adopt makes the account sign with the key that the world knows. From here on the
// story can only go on.
func (w *rotation) adopt() told {
	acct, _ := w.o.Index.ByDID(w.row.DID)
	err := w.insistently("adopt", func() error {
		_, err := tellRepo(w.teller, repo.AdoptKey{Public: w.Key, Handle: acct.Handle})
		return err
	})
	if err != nil {
		return told{refused: ErrUnsettled}
	}
	w.o.probe("adopted")
	w.follow()
	if w.o.Reserved != nil {
		if err := w.o.Reserved.Clear(w.row.DID, w.Key); err != nil {
			w.o.Logger.Warn("a reserved key that was taken over is still there", w.attrs(slog.Any("error", err))...)
		}
	}
	return w.finish(w.operation)
}

// undo lets the account sign on with the key that it has: nobody outside knows the
// other one.
func (w *rotation) undo(reason error) told {
	w.o.probe("undo")
	if _, err := tellRepo(w.teller, repo.DropKey{}); err != nil && !errors.Is(err, repo.ErrNotFound) {
		w.o.Logger.Error("rotation cannot be undone yet", w.attrs(slog.Any("error", err))...)
		return told{refused: reason}
	}
	w.o.probe("undone")
	return told{refused: reason, ended: w.ended()}
}
