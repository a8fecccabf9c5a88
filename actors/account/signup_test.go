package account

import (
	"errors"
	"fmt"
	"testing"

	"github.com/bluesky-social/indigo/atproto/syntax"

	"troupe/actors/mailbox"
	"troupe/sequencing"
)

func TestReserve(t *testing.T) {
	w := newWorld(t, nil)
	must(w, CreateInvites{Codes: []InviteCode{"once", "spent"}, Uses: 1, For: []string{"admin"}, CreatedBy: "admin"})
	w.person("old", "hash")
	must(w, reservation("busy", "spent"))

	change := func(f func(*ReserveSignup)) ReserveSignup {
		m := reservation("new", "once")
		f(&m)
		return m
	}
	for _, c := range []struct {
		name string
		m    ReserveSignup
		want error
	}{
		{"unknown invite", change(func(m *ReserveSignup) { m.Invite = "none"; m.Handle = "old.test" }), ErrInvite},
		{"invite held by a sign-up", change(func(m *ReserveSignup) { m.Invite = "spent" }), ErrInvite},
		{"handle of an account", change(func(m *ReserveSignup) { m.Handle, m.Email = "old.test", "old@mail.test" }), ErrHandleTaken},
		{"handle of a sign-up", change(func(m *ReserveSignup) { m.Handle = "busy.test" }), ErrHandleTaken},
		{"address of an account", change(func(m *ReserveSignup) { m.Email = "old@mail.test" }), ErrEmailTaken},
		{"address of a sign-up", change(func(m *ReserveSignup) { m.Email = "busy@mail.test" }), ErrEmailTaken},
		{"DID of an account", change(func(m *ReserveSignup) { m.Saga.DID = did("old") }), ErrDIDTaken},
		{"DID of a sign-up", change(func(m *ReserveSignup) { m.Saga.DID = did("busy") }), ErrDIDTaken},
	} {
		t.Run(c.name, func(t *testing.T) {
			_, err := tell(w, c.m)
			var pending Pending
			if !errors.Is(err, c.want) || errors.As(err, &pending) {
				t.Fatalf("%v, want %v", err, c.want)
			}
		})
	}
	again := reservation("busy", "spent")
	again.Saga.ID, again.Saga.DID = "saga again", did("again")
	_, err := tell(w, again)
	var pending Pending
	if !errors.As(err, &pending) || pending.Saga.ID != "saga busy" || !errors.Is(err, ErrHandleTaken) {
		t.Errorf("the same person again: %v", err)
	}
	must(w, EndSaga{ID: "saga busy"})
	must(w, again) // everything it held is free, the invite too
	must(w, reservation("new", "once"))
}

func TestInsert(t *testing.T) {
	w := newWorld(t, nil)
	must(w, CreateInvites{Codes: []InviteCode{"once"}, Uses: 1, For: []string{"admin"}, CreatedBy: "admin"})
	refuse(w, ErrNoSaga, insertion("a", "hash", Grant{}))
	must(w, reservation("a", "once"))
	g := Grant{ID: "jti", Expires: noon.Add(RefreshLifetime)}
	first := must(w, insertion("a", "hash", g))
	want := Account{DID: did("a"), Handle: "a.test", Status: sequencing.StatusActive, HasPassword: true, CreatedAt: noon}
	if first != want {
		t.Errorf("answered %+v, want %+v", first, want)
	}
	if got, ok := w.index.ByDID(did("a")); !ok || got != want {
		t.Errorf("index has %+v", got)
	}
	if again := must(w, insertion("a", "hash", g)); again != first {
		t.Errorf("again: %+v", again)
	}
	if s := must(w, FindSaga{ID: "saga a"}); s.Step != "inserted" {
		t.Errorf("story at %q", s.Step)
	}
	must(w, EndSaga{ID: "saga a"})
	refuse(w, ErrNoSaga, insertion("a", "hash", g))
	must(w, RotateSession{DID: did("a"), ID: "jti"})
	refuse(w, ErrInvite, reservation("b", "once"))
	if err := w.reads.CheckInvite(t.Context(), "once"); !errors.Is(err, ErrInvite) {
		t.Errorf("used invite: %v", err)
	}
	if p, err := w.reads.Private(t.Context(), did("a")); err != nil || p.Email != "a@mail.test" || !p.ConfirmedAt.IsZero() {
		t.Errorf("private row %+v, %v", p, err)
	}
}

