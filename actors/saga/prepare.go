package saga

import (
	"errors"
	"fmt"
	"io/fs"
	"os"

	"github.com/bluesky-social/indigo/atproto/atcrypto"
	"github.com/bluesky-social/indigo/atproto/syntax"

	"troupe/actors/account"
	"troupe/actors/identity/plc"
	"troupe/storage/keys"
)

// prepare checks what can be checked without holding anything, in the order in
// which the reference reports it, and makes everything the story is made of.
func (w *signup) prepare(in SignUp) (atcrypto.PrivateKeyExportable, error) {
	switch {
	case in.Password == "":
		return nil, ErrPasswordRequired
	case len(in.Password) > account.MaxNewPassword:
		return nil, account.ErrInvalidPassword
	case w.o.InviteRequired && in.Invite == "":
		return nil, ErrInviteRequired
	case in.Email == "":
		return nil, ErrEmailRequired
	}
	d := &w.details
	var err error
	if d.Email, err = w.o.Emails.Parse(in.Email); err != nil {
		return nil, err
	}
	var external bool
	if d.Handle, external, err = w.o.Handles.Check(in.Handle, false); err != nil {
		return nil, err
	}
	if external {
		if err := w.resolve(d.Handle, in.DID); err != nil {
			return nil, err
		}
	}
	// A client that did not hear that its DID was taken in asks again, with the
	// same handle; it looks for this answer.
	if _, here := w.o.Index.ByDID(in.DID); here {
		return nil, account.ErrDIDTaken
	}
	// Saves hashing for a name that is plainly gone. With an invite the reservation
	// says so, because the invite comes first.
	if _, taken := w.o.Index.ByHandle(d.Handle); taken && in.Invite == "" {
		return nil, account.ErrHandleTaken
	}
	d.Invite = in.Invite // must be good even where none is asked for, as in the reference
	if d.Password, err = w.o.Passwords.Hash(w.client, in.Password); err != nil {
		return nil, err
	}
	if in.Recovery != nil {
		d.Recovery = in.Recovery.DIDKey()
	}
	w.row.DID = in.DID
	if in.HostDID {
		if err := w.hostDID(); err != nil {
			return nil, err
		}
	}
	return w.prepareKey(in)
}

// prepareKey makes the signing key and, unless a DID was brought along, the
// operation that creates one.
func (w *signup) prepareKey(in SignUp) (atcrypto.PrivateKeyExportable, error) {
	key, err := w.newKey()
	if err != nil {
		return nil, fmt.Errorf("saga: signing key: %w", err)
	}
	if w.row.DID == "" {
		public, err := key.PublicKey()
		if err != nil {
			return nil, fmt.Errorf("saga: signing key: %w", err)
		}
		w.row.DID, w.Op, err = plc.Genesis(w.o.Rotation, plc.GenesisInput{
			Handle: w.Handle, Endpoint: w.o.Endpoint, SigningKey: public, Recovery: in.Recovery, ServerRecovery: w.o.Recovery,
		})
		if err != nil {
			return nil, err
		}
	}
	// Before the DID is reserved: a reserved story may take its folder for its
	// own, and remove it. A folder that is there belongs to an account that this
	// database has forgotten, or to one that is being deleted.
	_, err = os.Lstat(w.dir())
	switch {
	case err == nil:
		return nil, account.ErrDIDTaken
	case !errors.Is(err, fs.ErrNotExist):
		return nil, fmt.Errorf("saga: look for the account's folder: %w", err)
	}
	return key, nil
}

// hostDID makes the DID of the handle. One that was somebody's here before is not
// given away again, whoever has the handle now: a DID is for ever.
func (w *signup) hostDID() error {
	did := w.o.Handles.HostedDID(w.Handle)
	if did == "" {
		return account.ErrUnsupportedDomain
	}
	if _, known, err := w.o.Log.Head(w.client, did); err != nil || known {
		if err == nil {
			err = account.ErrHandleTaken
		}
		return err
	}
	w.row.DID, w.Hosted = did, true
	return nil
}

// newKey is the key that was reserved for a DID which is brought along, or a new one.
func (w *signup) newKey() (atcrypto.PrivateKeyExportable, error) {
	if w.row.DID == "" || w.o.Reserved == nil {
		return atcrypto.GeneratePrivateKeyK256()
	}
	key, err := w.o.Reserved.For(w.row.DID)
	if errors.Is(err, keys.ErrNoKey) {
		return atcrypto.GeneratePrivateKeyK256()
	}
	return key, err
}

func (w *signup) dir() string { return keys.ActorDir(w.o.Actors, syntax.DID(w.row.DID)) }
