package keys

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/bluesky-social/indigo/atproto/atcrypto"
	"github.com/bluesky-social/indigo/atproto/syntax"
)

// ReservedDir is the folder of reserved keys below the folder of the accounts'
// folders; the reference server calls it the same.
const ReservedDir = "reserved_keys"

const (
	purposeReserved = "reserved"
	reservedTemp    = ".new-"
)

// ErrReservedFull refuses to reserve one more key: anybody may ask for one.
var ErrReservedFull = errors.New("too many keys are reserved")

// Reserved keeps signing keys that were made for accounts to come: the owner of a
// DID asks for one, names it in the DID's document, and then moves here. It is
// immutable and safe for every goroutine: a name appears by one link, so of two
// that reserve for one DID at once both get the key of the first.
type Reserved struct {
	vault *Vault
	dir   string
	limit int
}

// Reserved returns the reserved keys below root, the folder given to ActorDir. No
// more than limit are kept at a time.
func (v *Vault) Reserved(root string, limit int) *Reserved {
	return &Reserved{v, filepath.Join(root, ReservedDir), limit}
}

// Reserve makes a key for did, or returns the one that is reserved for it already.
// Without a DID ("") it makes a new one every time. ErrReservedFull.
func (r *Reserved) Reserve(did syntax.DID) (atcrypto.PublicKey, error) {
	if did != "" {
		if k, err := r.For(did); err == nil || !errors.Is(err, ErrNoKey) {
			return publicOf(k, err)
		}
	}
	k, err := atcrypto.GeneratePrivateKeyK256()
	if err != nil {
		return nil, fmt.Errorf("keys: reserve: %w", err)
	}
	public, err := k.PublicKey()
	if err != nil {
		return nil, fmt.Errorf("keys: reserve: %w", err)
	}
	name := public.DIDKey()
	if did != "" {
		name = reservedName(did)
	}
	err = r.store(name, k)
	if errors.Is(err, fs.ErrExist) { // somebody was faster
		return publicOf(r.For(did))
	}
	if err != nil {
		return nil, fmt.Errorf("keys: reserve: %w", err)
	}
	return public, nil
}

// For returns the key that is reserved for a DID, or ErrNoKey.
func (r *Reserved) For(did syntax.DID) (atcrypto.PrivateKeyExportable, error) {
	return r.read(reservedName(did))
}

// Find returns the reserved key with the public key public (a did:key): one that is
// reserved for did, or for nobody in particular. ErrNoKey.
func (r *Reserved) Find(did syntax.DID, public string) (atcrypto.PrivateKeyExportable, error) {
	for _, name := range []string{reservedName(did), public} {
		k, err := r.read(name)
		if errors.Is(err, ErrNoKey) {
			continue
		}
		p, err := publicOf(k, err)
		if err != nil || p.DIDKey() == public {
			return k, err
		}
	}
	return nil, fmt.Errorf("keys: %.100q is not reserved: %w", public, ErrNoKey)
}

// Clear removes a reserved key that an account has taken over. Unknown is success.
func (r *Reserved) Clear(did syntax.DID, public string) error {
	k, err := r.For(did)
	if p, err := publicOf(k, err); err == nil && p.DIDKey() == public {
		return r.remove(reservedName(did))
	}
	if strings.HasPrefix(public, "did:key:") {
		return r.remove(public)
	}
	return nil
}

// Sweep removes keys that were reserved before a time, and what crashed writes left.
func (r *Reserved) Sweep(before time.Time) (removed int, err error) {
	all, err := os.ReadDir(r.dir)
	if errors.Is(err, fs.ErrNotExist) {
		return 0, nil
	}
	if err != nil {
		return 0, fmt.Errorf("keys: reserved: %w", err)
	}
	for _, one := range all {
		info, err := one.Info()
		if err != nil || !info.ModTime().Before(before) {
			continue // it went meanwhile, or it is young
		}
		if err := r.remove(one.Name()); err != nil {
			return removed, err
		}
		removed++
	}
	return removed, nil
}

// reservedName is the name of the file for a DID. As a name of ActorDir it holds no
// character that the DID's owner could do harm with, and is never a did:key, which
// are the names of keys for nobody in particular.
func reservedName(did syntax.DID) string { return filepath.Base(ActorDir("", did)) }

// store makes a file appear whole and durable, or not at all: fs.ErrExist.
func (r *Reserved) store(name string, k atcrypto.PrivateKeyExportable) error {
	if err := os.MkdirAll(r.dir, 0o700); err != nil {
		return err
	}
	all, err := os.ReadDir(r.dir)
	if err != nil {
		return err
	}
	if len(all) >= r.limit {
		return ErrReservedFull
	}
	f, err := os.CreateTemp(r.dir, reservedTemp) // 0600
	if err != nil {
		return err
	}
	defer os.Remove(f.Name())
	secret := []byte(k.Multibase())
	_, err = f.Write(r.vault.Seal(purposeReserved, name, secret))
	clear(secret)
	if err == nil {
		err = f.Sync()
	}
	if cerr := f.Close(); err == nil {
		err = cerr
	}
	if err != nil {
		return err
	}
	if err := os.Link(f.Name(), filepath.Join(r.dir, name)); err != nil {
		return err
	}
	return syncDirs(r.dir, filepath.Dir(r.dir))
}

// read opens a key. One that the reference server left unsealed is taken as it is:
// its account will hold it sealed.
func (r *Reserved) read(name string) (atcrypto.PrivateKeyExportable, error) {
	if strings.ContainsAny(name, `/\`) || strings.HasPrefix(name, ".") || len(name) > maxPlainName {
		return nil, fmt.Errorf("keys: reserved: %w", ErrNoKey) // of a public key that came from outside
	}
	raw, err := readFile(filepath.Join(r.dir, name))
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return nil, fmt.Errorf("keys: reserved %s: %w", name, ErrNoKey)
	case err != nil:
		return nil, fmt.Errorf("keys: reserved %s: %w", name, err)
	case len(raw) == referenceSize:
		if k, err := atcrypto.ParsePrivateBytesK256(raw); err == nil {
			return k, nil
		}
		return nil, fmt.Errorf("keys: reserved %s: %w", name, ErrBadKey)
	}
	secret, err := r.vault.Open(purposeReserved, name, raw)
	if err != nil {
		return nil, fmt.Errorf("reserved %s: %w", name, err)
	}
	defer clear(secret)
	k, err := atcrypto.ParsePrivateMultibase(string(secret))
	if err != nil {
		return nil, fmt.Errorf("keys: reserved %s: %w", name, ErrBadKey)
	}
	return k, nil
}

func (r *Reserved) remove(name string) error {
	if strings.ContainsAny(name, `/\`) || strings.HasPrefix(name, "..") {
		return nil
	}
	if err := os.Remove(filepath.Join(r.dir, name)); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("keys: reserved %s: %w", name, err)
	}
	return nil
}

func publicOf(k atcrypto.PrivateKeyExportable, err error) (atcrypto.PublicKey, error) {
	if err != nil {
		return nil, err
	}
	return k.PublicKey()
}
