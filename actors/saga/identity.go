package saga

import (
	"context"
	"fmt"
	"log/slog"

	atid "github.com/bluesky-social/indigo/atproto/identity"
	"github.com/bluesky-social/indigo/atproto/syntax"

	"troupe/actors/account"
	"troupe/actors/identity"
	"troupe/actors/identity/plc"
	"troupe/actors/mailbox"
	"troupe/actors/repo"
)

// resolve makes sure that a handle of another domain belongs to the DID.
func (w *teller) resolve(h syntax.Handle, did syntax.DID) error {
	if did == "" || w.o.ResolveHandle == nil {
		return account.ErrUnsupportedDomain
	}
	got, err := w.o.ResolveHandle(w.client, h)
	if err != nil {
		return fmt.Errorf("%w: %w", ErrHandleNotResolved, err)
	}
	if got != did {
		return ErrHandleNotResolved
	}
	return nil
}

// hosted reports whether this server answers for the story's did:web: its document
// is made of what the account has.
func (w *teller) hosted() bool {
	return w.o.Handles.HostedDID(syntax.Handle(w.row.DID.Identifier())) == w.row.DID
}

// document is what the DID says now.
func (w *teller) document() (*atid.DIDDocument, error) {
	return mailbox.Ask(w.client, w.o.IDs, identity.ResolveDID{DID: w.row.DID, Fresh: true})
}

// declares reports whether a document names a handle first.
func declares(doc *atid.DIDDocument, h syntax.Handle) bool {
	ident := atid.ParseIdentity(doc)
	declared, err := ident.DeclaredHandle()
	return err == nil && declared.Normalize() == h
}

// announceIdentity tells everybody that the identity may be new, and has the
// accounts actor follow, so that the client finds what it was told.
func (w *teller) announceIdentity(h syntax.Handle) error {
	if _, err := tellRepo(w, repo.AnnounceIdentity{Handle: h}); err != nil {
		return err
	}
	w.follow()
	return nil
}

// follow has the accounts actor take in what the log says now, so that whoever is
// answered finds it. Where that fails it does so a little later, of itself.
func (w *teller) follow() {
	if _, err := query(w, account.CatchUp{}); err != nil {
		w.o.Logger.Warn("accounts did not follow a story", w.attrs(slog.Any("error", err))...)
	}
}

// finish ends a story that changed the DID: nobody reads the older document here
// any more.
func (w *teller) finish(op operation, handles ...syntax.Handle) told {
	w.note(op)
	ctx, cancel := context.WithTimeout(w.life, w.o.Sending)
	defer cancel()
	for _, h := range handles {
		_, _ = mailbox.Ask(ctx, w.o.IDs, identity.Forget{Handle: h}) // it is a cache
	}
	if _, err := mailbox.Ask(ctx, w.o.IDs, identity.ResolveDID{DID: w.row.DID, Fresh: true}); err != nil {
		// The copy may be the old one; it must not be served on as a fresh one.
		_, _ = mailbox.Ask(context.WithoutCancel(ctx), w.o.IDs, identity.Forget{DID: w.row.DID})
	}
	return told{ended: w.ended()}
}

// note remembers an operation as this server's own. Where that fails its owner is
// told of a change that they know of.
func (w *teller) note(op operation) {
	if len(op.Op) == 0 {
		return
	}
	made, err := plc.Parse(op.Op)
	if err == nil {
		err = ask(w, account.NoteOperation{DID: w.row.DID, CID: made.CID().String(), Saga: w.row.ID})
	}
	if err != nil {
		w.o.Logger.Warn("an operation of this server was not noted", w.attrs(slog.Any("error", err))...)
	}
}

// ended forgets the story. Where that fails it is gone on with, and ends then.
func (w *teller) ended() bool {
	if err := w.insistently("end", w.end); err != nil {
		return false
	}
	w.row.Step = ""
	w.o.probe("ended")
	return true
}