// Sixty-four sign-ups want the same thing; one gets it.
func TestSignupRaces(t *testing.T) {
	const n = 64
	for _, c := range []struct {
		name   string
		invite InviteCode
		same   func(*ReserveSignup)
		want   error
	}{
		{"handle", "", func(m *ReserveSignup) { m.Handle = "same.test" }, ErrHandleTaken},
		{"address", "", func(m *ReserveSignup) { m.Email = "same@mail.test" }, ErrEmailTaken},
		{"invite", "once", func(*ReserveSignup) {}, ErrInvite},
		{"DID", "", func(m *ReserveSignup) { m.Saga.DID = did("same") }, ErrDIDTaken},
	} {
		t.Run(c.name, func(t *testing.T) {
			w := newWorld(t, nil)
			must(w, CreateInvites{Codes: []InviteCode{"once"}, Uses: 1, For: []string{"admin"}, CreatedBy: "admin"})
			_, outcomes := race(w, n, func(i int) mailbox.Message[*Accounts, Done] {
				m := reservation(fmt.Sprintf("p%d", i), c.invite)
				m.Saga.DID = did(string(rune('a'+i/26)) + string(rune('a'+i%26)))
				c.same(&m)
				return m
			})
			if outcomes[""] != 1 || outcomes[c.want.Error()] != n-1 {
				t.Errorf("outcomes %v", outcomes)
			}
		})
	}
}

func TestSagas(t *testing.T) {
	w := newWorld(t, nil)
	refuse(w, ErrNoSaga, SaveSaga{Saga: reservation("a", "").Saga})
	refuse(w, ErrNoSaga, FindSaga{ID: "saga a"})
	for i, name := range []string{"b", "a", "c"} {
		m := reservation(name, "")
		m.Saga.CreatedAt = noon.AddDate(0, 0, i)
		must(w, m)
	}
	s := reservation("a", "").Saga
	s.Step, s.Data = "sending", []byte(`{"x":1}`)
	must(w, SaveSaga{Saga: s})
	must(w, EndSaga{ID: "saga c"})
	must(w, EndSaga{ID: "saga c"})
	w.stop()
	w.start()
	got := must(w, ListSagas{Kind: "signup"})
	if len(got) != 2 || got[0].ID != "saga b" || got[1].ID != "saga a" || got[1].Step != "sending" || string(got[1].Data) != `{"x":1}` {
		t.Errorf("after a restart: %+v", got)
	}
	if other := must(w, ListSagas{Kind: "other"}); len(other) != 0 {
		t.Errorf("of another kind: %+v", other)
	}
}

func TestInvites(t *testing.T) {
	w := newWorld(t, nil)
	must(w, CreateInvites{Codes: []InviteCode{"a", "b"}, Uses: 3, For: []string{"admin"}, CreatedBy: "admin"})
	refuse(w, ErrDuplicate, CreateInvites{Codes: []InviteCode{"c", "a"}, Uses: 1, For: []string{"admin"}, CreatedBy: "admin"})
	for code, want := range map[InviteCode]error{"a": nil, "b": nil, "c": ErrInvite, "": ErrInvite} {
		if err := w.reads.CheckInvite(t.Context(), code); !errors.Is(err, want) {
			t.Errorf("%q: %v, want %v", code, err, want)
		}
	}
}

// A refused request of a batch leaves nothing, and does not take its
// neighbours with it.
func TestBatch(t *testing.T) {
	w := newWorld(t, nil)
	w.person("a", "hash")
	const n = 600 // more than one batch
	_, outcomes := race(w, n, func(i int) mailbox.Message[*Accounts, Done] {
		codes := []InviteCode{InviteCode(fmt.Sprint(i))}
		if i%3 == 0 {
			codes = append(codes, "twice", "twice")
		}
		return CreateInvites{Codes: codes, Uses: 1, For: []string{"admin"}, CreatedBy: "admin"}
	})
	if outcomes[""] != 400 || outcomes[ErrDuplicate.Error()] != 200 {
		t.Fatalf("outcomes %v", outcomes)
	}
	for i := range n {
		err := w.reads.CheckInvite(t.Context(), InviteCode(fmt.Sprint(i)))
		if (err == nil) != (i%3 != 0) {
			t.Fatalf("code %d: %v", i, err)
		}
	}
}

// Whoever has its answer finds it in the index, also after a restart.
func TestRestart(t *testing.T) {
	w := newWorld(t, nil)
	for i := range 40 {
		w.person(string(rune('a'+i/26))+string(rune('a'+i%26)), "hash")
	}
	before, _ := w.index.ByHandle("ab.test")
	w.stop()
	w.start()
	if got, ok := w.index.ByHandle("AB.Test"); !ok || got != before || w.index.Len() != 40 {
		t.Errorf("%d accounts, %+v, want %+v", w.index.Len(), got, before)
	}
	if _, ok := w.index.ByHandle(syntax.Handle("zz.test")); ok {
		t.Error("found a stranger")
	}
}
