package account

import (
	"context"
	"crypto/rand"
	"crypto/subtle"
	"encoding/base64"
	"encoding/hex"
	"fmt"
	"runtime"
	"strings"
	"sync/atomic"

	"golang.org/x/crypto/argon2"
	"golang.org/x/crypto/scrypt"
)

// Limits on what is hashed, in bytes (reference behaviour).
const (
	MaxPassword    = 512 // sign-in
	MaxNewPassword = 256
)

const (
	saltSize = 16
	keySize  = 32 // of argon2id

	scryptKey  = 64 // of the reference
	scryptCost = 16384

	maxMemoryKiB = 1 << 20 // what a stored hash may ask for
	maxPasses    = 16
)

// Passwords hashes and verifies under a limit of concurrency. Its methods may be
// called from any goroutine but not from a turn: they take tens of milliseconds.
//
// New hashes are argon2id in the PHC string format. The reference's scrypt
// (`salt:key` in hex, where the salt is the text of the hex digits) is verified
// too, so that an account can move here with its password.
type Passwords struct {
	o       PasswordOptions
	slots   chan struct{}
	waiting atomic.Int64
}

// PasswordOptions tunes Passwords. Zero values mean the defaults in parentheses.
type PasswordOptions struct {
	Parallel  int    // hashes at once (number of CPUs)
	Waiting   int    // calls that may wait for their turn; more get ErrBusy (256)
	MemoryKiB uint32 // of one new hash (19,456)
	Passes    uint32 // of one new hash (2)
}

// NewPasswords makes a pool.
func NewPasswords(o PasswordOptions) *Passwords {
	if o.Parallel == 0 {
		o.Parallel = runtime.GOMAXPROCS(0)
	}
	if o.Waiting == 0 {
		o.Waiting = 256
	}
	if o.MemoryKiB == 0 {
		o.MemoryKiB = 19 * 1024
	}
	if o.Passes == 0 {
		o.Passes = 2
	}
	return &Passwords{o: o, slots: make(chan struct{}, o.Parallel)}
}

// enter waits for a slot: ErrBusy if too many wait already.
func (p *Passwords) enter(ctx context.Context) (leave func(), err error) {
	if p.waiting.Add(1) > int64(p.o.Waiting+p.o.Parallel) {
		p.waiting.Add(-1)
		return nil, ErrBusy
	}
	select {
	case p.slots <- struct{}{}:
		return func() { <-p.slots; p.waiting.Add(-1) }, nil
	case <-ctx.Done():
		p.waiting.Add(-1)
		return nil, context.Cause(ctx)
	}
}

// Hash hashes a new password. Errors: ErrInvalidPassword, ErrBusy, ctx's.
func (p *Passwords) Hash(ctx context.Context, password string) (PasswordHash, error) {
	if password == "" || len(password) > MaxNewPassword {
		return "", ErrInvalidPassword
	}
	leave, err := p.enter(ctx)
	if err != nil {
		return "", err
	}
	defer leave()
	salt := make([]byte, saltSize)
	rand.Read(salt)
	key := argon2.IDKey([]byte(password), salt, p.o.Passes, p.o.MemoryKiB, 1, keySize)
	return PasswordHash(fmt.Sprintf("$argon2id$v=%d$m=%d,t=%d,p=1$%s$%s", argon2.Version, p.o.MemoryKiB, p.o.Passes,
		base64.RawStdEncoding.EncodeToString(salt), base64.RawStdEncoding.EncodeToString(key))), nil
}

// Verify checks a password. An empty hash, for an account that does not exist,
// costs what a wrong password costs. upgrade says that the hash is of an older
// form and should be replaced. Errors: ErrInvalidPassword (too long), ErrBusy, ctx's.
func (p *Passwords) Verify(ctx context.Context, hash PasswordHash, password string) (ok, upgrade bool, err error) {
	if len(password) > MaxPassword {
		return false, false, ErrInvalidPassword
	}
	leave, err := p.enter(ctx)
	if err != nil {
		return false, false, err
	}
	defer leave()
	if h, isArgon := parseArgon(hash); isArgon {
		key := argon2.IDKey([]byte(password), h.salt, h.passes, h.memory, h.lanes, uint32(len(h.key)))
		older := h.memory != p.o.MemoryKiB || h.passes != p.o.Passes
		return subtle.ConstantTimeCompare(key, h.key) == 1, older, nil
	}
	if salt, want, isScrypt := parseScrypt(hash); isScrypt {
		key, err := scryptHash(password, salt)
		return err == nil && subtle.ConstantTimeCompare(key, want) == 1, true, err
	}
	argon2.IDKey([]byte(password), make([]byte, saltSize), p.o.Passes, p.o.MemoryKiB, 1, keySize)
	return false, false, nil
}

type argonHash struct {
	memory, passes uint32
	lanes          uint8
	salt, key      []byte
}

func parseArgon(hash PasswordHash) (h argonHash, ok bool) {
	part := strings.Split(string(hash), "$")
	if len(part) != 6 || part[1] != "argon2id" || part[2] != fmt.Sprintf("v=%d", argon2.Version) {
		return h, false
	}
	if n, err := fmt.Sscanf(part[3], "m=%d,t=%d,p=%d", &h.memory, &h.passes, &h.lanes); n != 3 || err != nil {
		return h, false
	}
	var err1, err2 error
	h.salt, err1 = base64.RawStdEncoding.DecodeString(part[4])
	h.key, err2 = base64.RawStdEncoding.DecodeString(part[5])
	sane := h.memory <= maxMemoryKiB && h.passes >= 1 && h.passes <= maxPasses && h.lanes >= 1 && len(h.key) >= 16
	return h, err1 == nil && err2 == nil && sane
}

func parseScrypt(hash PasswordHash) (salt string, key []byte, ok bool) {
	salt, digits, found := strings.Cut(string(hash), ":")
	key, err := hex.DecodeString(digits)
	return salt, key, found && err == nil && salt != "" && len(key) == scryptKey
}

func scryptHash(password, salt string) ([]byte, error) {
	return scrypt.Key([]byte(password), []byte(salt), scryptCost, 8, 1, scryptKey)
}
