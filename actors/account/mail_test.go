package account

import (
	"context"
	"encoding/json"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/bluesky-social/indigo/atproto/syntax"

	"troupe/storage/accountdb"
)

// waiting is the mail that is to be sent now, with what it says.
func (w *world) waiting() (mails []Mail, said []MailData) {
	w.t.Helper()
	mails = must(w, DueMail{Limit: 100}).Mail
	for _, m := range mails {
		var d MailData
		if err := json.Unmarshal(m.Data, &d); err != nil {
			w.t.Fatal(err)
		}
		said = append(said, d)
	}
	return mails, said
}

// send marks all waiting mail as sent and returns the newest code in it.
func (w *world) send() (token string) {
	w.t.Helper()
	mails, said := w.waiting()
	for i, m := range mails {
		must(w, SettleMail{ID: m.ID, Sent: true})
		if said[i].Token != "" {
			token = said[i].Token
		}
	}
	return token
}

func TestACodeIsMailedAndUsedOnce(t *testing.T) {
	w := newWorld(t, nil)
	alice, _ := w.person("alice", "hash")
	must(w, IssueToken{DID: alice, Purpose: PurposePLCOperation})
	mails, said := w.waiting()
	if len(mails) != 1 || mails[0].Recipient != "alice@mail.test" || mails[0].Template != "plc_operation" || said[0].Handle != "alice.test" {
		t.Fatalf("mail %+v saying %+v", mails, said)
	}
	token := said[0].Token
	if len(token) != 11 || token[5] != '-' || strings.ToUpper(token) != token {
		t.Errorf("token %q", token)
	}
	for _, other := range []Purpose{PurposeConfirmEmail, PurposeUpdateEmail, PurposeResetPassword, PurposeDeleteAccount, PurposeSignIn} {
		refuse(w, ErrInvalidEmailToken, UseToken{DID: alice, Purpose: other, Token: token})
	}
	bob, _ := w.person("bob", "hash")
	refuse(w, ErrInvalidEmailToken, UseToken{DID: bob, Purpose: PurposePLCOperation, Token: token})
	refuse(w, ErrInvalidEmailToken, UseToken{DID: alice, Purpose: PurposePLCOperation, Token: "AAAAA-AAAAA"})
	must(w, UseToken{DID: alice, Purpose: PurposePLCOperation, Token: strings.ToLower(token)})
	refuse(w, ErrInvalidEmailToken, UseToken{DID: alice, Purpose: PurposePLCOperation, Token: token})
}

func TestCodesAreReplacedAndExpire(t *testing.T) {
	w := newWorld(t, nil)
	alice, _ := w.person("alice", "hash")
	must(w, IssueToken{DID: alice, Purpose: PurposeConfirmEmail})
	_, said := w.waiting()
	first := said[0].Token
	must(w, IssueToken{DID: alice, Purpose: PurposeConfirmEmail})
	mails, said := w.waiting()
	if len(mails) != 1 || said[0].Token == first {
		t.Fatalf("%d mails, the code before is among them: %v", len(mails), said)
	}
	refuse(w, ErrInvalidEmailToken, UseToken{DID: alice, Purpose: PurposeConfirmEmail, Token: first})
	w.pass(EmailTokenLifetime)
	refuse(w, ErrExpiredEmailToken, UseToken{DID: alice, Purpose: PurposeConfirmEmail, Token: said[0].Token})
	if mails, _ := w.waiting(); len(mails) != 0 {
		t.Error("a code that has expired is still to be sent")
	}
}

func TestWrongTriesBurnACode(t *testing.T) {
	w := newWorld(t, nil)
	alice, _ := w.person("alice", "hash")
	for wrong, good := range map[int]bool{maxTries - 1: true, maxTries: false} {
		must(w, IssueToken{DID: alice, Purpose: PurposeDeleteAccount})
		token := w.send()
		for range wrong {
			refuse(w, ErrInvalidEmailToken, UseToken{DID: alice, Purpose: PurposeDeleteAccount, Token: "wrong"})
		}
		w.stop() // what was counted outlives the process
		w.start()
		_, err := tell(w, UseToken{DID: alice, Purpose: PurposeDeleteAccount, Token: token})
		if good != (err == nil) || !good && !errors.Is(err, ErrInvalidEmailToken) {
			t.Errorf("after %d wrong tries: %v", wrong, err)
		}
	}
}

