package devnet

import (
	"context"
	"errors"
	"log/slog"
	"net/http"
	"path/filepath"
	"testing"

	"github.com/bluesky-social/indigo/atproto/atcrypto"
	atid "github.com/bluesky-social/indigo/atproto/identity"
	"github.com/bluesky-social/indigo/atproto/syntax"

	"troupe/actors/identity"
	"troupe/actors/identity/plc"
	"troupe/actors/mailbox"
)

// A DID lives its whole life in our directory, as the identities actor and as indigo's
// own resolver see it.
func TestResolversSeeTheLifeOfADID(t *testing.T) {
	ctx := t.Context()
	_, d, url := start(t, PLCOptions{Path: filepath.Join(t.TempDir(), JournalName)})
	server, _ := newKey(t)
	_, signingPub := newKey(t)

	system := mailbox.NewSystem(slog.New(slog.DiscardHandler))
	defer system.Shutdown()
	var did syntax.DID
	o := identity.Options{
		Path: filepath.Join(t.TempDir(), "did_cache.sqlite"),
		PLC:  d,
		Dev:  true,
		Static: func(h syntax.Handle) (syntax.DID, bool) {
			return did, h == "alice.test" || h == "alice2.test"
		},
	}
	h, err := mailbox.Spawn(system, "identities", 100, func(self mailbox.Self) *identity.Identities { return identity.New(self, o) })
	if err != nil {
		t.Fatal(err)
	}
	defer h.Stop(context.Background())
	ours := identity.NewDirectory(h.Address())
	theirs := atid.BaseDirectory{PLCURL: url, HTTPClient: http.Client{}, SkipHandleVerification: true}

	check := func(handle syntax.Handle, key atcrypto.PublicKey) {
		t.Helper()
		if _, err := mailbox.Ask(ctx, h.Address(), identity.ResolveDID{DID: did, Fresh: true}); err != nil {
			t.Fatal(err)
		}
		for name, dir := range map[string]atid.Directory{"ours": ours, "indigo's": &theirs} {
			ident, err := dir.LookupDID(ctx, did)
			if err != nil {
				t.Fatalf("%s: %v", name, err)
			}
			declared, err := ident.DeclaredHandle()
			if err != nil || declared != handle || ident.PDSEndpoint() != "https://pds.test" {
				t.Errorf("%s: handle %s, endpoint %s, %v", name, declared, ident.PDSEndpoint(), err)
			}
			if got, err := ident.PublicKey(); err != nil || !got.Equal(key) {
				t.Errorf("%s: key %v, %v", name, got, err)
			}
		}
		if ident, err := ours.LookupHandle(ctx, handle); err != nil || ident.DID != did {
			t.Errorf("handle %s: %+v, %v", handle, ident, err)
		}
		if got, err := ours.SigningKey(ctx, did, identity.FragmentAtproto, false); err != nil || !got.Equal(key) {
			t.Errorf("signing key: %v, %v", got, err)
		}
	}

	made, op, err := plc.Genesis(server, plc.GenesisInput{Handle: "alice.test", Endpoint: "https://pds.test", SigningKey: signingPub})
	if err != nil {
		t.Fatal(err)
	}
	did = made
	if _, err := ours.LookupDID(ctx, did); !errors.Is(err, identity.ErrNotFound) {
		t.Fatalf("before the genesis: %v, want ErrNotFound", err)
	}
	submit := func(op []byte, err error) {
		t.Helper()
		if err == nil {
			err = d.Submit(ctx, did, op)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	submit(op, nil)
	check("alice.test", signingPub)

	last, err := d.Last(ctx, did)
	if err != nil {
		t.Fatal(err)
	}
	next, err := plc.Next(last)
	if err != nil {
		t.Fatal(err)
	}
	_, rotated := newKey(t)
	plc.SetHandle(next, "alice2.test")
	next.VerificationMethods[plc.SigningMethodID] = rotated.DIDKey()
	submit(plc.Sign(next, server))
	check("alice2.test", rotated)

	if last, err = d.Last(ctx, did); err != nil {
		t.Fatal(err)
	}
	submit(plc.Tombstone(last, server))
	if _, err := mailbox.Ask(ctx, h.Address(), identity.ResolveDID{DID: did, Fresh: true}); !errors.Is(err, identity.ErrNotFound) {
		t.Errorf("after the tombstone: %v, want ErrNotFound", err)
	}
	if _, err := mailbox.Ask(ctx, h.Address(), identity.ResolveDID{DID: did}); !errors.Is(err, identity.ErrNotFound) {
		t.Errorf("after the tombstone the cache still answers: %v", err)
	}
	if _, err := theirs.LookupDID(ctx, did); err == nil {
		t.Error("indigo still finds the tombstoned DID")
	}
}
