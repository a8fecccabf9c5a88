package migrate

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"net/url"
	"os"
	"slices"
	"strconv"
	"time"

	"github.com/bluesky-social/indigo/atproto/atcrypto"
	"github.com/bluesky-social/indigo/atproto/auth"
	"github.com/bluesky-social/indigo/atproto/syntax"

	"troupe/actors/identity/plc"
)

const createAccount = syntax.NSID("com.atproto.server.createAccount")

// voucher is a token with which the DID itself asks the new server for an
// account: the old server signs it, or, where that is gone, a key that the DID
// document names.
func (m *Mover) voucher(ctx context.Context) (string, error) {
	if m.old != nil {
		var out struct{ Token string }
		q := url.Values{"aud": {m.here.DID.String()}, "lxm": {createAccount.String()}, "exp": {strconv.FormatInt(time.Now().Unix()+60, 10)}}
		err := m.old.query(ctx, "com.atproto.server.getServiceAuth", q, &out)
		return out.Token, err
	}
	key, err := m.signingKey(ctx)
	if err != nil {
		return "", err
	}
	lxm := createAccount
	return auth.SignServiceAuth(m.state.DID, m.here.DID.String(), time.Minute, &lxm, key)
}

// signingKey is a key that the DID document names and we have: the exported
// one, or a temporary one that is put there.
func (m *Mover) signingKey(ctx context.Context) (atcrypto.PrivateKey, error) {
	doc, err := m.dir.document(ctx, m.state.DID)
	if err != nil {
		return nil, err
	}
	if m.state.TemporaryKey == "" {
		key, err := m.exportedKey()
		if err != nil {
			return nil, err
		}
		if key != nil && named(doc, key) {
			return key, nil
		}
		m.note("the export has no key that the DID document names; a temporary one is put there")
		made, err := atcrypto.GeneratePrivateKeyK256()
		if err != nil {
			return nil, err
		}
		m.state.TemporaryKey = made.Multibase()
		if err := m.state.save(); err != nil { // before anybody else knows of it
			return nil, err
		}
	}
	key, err := atcrypto.ParsePrivateMultibase(m.state.TemporaryKey)
	if err != nil || named(doc, key) {
		return key, err
	}
	return key, m.nameKey(ctx, key)
}

func named(doc document, key atcrypto.PrivateKey) bool {
	public, err := key.PublicKey()
	return err == nil && doc.key != nil && doc.key.DIDKey() == public.DIDKey()
}

// exportedKey opens the sealed key of the export; nil: there is none.
func (m *Mover) exportedKey() (atcrypto.PrivateKey, error) {
	b, err := os.ReadFile(m.From.path(keysFile))
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	passphrase, err := m.Ask.Secret(SecretPassphrase, "Passphrase of the exported key")
	if errors.Is(err, ErrNobody) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	key, err := OpenKeys(b, m.state.DID, passphrase)
	if err != nil {
		return nil, &Problem{What: "the exported key could not be opened", Err: err}
	}
	return key, nil
}

// nameKey makes the DID document name a key, and changes nothing else.
func (m *Mover) nameKey(ctx context.Context, key atcrypto.PrivateKey) error {
	public, err := key.PublicKey()
	if err != nil {
		return err
	}
	if m.state.DID.Method() != "plc" {
		return m.waitForKey(ctx, public)
	}
	last, err := m.dir.plc.Last(ctx, m.state.DID)
	if err != nil {
		return fmt.Errorf("PLC directory: %w", err)
	}
	op, err := plc.Next(last)
	if err != nil {
		return err
	}
	if err := m.mayRotate(op.RotationKeys); err != nil {
		return err
	}
	op.VerificationMethods[plc.SigningMethodID] = public.DIDKey()
	signed, err := plc.Sign(op, m.Recovery)
	if err != nil {
		return err
	}
	// A second operation of the same kind, if the answer to this one is lost, does no harm.
	return m.dir.plc.Submit(ctx, m.state.DID, signed)
}

// waitForKey has the owner of a did:web put a key into the document.
func (m *Mover) waitForKey(ctx context.Context, key atcrypto.PublicKey) error {
	address, err := webAddress(m.state.DID)
	if err != nil {
		return err
	}
	m.Say(fmt.Sprintf(`
  To show the new server that the account is yours, put this key into %s for a while:

    in "verificationMethod":
      {"id": "%s#atproto", "type": "Multikey", "controller": "%s", "publicKeyMultibase": "%s"}
`, address, m.state.DID, m.state.DID, key.Multibase()))
	for {
		if doc, err := m.dir.document(ctx, m.state.DID); err == nil && doc.key != nil && doc.key.DIDKey() == key.DIDKey() {
			return nil
		}
		if err := m.new.wait(ctx, webPause); err != nil {
			return err
		}
	}
}

// mayRotate demands that the directory lists the user's key.
func (m *Mover) mayRotate(listed []string) error {
	if m.Recovery == nil {
		return &Problem{What: "nobody can sign the change of the identity", Do: "Give a rotation key of your own: --recovery-key-file"}
	}
	public, err := m.Recovery.PublicKey()
	if err != nil {
		return err
	}
	if !slices.Contains(listed, public.DIDKey()) {
		return &Problem{What: fmt.Sprintf("the PLC directory does not list %s as a rotation key of %s", public.DIDKey(), m.state.DID), Do: "Give the key that it lists: " + fmt.Sprint(listed)}
	}
	return nil
}

// signByKey signs the operation that names the new server.
func (m *Mover) signByKey(ctx context.Context, want credentials) (json.RawMessage, error) {
	last, err := m.dir.plc.Last(ctx, m.state.DID)
	if err != nil {
		return nil, fmt.Errorf("PLC directory: %w", err)
	}
	op, err := plc.Next(last)
	if err != nil {
		return nil, err
	}
	if err := m.mayRotate(op.RotationKeys); err != nil {
		return nil, err
	}
	op.RotationKeys, op.AlsoKnownAs = want.RotationKeys, want.AlsoKnownAs
	op.VerificationMethods, op.Services = want.VerificationMethods, want.Services
	return plc.Sign(op, m.Recovery)
}
