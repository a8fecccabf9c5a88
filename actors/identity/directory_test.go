package identity

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/bluesky-social/indigo/atproto/atcrypto"
	"github.com/bluesky-social/indigo/atproto/auth"
	atid "github.com/bluesky-social/indigo/atproto/identity"
	"github.com/bluesky-social/indigo/atproto/syntax"
)

func newKey(t *testing.T) (atcrypto.PrivateKeyExportable, atcrypto.PublicKey) {
	t.Helper()
	priv, err := atcrypto.GeneratePrivateKeyK256()
	if err != nil {
		t.Fatal(err)
	}
	pub, err := priv.PublicKey()
	if err != nil {
		t.Fatal(err)
	}
	return priv, pub
}

// docWith declares keys by fragment and a handle.
func docWith(did syntax.DID, handle string, keys map[string]atcrypto.PublicKey) string {
	var methods []string
	for id, k := range keys {
		methods = append(methods, fmt.Sprintf(`{"id":"%s#%s","type":"Multikey","controller":%q,"publicKeyMultibase":%q}`, did, id, did, k.Multibase()))
	}
	return fmt.Sprintf(`{"id":%q,"alsoKnownAs":["at://%s"],"verificationMethod":[%s]}`, did, handle, strings.Join(methods, ","))
}

func TestSigningKey(t *testing.T) {
	ctx := context.Background()
	_, repo := newKey(t)
	_, label := newKey(t)
	_, rotated := newKey(t)
	inWorld(t, func(s *server) {
		dir := NewDirectory(s.at)
		s.plc(alice, ok(docWith(alice, "a.test", map[string]atcrypto.PublicKey{"atproto": repo})))
		want := func(fragment string, fresh bool, key atcrypto.PublicKey, err error, asked int) {
			t.Helper()
			got, gotErr := dir.SigningKey(ctx, alice, fragment, fresh)
			if !errors.Is(gotErr, err) || key != nil && (got == nil || !got.Equal(key)) {
				t.Fatalf("#%s fresh %v: %v, %v; want %v", fragment, fresh, got, gotErr, err)
			}
			s.wantAsked(plcURL(alice), asked)
		}
		want(FragmentAtproto, false, repo, nil, 1)
		want(FragmentAtproto, false, repo, nil, 1)
		want(FragmentLabel, false, nil, ErrKeyNotFound, 2) // one forced refresh, then an answer
		s.plc(alice, ok(docWith(alice, "a.test", map[string]atcrypto.PublicKey{"atproto": rotated, "atproto_label": label})))
		want(FragmentAtproto, false, repo, nil, 2)
		want(FragmentLabel, false, label, nil, 3) // the refresh found it
		want(FragmentAtproto, false, rotated, nil, 3)
		want(FragmentAtproto, true, rotated, nil, 4)
		want("other", true, nil, ErrKeyNotFound, 5) // forced already: no second one
		if _, err := dir.SigningKey(ctx, bob, FragmentAtproto, false); err == nil {
			t.Error("a key of a DID that does not exist")
		}
	})
}

// indigo's verifier of service tokens works on this directory, across a key change.
func TestServiceAuth(t *testing.T) {
	ctx := context.Background()
	old, oldPub := newKey(t)
	next, nextPub := newKey(t)
	const audience = "did:web:pds.example.com"
	lxm := syntax.NSID("com.atproto.server.createAccount")
	inWorld(t, func(s *server) {
		v := auth.ServiceAuthValidator{Audience: audience, Dir: NewDirectory(s.at)}
		check := func(key atcrypto.PrivateKey, good bool) {
			t.Helper()
			token, err := auth.SignServiceAuth(alice, audience, 60e9, &lxm, key)
			if err != nil {
				t.Fatal(err)
			}
			did, err := v.Validate(ctx, token, &lxm)
			if (err == nil) != good || good && did != alice {
				t.Errorf("%s, %v; want good %v", did, err, good)
			}
		}
		s.plc(alice, ok(docWith(alice, "a.test", map[string]atcrypto.PublicKey{"atproto": oldPub})))
		check(old, true)
		check(next, false)
		s.plc(alice, ok(docWith(alice, "a.test", map[string]atcrypto.PublicKey{"atproto": nextPub})))
		check(next, true)
		check(old, false)
	})
}

func TestLookup(t *testing.T) {
	ctx := context.Background()
	inWorld(t, func(s *server) {
		dir := NewDirectory(s.at)
		s.plc(alice, ok(docOf(alice, "a.example.com")))
		s.plc(bob, ok(docOf(bob, "a.example.com"))) // claims a handle that is not his
		s.set(s.txt, txtName, ok("did="+alice.String()))
		for id, want := range map[string]syntax.Handle{alice.String(): name, bob.String(): syntax.HandleInvalid, "A.example.com": name} {
			at, err := syntax.ParseAtIdentifier(id)
			if err != nil {
				t.Fatal(err)
			}
			ident, err := dir.Lookup(ctx, at)
			if err != nil || ident.Handle != want {
				t.Errorf("%s: %+v, %v; want %s", id, ident, err, want)
			}
		}
		s.set(s.txt, "_atproto.b.example.com", ok("did="+bob.String()))
		if _, err := dir.LookupHandle(ctx, "b.example.com"); !errors.Is(err, atid.ErrHandleMismatch) {
			t.Errorf("%v, want ErrHandleMismatch", err)
		}
		// Errors carry indigo's sentinels too, for code written against that package.
		if _, err := dir.LookupDID(ctx, "did:web:gone.example.com"); !errors.Is(err, atid.ErrDIDNotFound) {
			t.Errorf("%v, want indigo's ErrDIDNotFound", err)
		}
		if _, err := dir.LookupHandle(ctx, "gone.example.com"); !errors.Is(err, atid.ErrHandleNotFound) {
			t.Errorf("%v, want indigo's ErrHandleNotFound", err)
		}
		before := s.count(plcURL(alice))
		if err := dir.Purge(ctx, alice.AtIdentifier()); err != nil {
			t.Fatal(err)
		}
		s.wantDID(alice, false, "a.example.com", nil)
		s.wantAsked(plcURL(alice), before+1)
	})
}
