package saga

import (
	"context"
	"errors"
	"log/slog"

	"github.com/bluesky-social/indigo/atproto/atcrypto"

	"troupe/actors/account"
	"troupe/actors/identity/plc"
	"troupe/actors/repo"
	"troupe/sequencing"
)

// register has the directory make the DID, and goes on.
func (w *signup) register() told {
	v, err := w.send(&w.operation, func() error { return ask(w.teller, account.SaveSaga{Saga: w.store(stepSending)}) })
	switch v {
	case taken:
		return w.complete()
	case refused, unsent:
		return w.undo(err)
	}
	return told{refused: err}
}

// lookUp asks the directory what became of an operation.
func (w *signup) lookUp() told {
	ctx, cancel := context.WithTimeout(w.life, w.o.Sending)
	defer cancel()
	_, err := w.o.Directory.Last(ctx, w.row.DID)
	w.o.probe("looked up")
	switch {
	case err == nil: // a DID is the hash of its first operation: it is ours
		return w.complete()
	case errors.Is(err, plc.ErrNotFound):
		// Absence counts only when no copy can still be under way.
		if w.o.Now().Before(w.SentAt.Add(w.o.Settle)) {
			return told{}
		}
		return w.undo(nil)
	case errors.Is(err, plc.ErrGone): // by whoever holds the recovery key
		return w.undo(nil)
	}
	w.o.Logger.Warn("sign-up waits for the PLC directory", w.attrs(slog.Any("error", err))...)
	return told{}
}

// complete makes the account of a DID that exists. From here on the story can
// only go on.
func (w *signup) complete() told {
	if err := w.insistently("insert", w.insert); err != nil {
		switch {
		case w.row.Step != stepReserved:
			return told{refused: ErrUnfinished}
		case unknown(err): // settle finds out
			return told{refused: err}
		}
		return w.undo(err) // a DID that was brought along: nothing happened yet
	}
	w.o.probe("inserted")
	if err := w.insistently("create", w.create); err != nil {
		return told{refused: ErrUnfinished}
	}
	w.o.probe("created")
	w.clearReserved()
	if err := w.insistently("end", w.end); err != nil {
		w.o.Logger.Warn("sign-up is complete and not forgotten", w.attrs(slog.Any("error", err))...)
		return w.answer(false)
	}
	w.row.Step = ""
	w.o.probe("ended")
	return w.answer(true)
}

// clearReserved forgets the reserved key that has become the account's. Where that
// fails it goes when it is old.
func (w *signup) clearReserved() {
	if len(w.Op) > 0 || w.o.Reserved == nil {
		return
	}
	key, err := w.o.Vault.ReadSigningKey(w.dir(), w.row.DID)
	if err == nil {
		var public atcrypto.PublicKey
		if public, err = key.PublicKey(); err == nil {
			err = w.o.Reserved.Clear(w.row.DID, public.DIDKey())
		}
	}
	if err != nil {
		w.o.Logger.Warn("a reserved key that was taken over is still there", w.attrs(slog.Any("error", err))...)
	}
}

// insert makes the account rows, with a session if somebody waits for one.
func (w *signup) insert() (err error) {
	if w.waits() && w.grant.ID == "" {
		w.grant = w.o.Tokens.NewGrant("")
	}
	a := account.NewAccount{
		DID: w.row.DID, Handle: w.Handle, Email: w.Email, Password: w.Password, Status: sequencing.StatusActive,
	}
	w.hold(&a)
	w.o.probe("insert")
	w.acct, err = query(w.teller, account.InsertAccount{Saga: w.store(stepInserted), Account: a, Session: w.grant})
	if err == nil {
		w.row.Step = stepInserted
	}
	return err
}

// hold keeps an account deactivated that came with a DID of its own, or whose
// owner has to wait. Who has to be confirmed and is not in time is deleted.
func (w *signup) hold(a *account.NewAccount) {
	if !w.brought() && w.o.Await == 0 {
		return
	}
	a.Status, a.Awaits = sequencing.StatusDeactivated, w.o.Await
	if !w.brought() {
		a.Awaits |= account.AwaitsActivation
	}
	if w.o.Await == 0 || w.o.Await&account.AwaitsEmail != 0 {
		a.DeleteAfter = w.o.Now().Add(account.KeepUnconfirmed).UTC()
	}
}

// create asks for the creation chain and has the accounts actor follow it, so
// that the client finds what it was told.
func (w *signup) create() error {
	ctx, cancel := context.WithTimeout(context.Background(), askLimit)
	defer cancel()
	status := sequencing.StatusActive
	if w.acct.Status != status { // as it was inserted, perhaps under other settings
		status = sequencing.StatusDeactivated
	}
	_, err := w.o.CreateRepo(ctx, w.row.DID, repo.Create{Handle: w.acct.Handle, Status: status})
	if err != nil {
		return err
	}
	if _, err := query(w.teller, account.CatchUp{}); err != nil {
		w.o.Logger.Warn("accounts did not follow a creation", w.attrs(slog.Any("error", err))...)
	}
	return nil
}

// answer gives the session to whoever waited since before the account was.
func (w *signup) answer(ended bool) told {
	if w.grant.ID == "" {
		return told{refused: ErrUnfinished, ended: ended}
	}
	scope := account.ScopeAccess
	if w.acct.Queued() {
		scope = account.ScopeSignupQueued
	}
	s, err := w.o.Tokens.Session(w.acct, scope, w.grant)
	return told{session: s, refused: err, ended: ended}
}

// undo removes what a story left that came to nothing: nobody outside knows the
// DID. The folder first, because the row is what remembers it.
func (w *signup) undo(reason error) told {
	w.o.probe("undo")
	err := w.removeKey()
	w.o.probe("undone")
	if err == nil {
		err = w.end()
	}
	if err != nil {
		w.o.Logger.Error("sign-up cannot be undone yet", w.attrs(slog.Any("error", err))...)
	}
	return told{refused: reason, ended: err == nil}
}
