package account

import (
	"errors"
	"testing"
	"time"

	"github.com/bluesky-social/indigo/atproto/syntax"

	"troupe/actors/mailbox"
	"troupe/storage/accountdb"
)

func TestRotate(t *testing.T) {
	w := newWorld(t, nil)
	a, first := w.person("a", "hash")
	b, _ := w.person("b", "hash")

	refuse(w, ErrRevoked, RotateSession{DID: b, ID: first.ID}) // the token of somebody else
	refuse(w, ErrRevoked, RotateSession{DID: a, ID: "never given out"})

	w.pass(24 * time.Hour)
	second := must(w, RotateSession{DID: a, ID: first.ID})
	if second.Next.ID == first.ID || second.Scope != ScopeAccess || second.Account.DID != a || !second.Next.Expires.Equal(w.now().Add(RefreshLifetime)) {
		t.Fatalf("rotated to %+v", second)
	}
	w.pass(grace / 2)
	if again := must(w, RotateSession{DID: a, ID: first.ID}); again != second {
		t.Errorf("inside the grace: %+v, want %+v", again, second)
	}
	third := must(w, RotateSession{DID: a, ID: second.Next.ID})
	w.pass(grace/2 - time.Microsecond)
	if again := must(w, RotateSession{DID: a, ID: first.ID}); again.Next.ID != second.Next.ID {
		t.Errorf("at the end of the grace: %+v", again)
	}
	w.pass(time.Microsecond)
	refuse(w, ErrRevoked, RotateSession{DID: a, ID: first.ID}) // it does not begin anew with each use
	if again := must(w, RotateSession{DID: a, ID: second.Next.ID}); again.Next.ID != third.Next.ID {
		t.Errorf("the second: %+v", again)
	}
	w.pass(RefreshLifetime)
	refuse(w, ErrRevoked, RotateSession{DID: a, ID: third.Next.ID})
}

// A token that is about to end is not prolonged by its grace.
func TestRotateAtTheEnd(t *testing.T) {
	w := newWorld(t, nil)
	a, first := w.person("a", "hash")
	w.pass(RefreshLifetime - time.Minute)
	must(w, RotateSession{DID: a, ID: first.ID})
	w.pass(time.Minute)
	refuse(w, ErrRevoked, RotateSession{DID: a, ID: first.ID})
}

func TestRotateRace(t *testing.T) {
	const n = 64
	w := newWorld(t, nil)
	a, first := w.person("a", "hash")
	answers, outcomes := race(w, n, func(int) mailbox.Message[*Accounts, Rotated] { return RotateSession{DID: a, ID: first.ID} })
	if outcomes[""] != n {
		t.Fatalf("outcomes %v", outcomes)
	}
	for _, r := range answers {
		if r.Next.ID != answers[0].Next.ID {
			t.Fatalf("two successors: %v and %v", r.Next, answers[0].Next)
		}
	}
}

func TestClose(t *testing.T) {
	w := newWorld(t, nil)
	a, first := w.person("a", "hash")
	b, other := w.person("b", "hash")
	second := must(w, RotateSession{DID: a, ID: first.ID}).Next
	third := must(w, RotateSession{DID: a, ID: second.ID}).Next
	must(w, CloseSession{DID: b, ID: third.ID}) // not b's to close
	must(w, CloseSession{DID: a, ID: third.ID})
	must(w, CloseSession{DID: a, ID: third.ID})
	for name, id := range map[string]TokenID{"closed": third.ID, "before": second.ID, "first": first.ID} {
		if _, err := tell(w, RotateSession{DID: a, ID: id}); !errors.Is(err, ErrRevoked) {
			t.Errorf("%s: %v, want revoked", name, err)
		}
	}
	must(w, RotateSession{DID: b, ID: other.ID})
	must(w, OpenSession{DID: b, Session: Grant{ID: "x", Expires: noon.Add(time.Hour)}})
	must(w, CloseSessions{DID: b})
	refuse(w, ErrRevoked, RotateSession{DID: b, ID: "x"})
	refuse(w, ErrRevoked, RotateSession{DID: b, ID: other.ID})
}

func TestOpen(t *testing.T) {
	w := newWorld(t, nil)
	a, first := w.person("a", "hash")
	refuse(w, ErrNotFound, OpenSession{DID: did("none"), Session: Grant{ID: "x", Expires: noon}})
	refuse(w, ErrBadCredentials, OpenSession{DID: a, Session: Grant{ID: "x", Expires: noon, AppPassword: "none"}})
	w.ban(a)
	refuse(w, ErrTakendown, OpenSession{DID: a, Session: Grant{ID: "x", Expires: noon.Add(time.Hour)}})
	refuse(w, ErrTakendown, RotateSession{DID: a, ID: first.ID})
}

// ban takes an account down, as an entry of the log would.
func (w *world) ban(d syntax.DID) {
	w.t.Helper()
	w.stop()
	db, err := accountdb.Open(w.t.Context(), w.path, accountdb.Options{})
	if err == nil {
		err = db.Transact(w.t.Context(), func(tx *accountdb.Tx) error { return tx.SetStatus(d, accountdb.Takendown, noon) })
	}
	if err := errors.Join(err, db.Close()); err != nil {
		w.t.Fatal(err)
	}
	w.start()
}

func TestAppPasswords(t *testing.T) {
	w := newWorld(t, nil)
	a, _ := w.person("a", "hash")
	refuse(w, ErrNotFound, CreateAppPassword{DID: did("none"), Name: "phone", Password: "h"})
	must(w, CreateAppPassword{DID: a, Name: "phone", Password: "h1"})
	w.pass(time.Second)
	must(w, CreateAppPassword{DID: a, Name: "chat", Password: "h2", Privileged: true})
	refuse(w, ErrDuplicate, CreateAppPassword{DID: a, Name: "phone", Password: "h3"})

	open := func(id TokenID, name string) {
		must(w, OpenSession{DID: a, Session: Grant{ID: id, Expires: noon.Add(RefreshLifetime), AppPassword: name}})
	}
	open("p", "phone")
	open("c", "chat")
	phone := must(w, RotateSession{DID: a, ID: "p"})
	chat := must(w, RotateSession{DID: a, ID: "c"})
	if phone.Scope != ScopeAppPass || chat.Scope != ScopeAppPassPrivileged || phone.Next.AppPassword != "phone" {
		t.Errorf("rotated to %+v and %+v", phone, chat)
	}
	must(w, RevokeAppPassword{DID: a, Name: "phone"})
	refuse(w, ErrRevoked, RotateSession{DID: a, ID: phone.Next.ID})
	must(w, RotateSession{DID: a, ID: chat.Next.ID})
	all, err := w.reads.AppPasswords(t.Context(), a)
	if err != nil || len(all) != 1 || all[0].Name != "chat" || !all[0].CreatedAt.Equal(noon.Add(time.Second)) {
		t.Errorf("left %+v, %v", all, err)
	}
	_, outcomes := race(w, 16, func(int) mailbox.Message[*Accounts, AppPassword] {
		return CreateAppPassword{DID: a, Name: "same", Password: "h"}
	})
	if outcomes[""] != 1 {
		t.Errorf("same name at once: %v", outcomes)
	}
}
