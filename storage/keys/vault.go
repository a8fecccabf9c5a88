package keys

import (
	"bytes"
	"crypto/cipher"
	"crypto/hkdf"
	"crypto/rand"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"golang.org/x/crypto/chacha20poly1305"
)

var (
	ErrSealed    = errors.New("sealed key does not open") // another KEK, another account or purpose, or damage
	ErrNoKey     = errors.New("no key")
	ErrKeyExists = errors.New("a different key is there already")
	ErrExposed   = errors.New("key-encryption key may be read by others")
	ErrBadKey    = errors.New("not a usable key")
)

const (
	kekSize         = 32
	fingerprintSize = 8
	sealVersion     = 1
	headerSize      = len(magic) + 1 + fingerprintSize
	magic           = "TRPK"
)

// Vault seals and opens secrets under one key-encryption key. Immutable. It
// prints as its fingerprint, never as its key.
type Vault struct {
	box         cipher.AEAD
	fingerprint [fingerprintSize]byte
}

// OpenVault reads the key-encryption key at path. If there is none and create
// is set, it makes one; the caller then tells the operator to back it up. A
// file that is there and cannot be used is never replaced.
//
// Errors: fs.ErrNotExist, ErrExposed, ErrBadKey, and those of the file system.
func OpenVault(path string, create bool) (_ *Vault, created bool, err error) {
	kek, err := readKEK(path)
	if errors.Is(err, fs.ErrNotExist) && create {
		kek, created, err = createKEK(path)
	}
	if err != nil {
		return nil, false, fmt.Errorf("keys: key-encryption key %s: %w", path, err)
	}
	v, err := newVault(kek)
	clear(kek)
	return v, created, err
}

func newVault(kek []byte) (*Vault, error) {
	key, err := hkdf.Key(sha256.New, kek, nil, "troupe seal v1", chacha20poly1305.KeySize)
	if err != nil {
		return nil, fmt.Errorf("keys: derive: %w", err)
	}
	id, err := hkdf.Key(sha256.New, kek, nil, "troupe kek fingerprint v1", fingerprintSize)
	if err != nil {
		return nil, fmt.Errorf("keys: derive: %w", err)
	}
	v := &Vault{}
	if v.box, err = chacha20poly1305.NewX(key); err != nil {
		return nil, fmt.Errorf("keys: %w", err)
	}
	clear(key)
	copy(v.fingerprint[:], id)
	return v, nil
}

func readKEK(path string) ([]byte, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return nil, err
	}
	if info.Mode().Perm()&0o077 != 0 {
		return nil, fmt.Errorf("%w: mode %04o, want 0600", ErrExposed, info.Mode().Perm())
	}
	raw, err := readSmall(f)
	if err != nil {
		return nil, err
	}
	kek := raw
	if text := bytes.TrimSpace(raw); len(raw) != kekSize && len(text) == 2*kekSize {
		kek = make([]byte, kekSize)
		if _, err := hex.Decode(kek, text); err != nil {
			return nil, fmt.Errorf("%w: neither %d bytes nor hex", ErrBadKey, kekSize)
		}
	}
	if len(kek) != kekSize || bytes.Count(kek, kek[:1]) == kekSize {
		return nil, fmt.Errorf("%w: want %d random bytes", ErrBadKey, kekSize)
	}
	return kek, nil
}

// createKEK makes a key and leaves it durable before anything is sealed with
// it: a key that a power cut could take back would take every account along.
func createKEK(path string) (kek []byte, created bool, err error) {
	dir := filepath.Dir(path)
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, false, err
	}
	kek = make([]byte, kekSize)
	_, _ = rand.Read(kek) // never fails: the runtime ends the process instead
	switch err := writeNew(path, kek); {
	case errors.Is(err, fs.ErrExist): // another process was faster: its key counts
		kek, err := readKEK(path)
		return kek, false, err
	case err != nil:
		return nil, false, err
	}
	return kek, true, syncDirs(dir, filepath.Dir(dir))
}

// Seal returns secret sealed for one purpose and DID. The DID may be empty for
// secrets of the server itself.
func (v *Vault) Seal(purpose, did string, secret []byte) []byte {
	out := make([]byte, headerSize, headerSize+chacha20poly1305.NonceSizeX+len(secret)+chacha20poly1305.Overhead)
	copy(out, magic)
	out[len(magic)] = sealVersion
	copy(out[len(magic)+1:], v.fingerprint[:])
	nonce := make([]byte, chacha20poly1305.NonceSizeX)
	_, _ = rand.Read(nonce)
	out = append(out, nonce...)
	return v.box.Seal(out, nonce, secret, additional(out[:headerSize], purpose, did))
}

// Open returns what was sealed for the same purpose and DID, or ErrSealed.
func (v *Vault) Open(purpose, did string, sealed []byte) ([]byte, error) {
	id, err := fingerprintOf(sealed)
	if err != nil {
		return nil, err
	}
	if id != v.fingerprint {
		return nil, fmt.Errorf("keys: %w: it needs the key-encryption key %x, this is %x", ErrSealed, id, v.fingerprint)
	}
	rest := sealed[headerSize:]
	if len(rest) < chacha20poly1305.NonceSizeX+chacha20poly1305.Overhead {
		return nil, fmt.Errorf("keys: %w: cut short", ErrSealed)
	}
	nonce, box := rest[:chacha20poly1305.NonceSizeX], rest[chacha20poly1305.NonceSizeX:]
	secret, err := v.box.Open(nil, nonce, box, additional(sealed[:headerSize], purpose, did))
	if err != nil {
		return nil, fmt.Errorf("keys: %w: it was sealed for something else or is damaged", ErrSealed)
	}
	return secret, nil
}

// additional is what the box authenticates besides its content. The lengths
// keep ("ab", "c") and ("a", "bc") apart.
func additional(header []byte, purpose, did string) []byte {
	ad := bytes.Clone(header)
	for _, part := range []string{purpose, did} {
		ad = binary.BigEndian.AppendUint32(ad, uint32(len(part)))
		ad = append(ad, part...)
	}
	return ad
}

// fingerprintOf reads the header of a sealed secret.
func fingerprintOf(sealed []byte) (id [fingerprintSize]byte, err error) {
	switch {
	case len(sealed) < headerSize || string(sealed[:len(magic)]) != magic:
		return id, fmt.Errorf("keys: %w: not a sealed key", ErrSealed)
	case sealed[len(magic)] != sealVersion:
		return id, fmt.Errorf("keys: %w: unknown version %d", ErrSealed, sealed[len(magic)])
	}
	copy(id[:], sealed[len(magic)+1:])
	return id, nil
}

// Fingerprint names the key-encryption key in messages; it is not secret.
func (v *Vault) Fingerprint() string { return hex.EncodeToString(v.fingerprint[:]) }

func (v *Vault) String() string   { return "keys.Vault(" + v.Fingerprint() + ")" }
func (v *Vault) GoString() string { return v.String() }
