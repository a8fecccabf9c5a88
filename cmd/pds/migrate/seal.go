package migrate

import (
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"

	"github.com/bluesky-social/indigo/atproto/atcrypto"
	"github.com/bluesky-social/indigo/atproto/syntax"
	"golang.org/x/crypto/argon2"
	"golang.org/x/crypto/chacha20poly1305"
)

const (
	sealFormat = "pds-account-keys/1"
	sealMemory = 64 << 10 // KiB; a passphrase is tried once a second, not a thousand times
	sealTime   = 3
	sealLanes  = 4
)

var (
	// ErrPassphrase: it does not open the keys.
	ErrPassphrase = errors.New("the passphrase does not open the keys, or they are damaged")
	errSealed     = errors.New("not a file of sealed keys that can be read here")
)

// sealed is the file of key material: argon2id makes a key of the passphrase,
// XChaCha20-Poly1305 seals with it. The DID is bound to it.
type sealed struct {
	Format string     `json:"format"`
	DID    syntax.DID `json:"did"`
	KDF    string     `json:"kdf"` // argon2id
	Time   uint32     `json:"time"`
	Memory uint32     `json:"memoryKiB"`
	Lanes  uint8      `json:"lanes"`
	Salt   []byte     `json:"salt"`
	Nonce  []byte     `json:"nonce"`
	Box    []byte     `json:"box"`
}

// Keys is the key material of an account.
type Keys struct {
	Signing string `json:"signing"` // multibase
}

// SealKeys seals the signing key of an account by a passphrase.
func SealKeys(did syntax.DID, signing atcrypto.PrivateKeyExportable, passphrase string) ([]byte, error) {
	s := sealed{Format: sealFormat, DID: did, KDF: "argon2id", Time: sealTime, Memory: sealMemory, Lanes: sealLanes,
		Salt: make([]byte, 16), Nonce: make([]byte, chacha20poly1305.NonceSizeX)}
	_, _ = rand.Read(s.Salt)
	_, _ = rand.Read(s.Nonce)
	secret, err := json.Marshal(Keys{Signing: signing.Multibase()})
	if err != nil {
		return nil, err
	}
	box, err := chacha20poly1305.NewX(s.key(passphrase))
	if err != nil {
		return nil, err
	}
	s.Box = box.Seal(nil, s.Nonce, secret, s.bound())
	out, err := json.MarshalIndent(s, "", "  ")
	return append(out, '\n'), err
}

// OpenKeys returns the signing key that was sealed for an account. ErrPassphrase.
func OpenKeys(b []byte, did syntax.DID, passphrase string) (atcrypto.PrivateKeyExportable, error) {
	var s sealed
	if json.Unmarshal(b, &s) != nil || s.Format != sealFormat || s.KDF != "argon2id" || s.DID != did ||
		len(s.Nonce) != chacha20poly1305.NonceSizeX || s.Time < 1 || s.Time > 20 || s.Lanes < 1 || s.Memory > 1<<20 {
		return nil, errSealed
	}
	box, err := chacha20poly1305.NewX(s.key(passphrase))
	if err != nil {
		return nil, err
	}
	secret, err := box.Open(nil, s.Nonce, s.Box, s.bound())
	if err != nil {
		return nil, ErrPassphrase
	}
	var k Keys
	if err := json.Unmarshal(secret, &k); err != nil {
		return nil, fmt.Errorf("%w: %w", errSealed, err)
	}
	return atcrypto.ParsePrivateMultibase(k.Signing)
}

func (s *sealed) key(passphrase string) []byte {
	return argon2.IDKey([]byte(passphrase), s.Salt, s.Time, s.Memory, s.Lanes, chacha20poly1305.KeySize)
}

// bound is what the seal says besides its content.
func (s *sealed) bound() []byte { return []byte(sealFormat + "\x00" + s.DID.String()) }
