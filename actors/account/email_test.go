package account

import (
	"context"
	"strings"
	"testing"

	"github.com/bluesky-social/indigo/atproto/syntax"
)

func (w *world) private(did syntax.DID) Private {
	w.t.Helper()
	p, err := w.reads.Private(context.Background(), did)
	if err != nil {
		w.t.Fatal(err)
	}
	return p
}

// confirm makes an account whose address is confirmed, and its second factor on.
func (w *world) confirm(name string, factor bool) syntax.DID {
	w.t.Helper()
	did, _ := w.person(name, "hash")
	email := Email(name + "@mail.test")
	must(w, IssueToken{DID: did, Purpose: PurposeConfirmEmail})
	must(w, ConfirmEmail{DID: did, Email: email, Token: w.send()})
	if factor {
		must(w, UpdateEmail{DID: did, Email: email, Factor: &factor})
		w.send()
	}
	return did
}

func TestConfirmEmail(t *testing.T) {
	w := newWorld(t, nil)
	alice, _ := w.person("alice", "hash")
	must(w, IssueToken{DID: alice, Purpose: PurposeConfirmEmail})
	token := w.send()
	refuse(w, ErrNotFound, ConfirmEmail{DID: did("nobody"), Email: "alice@mail.test", Token: token})
	refuse(w, ErrEmailMismatch, ConfirmEmail{DID: alice, Email: "other@mail.test", Token: token})
	refuse(w, ErrInvalidEmailToken, ConfirmEmail{DID: alice, Email: "alice@mail.test", Token: "x"})
	if p := w.private(alice); !p.ConfirmedAt.IsZero() {
		t.Fatalf("%+v", p)
	}
	must(w, ConfirmEmail{DID: alice, Email: "alice@mail.test", Token: token})
	if p := w.private(alice); !p.ConfirmedAt.Equal(w.now()) {
		t.Errorf("%+v", p)
	}
	refuse(w, ErrInvalidEmailToken, ConfirmEmail{DID: alice, Email: "alice@mail.test", Token: token})
}

func TestUpdateEmail(t *testing.T) {
	w := newWorld(t, nil)
	bob, _ := w.person("bob", "hash")
	must(w, UpdateEmail{DID: bob, Email: "bobby@mail.test"}) // not confirmed: nothing to protect
	refuse(w, ErrInvalidEmailToken, UpdateEmail{DID: bob, Email: "bob@mail.test", Token: "x"})
	refuse(w, ErrNotFound, UpdateEmail{DID: did("nobody"), Email: "x@mail.test"})
	w.send()

	alice := w.confirm("alice", false)
	refuse(w, ErrTokenRequired, UpdateEmail{DID: alice, Email: "new@mail.test"})
	must(w, IssueToken{DID: alice, Purpose: PurposeUpdateEmail})
	token := w.send()
	refuse(w, ErrEmailTaken, UpdateEmail{DID: alice, Email: "bobby@mail.test", Token: token}) // and the code is still good
	must(w, IssueToken{DID: alice, Purpose: PurposePLCOperation})
	plc := w.send()
	must(w, UpdateEmail{DID: alice, Email: "new@mail.test", Token: token})
	if p := w.private(alice); p.Email != "new@mail.test" || !p.ConfirmedAt.IsZero() {
		t.Errorf("%+v", p)
	}
	refuse(w, ErrInvalidEmailToken, UseToken{DID: alice, Purpose: PurposePLCOperation, Token: plc}) // it was mailed to the old address
	mails, said := w.waiting()
	if len(mails) != 1 || mails[0].Recipient != "alice@mail.test" || strings.Contains(strings.Join(said[0].Text, ""), "new@mail.test") {
		t.Errorf("told %+v: %+v", mails, said)
	}
}

func TestEmailFactorSwitch(t *testing.T) {
	on, off := true, false
	w := newWorld(t, nil)
	alice, _ := w.person("alice", "hash")
	refuse(w, ErrUnconfirmed, UpdateEmail{DID: alice, Email: "alice@mail.test", Factor: &on})
	bob := w.confirm("bob", true) // turning it on takes no code
	if p := w.private(bob); !p.EmailFactor || p.ConfirmedAt.IsZero() {
		t.Fatalf("%+v", p)
	}
	refuse(w, ErrTokenRequired, UpdateEmail{DID: bob, Email: "bob@mail.test", Factor: &off})
	refuse(w, ErrTokenRequired, UpdateEmail{DID: bob, Email: "new@mail.test"})
	must(w, IssueToken{DID: bob, Purpose: PurposeUpdateEmail})
	token := w.send()
	refuse(w, ErrUnconfirmed, UpdateEmail{DID: bob, Email: "new@mail.test", Factor: &on, Token: token})
	must(w, UpdateEmail{DID: bob, Email: "bob@mail.test", Factor: &off, Token: token})
	if p := w.private(bob); p.EmailFactor || p.ConfirmedAt.IsZero() {
		t.Errorf("%+v", p)
	}
	carol := w.confirm("carol", true)
	must(w, IssueToken{DID: carol, Purpose: PurposeUpdateEmail})
	must(w, UpdateEmail{DID: carol, Email: "new@mail.test", Token: w.send()})
	if p := w.private(carol); p.EmailFactor {
		t.Error("a code would be mailed to an address that nobody has confirmed")
	}
}

func TestResetPassword(t *testing.T) {
	w := newWorld(t, nil)
	alice, session := w.person("alice", "hash")
	must(w, IssueToken{DID: alice, Purpose: PurposeResetPassword})
	token := w.send()
	refuse(w, ErrInvalidEmailToken, ResetPassword{Token: "AAAAA-AAAAA", Hash: "new"})
	must(w, ResetPassword{Token: strings.ToLower(token), Hash: "new"})
	refuse(w, ErrInvalidEmailToken, ResetPassword{Token: token, Hash: "newer"})
	refuse(w, ErrRevoked, RotateSession{DID: alice, ID: session.ID})
	if row, _ := w.reads.account(context.Background(), alice); row.Password != "new" {
		t.Errorf("%+v", row)
	}
	must(w, IssueToken{DID: alice, Purpose: PurposeResetPassword})
	token = w.send()
	w.pass(EmailTokenLifetime)
	refuse(w, ErrExpiredEmailToken, ResetPassword{Token: token, Hash: "newer"})
}
