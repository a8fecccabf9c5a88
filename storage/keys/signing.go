package keys

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/bluesky-social/indigo/atproto/atcrypto"
	"github.com/bluesky-social/indigo/atproto/syntax"
)

const (
	keyFile  = "key"
	nextFile = "key.next"

	purposeSigning = "signing"

	referenceSize = 32 // an unsealed K-256 key of the reference server
)

// WriteSigningKey stores the signing key of an account in its folder, which
// must exist. When it returns nil the key survives a power cut (the folder's
// own name is the caller's to sync). Storing the same key again does nothing; a
// different one, or one that does not open, is never overwritten: ErrKeyExists.
func (v *Vault) WriteSigningKey(dir string, did syntax.DID, k atcrypto.PrivateKeyExportable) error {
	return v.writeKey(dir, keyFile, did, k)
}

// ReadSigningKey returns the signing key of an account. A key that the
// reference server left unsealed is sealed in place. Errors: ErrNoKey,
// ErrSealed, ErrBadKey.
func (v *Vault) ReadSigningKey(dir string, did syntax.DID) (atcrypto.PrivateKeyExportable, error) {
	return v.readKey(dir, keyFile, did)
}

// WriteNextKey stores the key that a rotation is going to switch to. The same
// rules as for WriteSigningKey.
func (v *Vault) WriteNextKey(dir string, did syntax.DID, k atcrypto.PrivateKeyExportable) error {
	return v.writeKey(dir, nextFile, did, k)
}

// ReadNextKey returns the key of a rotation that is under way, or ErrNoKey.
func (v *Vault) ReadNextKey(dir string, did syntax.DID) (atcrypto.PrivateKeyExportable, error) {
	return v.readKey(dir, nextFile, did)
}

// KeyStaged reports whether there is a next key, be it one that does not open.
func (v *Vault) KeyStaged(dir string) (bool, error) {
	_, err := os.Lstat(filepath.Join(dir, nextFile))
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return false, fmt.Errorf("keys: look for the next key: %w", err)
	}
	return err == nil, nil
}

// DropNextKey removes the next key of a rotation that nobody outside has heard of.
// Unknown is success.
func (v *Vault) DropNextKey(dir string) error {
	err := os.Remove(filepath.Join(dir, nextFile))
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err == nil {
		err = syncDirs(dir)
	}
	if err != nil {
		return fmt.Errorf("keys: drop the next key: %w", err)
	}
	return nil
}

// AdoptNextKey makes the next key the signing key and keeps the old one,
// sealed, under a name made of its public key. Called again after a crash it
// finishes the step; with nothing to adopt it answers ErrNoKey.
func (v *Vault) AdoptNextKey(dir string, did syntax.DID) error {
	if _, err := v.readKey(dir, nextFile, did); err != nil {
		return err // never replace a good key by one that does not open
	}
	old, err := v.readKey(dir, keyFile, did)
	if err != nil && !errors.Is(err, ErrNoKey) {
		return err
	}
	if err == nil {
		public, err := old.PublicKey()
		if err != nil {
			return fmt.Errorf("keys: %s: %w: %w", did, ErrBadKey, err)
		}
		kept := filepath.Join(dir, keyFile+".old."+public.Multibase())
		if err := os.Link(filepath.Join(dir, keyFile), kept); err != nil && !errors.Is(err, fs.ErrExist) {
			return fmt.Errorf("keys: keep the old key of %s: %w", did, err)
		}
	}
	if err := os.Rename(filepath.Join(dir, nextFile), filepath.Join(dir, keyFile)); err != nil {
		return fmt.Errorf("keys: adopt the next key of %s: %w", did, err)
	}
	return syncDirs(dir)
}

func (v *Vault) writeKey(dir, name string, did syntax.DID, k atcrypto.PrivateKeyExportable) error {
	path := filepath.Join(dir, name)
	secret := []byte(k.Multibase()) // names its curve
	err := writeNew(path, v.Seal(purposeSigning, string(did), secret))
	clear(secret)
	if errors.Is(err, fs.ErrExist) {
		there, rerr := v.readKey(dir, name, did)
		if rerr != nil || !there.Equal(k) {
			return errors.Join(fmt.Errorf("keys: %s of %s: %w", name, did, ErrKeyExists), rerr)
		}
		err = nil // a crash after the link may have left the name unsynced: go on
	}
	if err == nil {
		err = syncDirs(dir)
	}
	if err != nil {
		return fmt.Errorf("keys: write %s of %s: %w", name, did, err)
	}
	return nil
}

func (v *Vault) readKey(dir, name string, did syntax.DID) (atcrypto.PrivateKeyExportable, error) {
	path := filepath.Join(dir, name)
	raw, err := readFile(path)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return nil, fmt.Errorf("keys: %s of %s: %w", name, did, ErrNoKey)
	case err != nil:
		return nil, fmt.Errorf("keys: read %s of %s: %w", name, did, err)
	case len(raw) == referenceSize:
		return v.adoptReference(path, did, raw)
	}
	secret, err := v.Open(purposeSigning, string(did), raw)
	if err != nil {
		return nil, fmt.Errorf("%s of %s: %w", name, did, err)
	}
	defer clear(secret)
	k, err := atcrypto.ParsePrivateMultibase(string(secret))
	if err != nil {
		return nil, fmt.Errorf("keys: %s of %s: %w", name, did, ErrBadKey)
	}
	return k, nil
}

// adoptReference seals the reference server's key in place. Where that cannot
// be done now (disk full, read-only file system) the key is as good as it was,
// the file is untouched, and the next read tries again.
func (v *Vault) adoptReference(path string, did syntax.DID, raw []byte) (atcrypto.PrivateKeyExportable, error) {
	k, err := atcrypto.ParsePrivateBytesK256(raw)
	if err != nil {
		return nil, fmt.Errorf("keys: %s: %w: an unsealed file of %d bytes", did, ErrBadKey, len(raw))
	}
	secret := []byte(k.Multibase())
	defer clear(secret)
	if err := replace(path, v.Seal(purposeSigning, string(did), secret)); err == nil {
		_ = syncDirs(filepath.Dir(path)) // unsynced it may come back unsealed, and is sealed again
	}
	return k, nil
}