func TestMailBudget(t *testing.T) {
	w := newWorld(t, nil)
	alice, _ := w.person("alice", "hash")
	var last string
	for range mailHourly {
		must(w, IssueToken{DID: alice, Purpose: PurposeSignIn})
		last = w.send()
	}
	refuse(w, ErrMailBudget, IssueToken{DID: alice, Purpose: PurposeSignIn})
	must(w, UseToken{DID: alice, Purpose: PurposeSignIn, Token: last}) // refusing a new code voids no old one
	must(w, IssueToken{DID: alice, Purpose: PurposeResetPassword})
	must(w, Moderation(alice, "Hello", "<p>Hello</p>"))
	w.pass(time.Hour)
	must(w, IssueToken{DID: alice, Purpose: PurposeSignIn})
	w.send()
	for i := 1; ; i++ {
		w.pass(7 * time.Minute)
		if _, err := tell(w, IssueToken{DID: alice, Purpose: PurposeSignIn}); err != nil {
			if i != mailDaily-mailHourly || !errors.Is(err, ErrMailBudget) {
				t.Fatalf("mail %d of the day: %v", mailHourly+i+1, err)
			}
			break
		}
		w.send()
	}
}

func TestNobodyToWriteTo(t *testing.T) {
	w := newWorld(t, nil)
	refuse(w, ErrNotFound, IssueToken{DID: did("nobody"), Purpose: PurposeConfirmEmail})
	refuse(w, ErrNotFound, Notice(did("nobody"), "Hello"))
	refuse(w, ErrNotFound, SetPassword{DID: did("nobody"), Hash: "h"})
	refuse(w, ErrNotFound, SetEmail{DID: did("nobody"), Email: "a@mail.test"})
}

