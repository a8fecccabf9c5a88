package interop

import (
	"encoding/base64"
	"encoding/hex"
	"fmt"
	"math/big"
	"path/filepath"
	"strings"
	"testing"

	"github.com/bluesky-social/indigo/atproto/atcrypto"
	"github.com/bluesky-social/indigo/atproto/syntax"

	"troupe/storage/keys"
)

func TestCrypto(t *testing.T) {
	runAll(t, "atcrypto", map[string]check{
		"signature-fixtures.json": signatures,
		"w3c_didkey_K256.json": didKeys(func(b []byte) (atcrypto.PrivateKeyExportable, error) {
			return atcrypto.ParsePrivateBytesK256(b)
		}),
		"w3c_didkey_P256.json": didKeys(func(b []byte) (atcrypto.PrivateKeyExportable, error) {
			return atcrypto.ParsePrivateBytesP256(b)
		}),
	})
}

func signatures(t *testing.T, content []byte) int {
	good, bad := 0, 0
	n := items(t, content, func(t *testing.T, f struct {
		Comment            string
		MessageBase64      string
		PublicKeyDID       string
		PublicKeyMultibase string
		SignatureBase64    string
		ValidSignature     bool
	}) {
		message, err := base64.RawStdEncoding.DecodeString(f.MessageBase64)
		if err != nil {
			t.Fatal(err)
		}
		signature, err := base64.RawStdEncoding.DecodeString(f.SignatureBase64)
		if err != nil {
			t.Fatal(err)
		}
		key, err := atcrypto.ParsePublicDIDKey(f.PublicKeyDID)
		if err != nil || key.DIDKey() != f.PublicKeyDID {
			t.Fatalf("%s: %v, %v", f.PublicKeyDID, key, err)
		}
		if f.ValidSignature {
			good++
		} else {
			bad++
		}
		if err := key.HashAndVerify(message, signature); (err == nil) != f.ValidSignature {
			t.Errorf("%s: %v", f.Comment, err)
		}
		if f.ValidSignature {
			if err := key.HashAndVerify(append(message, 0), signature); err == nil {
				t.Errorf("%s: verifies another message", f.Comment)
			}
		}
	})
	if good == 0 || bad == 0 {
		t.Errorf("%d valid and %d invalid signatures", good, bad)
	}
	return n
}

// didKeys: a private key gives the did:key it should, also after it has been
// sealed, written, read and opened.
func didKeys(parse func([]byte) (atcrypto.PrivateKeyExportable, error)) check {
	return func(t *testing.T, content []byte) int {
		vault, _, err := keys.OpenVault(filepath.Join(t.TempDir(), "kek"), true)
		if err != nil {
			t.Fatal(err)
		}
		return items(t, content, func(t *testing.T, f struct {
			PrivateKeyBytesBase58, PrivateKeyBytesHex string
			PublicDIDKey                              string
		}) {
			raw, err := hex.DecodeString(f.PrivateKeyBytesHex)
			if f.PrivateKeyBytesBase58 != "" {
				raw, err = base58(f.PrivateKeyBytesBase58)
			}
			if err != nil {
				t.Fatal(err)
			}
			key, err := parse(raw)
			if err != nil {
				t.Fatal(err)
			}
			wantDIDKey(t, key, f.PublicDIDKey)

			dir, did := t.TempDir(), syntax.DID("did:plc:ewvi7nxzyoun6zhxrhs64oiz")
			if err := vault.WriteSigningKey(dir, did, key); err != nil {
				t.Fatal(err)
			}
			back, err := vault.ReadSigningKey(dir, did)
			if err != nil {
				t.Fatal(err)
			}
			wantDIDKey(t, back, f.PublicDIDKey)
		})
	}
}

func wantDIDKey(t *testing.T, key atcrypto.PrivateKey, want string) {
	t.Helper()
	public, err := key.PublicKey()
	if err != nil || public.DIDKey() != want {
		t.Errorf("%v, %v, want %s", public, err, want)
	}
}

// base58 decodes what has no leading zeros.
func base58(s string) ([]byte, error) {
	const alphabet = "123456789ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz"
	n := new(big.Int)
	for _, c := range s {
		i := strings.IndexRune(alphabet, c)
		if i < 0 {
			return nil, fmt.Errorf("%q is not base58", s)
		}
		n.Add(n.Mul(n, big.NewInt(58)), big.NewInt(int64(i)))
	}
	return n.Bytes(), nil
}
