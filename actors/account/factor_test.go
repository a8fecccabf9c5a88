package account

import (
	"context"
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/bluesky-social/indigo/atproto/syntax"
	"github.com/pquerna/otp/totp"

	"troupe/actors/mailbox"
	"troupe/storage/accountdb"
	"troupe/storage/keys"
)

// app is somebody's phone.
func (w *world) app(secret string) string {
	w.t.Helper()
	code, err := totp.GenerateCode(secret, w.now())
	if err != nil {
		w.t.Fatal(err)
	}
	return code
}

// enrol puts an app in force and lets its code of now go by.
func (w *world) enrol(did syntax.DID) (secret string, codes []string) {
	w.t.Helper()
	secret = must(w, EnrolTOTP{DID: did, Issuer: "Test PDS"}).Secret
	codes = must(w, ConfirmTOTP{DID: did, Code: w.app(secret)}).Codes
	w.pass(time.Minute)
	w.send()
	return secret, codes
}

func TestEnrolment(t *testing.T) {
	w := newWorld(t, nil)
	alice, _ := w.person("alice", "hash")
	refuse(w, ErrNoFactor, ConfirmTOTP{DID: alice, Code: "000000"})
	first := must(w, EnrolTOTP{DID: alice, Issuer: "Test PDS"})
	e := must(w, EnrolTOTP{DID: alice, Issuer: "Test PDS"})
	if first.Secret == e.Secret || !strings.HasPrefix(e.URL, "otpauth://totp/Test%20PDS:alice.test?") {
		t.Fatalf("%+v", e)
	}
	if f, err := w.reads.Factors(context.Background(), alice); err != nil || f.Any() {
		t.Errorf("in force before a code was seen: %+v, %v", f, err)
	}
	must(w, VerifyFactor{DID: alice, Code: "anything"}) // no factor yet, so nothing to verify
	refuse(w, ErrInvalidEmailToken, ConfirmTOTP{DID: alice, Code: w.app(first.Secret)})
	codes := must(w, ConfirmTOTP{DID: alice, Code: w.app(e.Secret)}).Codes
	slices.Sort(codes)
	if len(slices.Compact(codes)) != recoveryCodes || len(codes[0]) != 17 {
		t.Errorf("%v", codes)
	}
	refuse(w, ErrFactorExists, EnrolTOTP{DID: alice, Issuer: "Test PDS"})
	refuse(w, ErrFactorExists, ConfirmTOTP{DID: alice, Code: w.app(e.Secret)})
	refuse(w, ErrInvalidEmailToken, VerifyFactor{DID: alice, Code: w.app(e.Secret)}) // the code that confirmed it is used up
	if _, said := w.waiting(); len(said) != 1 || !strings.Contains(said[0].Subject, "authenticator") {
		t.Errorf("the owner is told %+v", said)
	}
	bob, _ := w.person("bob", "hash")
	late := must(w, EnrolTOTP{DID: bob, Issuer: "Test PDS"})
	w.pass(enrolment)
	refuse(w, ErrNoFactor, ConfirmTOTP{DID: bob, Code: w.app(late.Secret)})
}

func TestCodesOfAnAppAreUsedOnce(t *testing.T) {
	w := newWorld(t, nil)
	alice, _ := w.person("alice", "hash")
	secret, _ := w.enrol(alice)
	before := w.app(secret)
	w.pass(totpStep)
	now := w.app(secret)
	must(w, VerifyFactor{DID: alice, Code: now[:3] + " " + now[3:]})
	refuse(w, ErrInvalidEmailToken, VerifyFactor{DID: alice, Code: now})
	refuse(w, ErrInvalidEmailToken, VerifyFactor{DID: alice, Code: before}) // in the window, and older than the one that was used
	w.stop()
	w.start()
	refuse(w, ErrInvalidEmailToken, VerifyFactor{DID: alice, Code: now})
	w.pass(totpStep)
	next := w.app(secret)
	_, outcomes := race(w, 8, func(int) mailbox.Message[*Accounts, Done] { return VerifyFactor{DID: alice, Code: next} })
	if outcomes[""] != 1 {
		t.Errorf("eight at once: %v", outcomes)
	}
}

func TestClocksThatDiffer(t *testing.T) {
	w := newWorld(t, nil)
	alice, _ := w.person("alice", "hash")
	secret, _ := w.enrol(alice)
	old := w.app(secret)
	w.pass(2 * totpStep)
	refuse(w, ErrInvalidEmailToken, VerifyFactor{DID: alice, Code: old})
	slow := w.app(secret)
	w.pass(totpStep)
	must(w, VerifyFactor{DID: alice, Code: slow})
}

func TestWrongCodesOfAnAppWait(t *testing.T) {
	w := newWorld(t, nil)
	alice, _ := w.person("alice", "hash")
	secret, codes := w.enrol(alice)
	for range freeTries {
		refuse(w, ErrInvalidEmailToken, VerifyFactor{DID: alice, Code: "abcdef"})
	}
	refuse(w, ErrFactorLocked, VerifyFactor{DID: alice, Code: w.app(secret)})
	refuse(w, ErrFactorLocked, VerifyFactor{DID: alice, Code: codes[0]})
	w.pass(firstLock)
	refuse(w, ErrInvalidEmailToken, VerifyFactor{DID: alice, Code: "000000"})
	w.pass(firstLock)
	refuse(w, ErrFactorLocked, VerifyFactor{DID: alice, Code: w.app(secret)}) // twice as long
	w.pass(firstLock)
	must(w, VerifyFactor{DID: alice, Code: w.app(secret)})
	w.pass(time.Minute)
	refuse(w, ErrInvalidEmailToken, VerifyFactor{DID: alice, Code: "abcdef"})
	must(w, VerifyFactor{DID: alice, Code: w.app(secret)}) // counted from the start again
}

