package account

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	"troupe/storage/accountdb"
)

func (w *world) signIns() *SignIns {
	t := tokens
	t.Now = w.now
	return &SignIns{Accounts: w.h.Address(), Index: w.index, Reads: w.reads, Passwords: cheap(), Tokens: t}
}

func TestSignIn(t *testing.T) {
	w := newWorld(t, nil)
	s, ctx := w.signIns(), context.Background()
	hash, err := s.Passwords.Hash(ctx, "secret")
	if err != nil {
		t.Fatal(err)
	}
	a, _ := w.person("alice", hash)
	down, _ := w.person("down", hash)
	app := NewAppPassword()
	appHash, err := s.Passwords.HashApp(ctx, a, app)
	if err != nil {
		t.Fatal(err)
	}
	must(w, CreateAppPassword{DID: a, Name: "phone", Password: appHash})
	must(w, CreateAppPassword{DID: a, Name: "chat", Password: "other", Privileged: true})
	downApp, err := s.Passwords.HashApp(ctx, down, app)
	if err != nil {
		t.Fatal(err)
	}
	must(w, CreateAppPassword{DID: down, Name: "phone", Password: downApp})
	w.ban(down)
	s = w.signIns()

	for _, c := range []struct {
		name, identifier, password string
		allowTakendown             bool
		scope                      Scope
		want                       error
	}{
		{"handle", "alice.test", "secret", false, ScopeAccess, nil},
		{"handle in another case", " Alice.TEST ", "secret", false, ScopeAccess, nil},
		{"handle with @", "@alice.test", "secret", false, ScopeAccess, nil},
		{"DID", a.String(), "secret", false, ScopeAccess, nil},
		{"address", "Alice@mail.test", "secret", false, ScopeAccess, nil},
		{"app password", "alice.test", app, false, ScopeAppPass, nil},
		{"wrong password", "alice.test", "Secret", false, "", ErrBadCredentials},
		{"no password", "alice.test", "", false, "", ErrBadCredentials},
		{"another app password", "alice.test", NewAppPassword(), false, "", ErrBadCredentials},
		{"unknown handle", "bob.test", "secret", false, "", ErrBadCredentials},
		{"unknown handle, app password", "bob.test", app, false, "", ErrBadCredentials},
		{"unknown DID", did("bob").String(), "secret", false, "", ErrBadCredentials},
		{"unknown address", "bob@mail.test", "secret", false, "", ErrBadCredentials},
		{"nothing", "", "", false, "", ErrBadCredentials},
		{"password too long", "alice.test", strings.Repeat("x", MaxPassword+1), false, "", ErrInvalidPassword},
		{"taken down", "down.test", "secret", false, "", ErrTakendown},
		{"taken down, wrong password", "down.test", "Secret", true, "", ErrBadCredentials},
		{"taken down and allowed", "down.test", "secret", true, ScopeTakendown, nil},
		{"taken down, app password", "down.test", app, true, "", ErrBadCredentials},
	} {
		t.Run(c.name, func(t *testing.T) {
			got, err := s.SignIn(ctx, Credentials{Identifier: c.identifier, Password: c.password, AllowTakendown: c.allowTakendown})
			if !errors.Is(err, c.want) || got.Scope != c.scope {
				t.Fatalf("%+v, %v; want %v", got, err, c.want)
			}
			if err != nil {
				return
			}
			access, err := s.Tokens.ParseAccess(got.Access, c.scope)
			if err != nil || access.DID != got.Account.DID {
				t.Errorf("access token %+v, %v", access, err)
			}
			r, err := s.Tokens.ParseRefresh(got.Refresh)
			if err != nil {
				t.Fatal(err)
			}
			next, err := s.Refresh(ctx, r)
			switch {
			case c.scope == ScopeTakendown:
				if !errors.Is(err, ErrRevoked) {
					t.Errorf("a restricted session was refreshed: %v", err)
				}
			case err != nil || next.Scope != c.scope || next.Account.DID != got.Account.DID:
				t.Errorf("refreshed to %+v, %v", next, err)
			}
		})
	}
}

// An account that moved here from the reference signs in with its password,
// and has a better hash afterwards.
func TestUpgradeAtSignIn(t *testing.T) {
	w := newWorld(t, nil)
	a, _ := w.person("a", referenceHash)
	stored := func() PasswordHash {
		row, err := w.reads.account(t.Context(), a)
		if err != nil {
			t.Fatal(err)
		}
		return row.Password
	}
	if _, err := w.signIns().SignIn(t.Context(), Credentials{Identifier: "a.test", Password: "wrong horse"}); !errors.Is(err, ErrBadCredentials) || stored() != referenceHash {
		t.Fatalf("wrong password: %v, %s", err, stored())
	}
	for range 2 {
		if _, err := w.signIns().SignIn(t.Context(), Credentials{Identifier: "a.test", Password: "correct horse"}); err != nil {
			t.Fatal(err)
		}
		if !strings.HasPrefix(string(stored()), "$argon2id$") {
			t.Fatalf("still %s", stored())
		}
	}
	refuse(w, ErrNoSuchPassword, UpgradePassword{DID: a, Old: referenceHash, New: "x"}) // changed since it was read
}

// No answer comes before the floor, whatever it is.
func TestFloor(t *testing.T) {
	w := newWorld(t, nil)
	s := w.signIns()
	s.Floor = 30 * time.Millisecond
	for range 3 {
		begun := time.Now()
		if _, err := s.SignIn(t.Context(), Credentials{Identifier: "nobody.test", Password: "x"}); !errors.Is(err, ErrBadCredentials) {
			t.Fatal(err)
		}
		if took := time.Since(begun); took < s.Floor {
			t.Errorf("answered after %v", took)
		}
	}
	s.Floor = time.Hour
	ctx, cancel := context.WithTimeout(t.Context(), time.Millisecond)
	defer cancel()
	_, _ = s.SignIn(ctx, Credentials{Identifier: "nobody.test", Password: "x"}) // returns
}

// A locked account, known from the log alone, lets nobody in.
func TestLocked(t *testing.T) {
	w := newWorld(t, nil)
	w.stop()
	db, err := accountdb.Open(t.Context(), w.path, accountdb.Options{})
	if err == nil {
		err = db.Transact(t.Context(), func(tx *accountdb.Tx) error {
			return tx.InsertActor(accountdb.Actor{DID: did("a"), Handle: "a.test", CreatedAt: noon, Status: accountdb.Active, Locked: true})
		})
	}
	if err := errors.Join(err, db.Close()); err != nil {
		t.Fatal(err)
	}
	w.start()
	for _, password := range []string{"", "x", NewAppPassword()} {
		if _, err := w.signIns().SignIn(t.Context(), Credentials{Identifier: "a.test", Password: password, AllowTakendown: true}); !errors.Is(err, ErrBadCredentials) {
			t.Errorf("%q: %v", password, err)
		}
	}
	refuse(w, ErrNotFound, OpenSession{DID: did("a"), Session: Grant{ID: "x", Expires: noon}})
}
