package keys

import (
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"
	"strings"

	"github.com/bluesky-social/indigo/atproto/atcrypto"
	"github.com/bluesky-social/indigo/atproto/syntax"
)

// Held is one key file of an account, looked at without changing it.
type Held struct {
	Name   string // of the file: "key", "key.next", "key.old.…"
	Sealed bool   // false: as the reference server left it; the next ReadSigningKey seals it
	Public atcrypto.PublicKey
	Err    error // why it does not open: ErrSealed, ErrBadKey
}

// Signs says whether this is the key that the account signs with.
func (h Held) Signs() bool { return h.Name == keyFile }

// Inspect opens every key file of an account and, unlike ReadSigningKey, leaves
// an unsealed one as it is. What a crashed write left behind is passed over.
func (v *Vault) Inspect(dir string, did syntax.DID) ([]Held, error) {
	paths, err := filepath.Glob(filepath.Join(escapeGlob(dir), keyFile+"*"))
	if err != nil {
		return nil, fmt.Errorf("keys: %w", err)
	}
	var all []Held
	for _, path := range paths {
		h := Held{Name: filepath.Base(path)}
		if h.Name != keyFile && h.Name != nextFile && !strings.HasPrefix(h.Name, keyFile+".old.") {
			continue
		}
		raw, err := readFile(path)
		switch {
		case errors.Is(err, fs.ErrNotExist):
			continue
		case errors.Is(err, ErrBadKey):
			h.Err = err
		case err != nil:
			return nil, fmt.Errorf("keys: %w", err)
		default:
			h.Public, h.Sealed, h.Err = v.public(did, raw)
		}
		all = append(all, h)
	}
	return all, nil
}

func (v *Vault) public(did syntax.DID, raw []byte) (_ atcrypto.PublicKey, sealed bool, err error) {
	var k atcrypto.PrivateKeyExportable
	if len(raw) == referenceSize {
		k, err = atcrypto.ParsePrivateBytesK256(raw)
	} else {
		sealed = true
		var secret []byte
		if secret, err = v.Open(purposeSigning, string(did), raw); err != nil {
			return nil, true, err
		}
		k, err = atcrypto.ParsePrivateMultibase(string(secret))
		clear(secret)
	}
	if err != nil {
		return nil, sealed, ErrBadKey // the library's words could repeat the secret
	}
	public, err := k.PublicKey()
	return public, sealed, err
}

// escapeGlob keeps a folder's name from being read as a pattern.
func escapeGlob(dir string) string {
	return strings.NewReplacer(`\`, `\\`, `*`, `\*`, `?`, `\?`, `[`, `\[`).Replace(dir)
}
