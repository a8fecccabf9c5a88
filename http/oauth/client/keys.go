package client

import (
	"encoding/json"
	"slices"

	"github.com/go-jose/go-jose/v4"

	"troupe/http/dpop"
)

// maxKeys bounds the keys of one client.
const maxKeys = 64

// readKeys reads a JWK set. Keys that are not for verifying signatures are left
// out; a private key is refused as a whole: it is no longer its owner's alone.
func readKeys(doc []byte) ([]jose.JSONWebKey, error) {
	var set struct {
		Keys []json.RawMessage `json:"keys"`
	}
	if err := json.Unmarshal(doc, &set); err != nil || len(set.Keys) == 0 || len(set.Keys) > maxKeys {
		return nil, badMetadata("jwks must hold at least one key")
	}
	var keys []jose.JSONWebKey
	for _, raw := range set.Keys {
		var use struct {
			Use string   `json:"use"`
			Ops []string `json:"key_ops"`
		}
		var k jose.JSONWebKey
		if json.Unmarshal(raw, &k) != nil || json.Unmarshal(raw, &use) != nil || !k.Valid() {
			continue // of a kind that this server does not know
		}
		if !k.IsPublic() {
			return nil, badMetadata("jwks must not hold private keys")
		}
		if use.Use != "" && use.Use != "sig" || use.Ops != nil && !slices.Contains(use.Ops, "verify") {
			continue
		}
		keys = append(keys, k)
	}
	return keys, nil
}

// key finds the one key that an assertion says it is signed with.
func (c *Client) key(kid, alg string) (*jose.JSONWebKey, error) {
	var found *jose.JSONWebKey
	for i, k := range c.keys {
		if k.KeyID != kid || k.Algorithm != "" && k.Algorithm != alg || !dpop.Fits(k.Key, alg) {
			continue
		}
		if found != nil {
			return nil, badClient("client_assertion names a key that is there twice")
		}
		found = &c.keys[i]
	}
	if found == nil {
		return nil, errNoKey
	}
	return found, nil
}

// errNoKey may be mended by asking for the keys again.
var errNoKey = badClient("client_assertion is signed with a key that is not in the client's JWKS")