func TestRecoveryCodes(t *testing.T) {
	w := newWorld(t, nil)
	alice, _ := w.person("alice", "hash")
	secret, codes := w.enrol(alice)
	must(w, VerifyFactor{DID: alice, Code: strings.ToUpper(strings.ReplaceAll(codes[3], "-", " "))})
	refuse(w, ErrInvalidEmailToken, VerifyFactor{DID: alice, Code: codes[3]})
	if _, said := w.waiting(); len(said) != 1 || !strings.Contains(said[0].Text[0], "9 are left") {
		t.Errorf("the owner is told %+v", said)
	}
	bob, _ := w.person("bob", "hash")
	w.enrol(bob)
	refuse(w, ErrInvalidEmailToken, VerifyFactor{DID: bob, Code: codes[4]})
	renewed := must(w, RenewRecoveryCodes{DID: alice, Code: w.app(secret)}).Codes
	refuse(w, ErrInvalidEmailToken, VerifyFactor{DID: alice, Code: codes[4]})
	must(w, VerifyFactor{DID: alice, Code: renewed[0]})
	refuse(w, ErrNoFactor, RenewRecoveryCodes{DID: did("carol"), Code: "x"})
}

func TestGivingFactorsUp(t *testing.T) {
	w := newWorld(t, nil)
	alice := w.confirm("alice", true)
	secret, codes := w.enrol(alice)
	refuse(w, ErrInvalidEmailToken, DisableTOTP{DID: alice, Code: "000000"})
	must(w, DisableTOTP{DID: alice, Code: w.app(secret)})
	refuse(w, ErrNoFactor, DisableTOTP{DID: alice, Code: codes[0]})
	if f, _ := w.reads.Factors(context.Background(), alice); f.App || !f.Email || f.RecoveryCodes != 0 {
		t.Errorf("%+v", f)
	}
	w.enrol(alice)
	must(w, RemoveFactors{DID: alice}) // the operator
	if f, err := w.reads.Factors(context.Background(), alice); err != nil || f != (Factors{}) {
		t.Errorf("%+v, %v", f, err)
	}
	refuse(w, ErrNotFound, RemoveFactors{DID: did("nobody")})
	if _, err := w.reads.Factors(context.Background(), did("nobody")); !errors.Is(err, ErrNotFound) {
		t.Error(err)
	}
}

// The file alone makes nobody's codes.
func TestSecretsAreSealed(t *testing.T) {
	w := newWorld(t, nil)
	alice, _ := w.person("alice", "hash")
	secret, _ := w.enrol(alice)
	err := w.reads.with(context.Background(), func(r *accountdb.Reader) error {
		f, _, err := r.TOTP(alice)
		if strings.Contains(string(f.Secret), secret) || len(f.Secret) < len(secret) {
			t.Error("the secret is in the file")
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	w.stop()
	w.vault, _, err = keys.OpenVault(t.TempDir()+"/kek", true) // somebody else's
	if err != nil {
		t.Fatal(err)
	}
	w.start()
	refuse(w, keys.ErrSealed, VerifyFactor{DID: alice, Code: w.app(secret)})
}

func TestSigningInWithFactors(t *testing.T) {
	w := newWorld(t, nil)
	s := w.signIns()
	alice := w.confirm("alice", false)
	hash, err := s.Passwords.Hash(t.Context(), "alice-password")
	if err != nil {
		t.Fatal(err)
	}
	must(w, SetPassword{DID: alice, Hash: hash})
	app := "abcd-efgh-ijkl-mnop"
	appHash, err := s.Passwords.HashApp(t.Context(), alice, app)
	if err != nil {
		t.Fatal(err)
	}
	must(w, CreateAppPassword{DID: alice, Name: "app", Password: appHash})
	w.send()
	in := func(password, code string, want error) {
		t.Helper()
		if _, err := s.SignIn(t.Context(), Credentials{Identifier: "alice.test", Password: password, Factor: code}); !errors.Is(err, want) {
			t.Fatalf("%q, %q: %v, want %v", password, code, err, want)
		}
	}
	in("alice-password", "", nil)
	in("alice-password", "ABCDE-FGHIJ", nil) // no factor: nothing to verify
	on := true
	must(w, UpdateEmail{DID: alice, Email: "alice@mail.test", Factor: &on})
	w.send()

	in("wrong", "", ErrBadCredentials)
	if mails, _ := w.waiting(); len(mails) != 0 {
		t.Fatal("a wrong password has mail sent")
	}
	in("alice-password", "", ErrFactorRequired)
	token := w.send()
	in("wrong", token, ErrBadCredentials)
	in("alice-password", "ABCDE-FGHIJ", ErrInvalidEmailToken)
	in("alice-password", token, nil)
	in("alice-password", token, ErrInvalidEmailToken)
	in(app, "", nil)
	in("alice-password", "", ErrFactorRequired)
	token = w.send()
	w.pass(EmailTokenLifetime)
	in("alice-password", token, ErrExpiredEmailToken)

	secret, codes := w.enrol(alice)
	in("alice-password", "", ErrFactorRequired)
	if mails, _ := w.waiting(); len(mails) != 0 {
		t.Error("a code is mailed although an app makes them")
	}
	in("alice-password", w.app(secret), nil)
	in("alice-password", w.app(secret), ErrInvalidEmailToken)
	in("alice-password", codes[0], nil)
	in(app, "", nil)
}