func TestSetPassword(t *testing.T) {
	w := newWorld(t, nil)
	alice, session := w.person("alice", "hash")
	must(w, CreateAppPassword{DID: alice, Name: "app", Password: "x"})
	app := Grant{ID: newTokenID(), Expires: w.now().Add(time.Hour), AppPassword: "app"}
	must(w, OpenSession{DID: alice, Session: app})
	must(w, IssueToken{DID: alice, Purpose: PurposeResetPassword})
	token := w.send()
	_, refresh := w.session(alice)
	browser := w.browser()
	must(w, SignInDevice{Device: browser, DID: alice})
	must(w, SetPassword{DID: alice, Hash: "new"})
	if _, err := tell(w, refreshing(refresh)); err == nil {
		t.Error("an app is still signed in")
	}
	err := w.reads.with(context.Background(), func(r *accountdb.Reader) error {
		_, found, err := r.DeviceAccount(browser, alice)
		if found {
			t.Error("a browser is still signed in")
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	refuse(w, ErrRevoked, RotateSession{DID: alice, ID: session.ID})
	refuse(w, ErrRevoked, RotateSession{DID: alice, ID: app.ID})
	refuse(w, ErrInvalidEmailToken, UseToken{DID: alice, Purpose: PurposeResetPassword, Token: token})
	if row, err := w.reads.account(context.Background(), alice); err != nil || row.Password != "new" {
		t.Errorf("%+v, %v", row, err)
	}
	if _, said := w.waiting(); len(said) != 1 || !strings.Contains(said[0].Subject, "password") {
		t.Errorf("the owner is told %+v", said)
	}
	if all, err := w.reads.AppPasswords(context.Background(), alice); err != nil || len(all) != 1 {
		t.Errorf("app passwords %v, %v", all, err)
	}
}

func TestSetEmail(t *testing.T) {
	w := newWorld(t, nil)
	alice, _ := w.person("alice", "hash")
	bob, _ := w.person("bob", "hash")
	must(w, reservation("carol", ""))
	refuse(w, ErrEmailTaken, SetEmail{DID: alice, Email: "bob@mail.test"})
	refuse(w, ErrEmailTaken, SetEmail{DID: alice, Email: "carol@mail.test"})
	must(w, IssueToken{DID: alice, Purpose: PurposeConfirmEmail})
	token := w.send()
	must(w, SetEmail{DID: alice, Email: "new@mail.test"})
	refuse(w, ErrInvalidEmailToken, UseToken{DID: alice, Purpose: PurposeConfirmEmail, Token: token})
	must(w, SetEmail{DID: bob, Email: "alice@mail.test"}) // free now
	if p, err := w.reads.Private(context.Background(), alice); err != nil || p.Email != "new@mail.test" {
		t.Errorf("%+v, %v", p, err)
	}
}

func TestMailIsTriedAgain(t *testing.T) {
	w := newWorld(t, nil)
	alice, _ := w.person("alice", "hash")
	must(w, Notice(alice, "Hello", "text"))
	mails, _ := w.waiting()
	again := w.now().Add(time.Minute)
	must(w, SettleMail{ID: mails[0].ID, Again: again, Failure: "connection refused"})
	due := must(w, DueMail{Limit: 10})
	if len(due.Mail) != 0 || !due.Next.Equal(again) {
		t.Fatalf("%+v", due)
	}
	w.pass(time.Minute)
	mails, _ = w.waiting()
	if len(mails) != 1 || mails[0].Attempts != 1 || mails[0].Failure != "connection refused" {
		t.Fatalf("%+v", mails)
	}
	must(w, SettleMail{ID: mails[0].ID, Sent: true})
	must(w, SettleMail{ID: mails[0].ID, Again: again, Failure: "late"}) // an answer that comes twice changes nothing
	must(w, SettleMail{ID: 77, Sent: true})
	err := w.reads.with(context.Background(), func(r *accountdb.Reader) error {
		m, found, err := r.Mail(mails[0].ID)
		if !found || len(m.Data) != 0 || !m.SentAt.Equal(w.now()) || !m.SendAfter.IsZero() {
			t.Errorf("%+v", m)
		}
		return err
	})
	if err != nil {
		t.Error(err)
	}
}

func TestMailGoesWithItsAccount(t *testing.T) {
	w := newWorld(t, nil)
	alice, _ := w.person("alice", "hash")
	must(w, IssueToken{DID: alice, Purpose: PurposeDeleteAccount})
	w.h.Stop(context.Background())
	db, err := accountdb.Open(context.Background(), w.path, accountdb.Options{})
	if err != nil {
		t.Fatal(err)
	}
	if err := db.Transact(context.Background(), func(tx *accountdb.Tx) error { return tx.DeleteActor(alice) }); err != nil {
		t.Fatal(err)
	}
	err = db.Read(context.Background(), func(r *accountdb.Reader) error {
		if all, err := r.Mails(10); err != nil || len(all) != 0 {
			t.Errorf("%v, %v", all, err)
		}
		_, found, err := r.EmailToken(PurposeDeleteAccount, syntax.DID(alice))
		if found {
			t.Error("the code is still there")
		}
		return err
	})
	if err := errors.Join(err, db.Close()); err != nil {
		t.Error(err)
	}
}

func TestTheBellRings(t *testing.T) {
	w := newWorld(t, nil)
	alice, _ := w.person("alice", "hash")
	rung := 0
	w.stop()
	w.mailed = func() { rung++ }
	w.start()
	must(w, IssueToken{DID: alice, Purpose: PurposeConfirmEmail})
	must(w, CloseSessions{DID: alice})
	w.stop()
	if rung != 1 {
		t.Errorf("rung %d times", rung)
	}
}
