package interop

import (
	"encoding/json"
	"errors"
	"testing"

	"github.com/bluesky-social/indigo/atproto/identity"
)

func TestIdentity(t *testing.T) {
	account := document(func(t *testing.T, id identity.Identity) {
		if id.DID != "did:plc:ewvi7nxzyoun6zhxrhs64oiz" || id.PDSEndpoint() != "https://bsky.social" {
			t.Errorf("%v at %v", id.DID, id.PDSEndpoint())
		}
		if handle, err := id.DeclaredHandle(); err != nil || handle != "atproto.com" {
			t.Errorf("handle %v, %v", handle, err)
		}
		if key, err := id.PublicKey(); err != nil || key.DIDKey() == "" {
			t.Errorf("key %v, %v", key, err)
		}
	})
	runAll(t, "identity", map[string]check{
		"did_plc_doc.json":        account,
		"did_plc_doc_legacy.json": account,
		"did_web_doc.json": document(func(t *testing.T, id identity.Identity) {
			if id.DID != "did:web:discover.bsky.social" || id.PDSEndpoint() != "" || id.Services["bsky_fg"].URL != "https://discover.bsky.social" {
				t.Errorf("%v at %v, %v", id.DID, id.PDSEndpoint(), id.Services)
			}
			if _, err := id.PublicKey(); !errors.Is(err, identity.ErrKeyNotDeclared) {
				t.Errorf("key: %v", err)
			}
			if handle, err := id.DeclaredHandle(); err == nil {
				t.Errorf("handle %v", handle)
			}
		}),
	})
}

// document reads a file that is one DID document.
func document(look func(t *testing.T, id identity.Identity)) check {
	return func(t *testing.T, content []byte) int {
		var doc identity.DIDDocument
		if err := json.Unmarshal(content, &doc); err != nil {
			t.Fatal(err)
		}
		look(t, identity.ParseIdentity(&doc))
		return 1
	}
}
