package main

import (
	"context"
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"time"

	"github.com/bluesky-social/indigo/atproto/syntax"
	"github.com/pquerna/otp/totp"
	"github.com/rogpeppe/go-internal/testscript"

	"troupe/actors/account"
	"troupe/actors/mail"
	"troupe/actors/mailbox"
	"troupe/cmd/pds/devnet"
)

var mailedCode = regexp.MustCompile(`\b[A-Z2-7]{5}-[A-Z2-7]{5}\b`)

// mailTo is the mail that an address has been sent, oldest first, once nothing is
// left to send.
func (w *scriptWorld) mailTo(ts *testscript.TestScript, address string) []devnet.Mail {
	_, err := mailbox.Ask(context.Background(), w.server.mailer, mail.Settled{})
	ts.Check(err)
	return slices.DeleteFunc(w.mails.Mails(), func(m devnet.Mail) bool { return m.To != address })
}

func (w *scriptWorld) mailVerb(ts *testscript.TestScript, args []string) {
	all := w.mailTo(ts, args[0])
	if len(all) == 0 {
		ts.Fatalf("no mail to %s", args[0])
	}
	m := all[len(all)-1]
	if !regexp.MustCompile(args[1]).MatchString(m.Subject) {
		ts.Fatalf("the newest mail to %s is %q", args[0], m.Subject)
	}
	if code := mailedCode.FindString(m.Text); code != "" {
		ts.Setenv("code", code)
	}
	fmt.Fprintf(ts.Stdout(), "%s\n%s\n%s\n", m.Subject, m.Text, m.HTML)
}

func (w *scriptWorld) noMailVerb(ts *testscript.TestScript, args []string) {
	want, err := strconv.Atoi(args[1])
	ts.Check(err)
	if all := w.mailTo(ts, args[0]); len(all) > want {
		ts.Fatalf("%d mails to %s, the newest is %q", len(all), args[0], all[len(all)-1].Subject)
	}
}

// totpVerb is an authenticator app: there is no XRPC method for it.
func (w *scriptWorld) totpVerb(ts *testscript.TestScript, args []string) {
	ctx, name := context.Background(), args[1]
	did := syntax.DID(ts.Getenv(name + "_did"))
	code := func(steps time.Duration) string {
		c, err := totp.GenerateCode(ts.Getenv(name+"_secret"), time.Now().Add(steps*30*time.Second))
		ts.Check(err)
		return c
	}
	switch args[0] {
	case "enrol":
		e, err := mailbox.Ask(ctx, w.server.accounts, account.EnrolTOTP{DID: did, Issuer: "Script"})
		ts.Check(err)
		ts.Setenv(name+"_secret", e.Secret)
		// With the code of the step before, so that the one of now is still good.
		r, err := mailbox.Ask(ctx, w.server.accounts, account.ConfirmTOTP{DID: did, Code: code(-1)})
		if errors.Is(err, account.ErrInvalidEmailToken) { // the clock went on in between
			r, err = mailbox.Ask(ctx, w.server.accounts, account.ConfirmTOTP{DID: did, Code: code(-1)})
		}
		ts.Check(err)
		ts.Setenv("recovery", r.Codes[0])
	case "code":
		ts.Setenv("code", code(0))
	case "next":
		ts.Setenv("code", code(1))
	case "remove":
		_, err := mailbox.Ask(ctx, w.server.accounts, account.RemoveFactors{DID: did})
		ts.Check(err)
	}
}

// keepCodeVerb sets $code to the code in what was printed last.
func (w *scriptWorld) keepCodeVerb(ts *testscript.TestScript, _ []string) {
	code := mailedCode.FindString(ts.ReadFile("stdout"))
	if code == "" {
		ts.Fatalf("no code was printed")
	}
	ts.Setenv("code", code)
}

// mailTriedVerb waits until a mail has been tried.
func (w *scriptWorld) mailTriedVerb(ts *testscript.TestScript, args []string) {
	id, err := strconv.Atoi(args[0])
	ts.Check(err)
	for {
		due, err := mailbox.Ask(context.Background(), w.server.accounts, account.DueMail{Limit: 100})
		ts.Check(err)
		if !slices.ContainsFunc(due.Mail, func(m account.Mail) bool { return m.ID == account.MailID(id) && m.Attempts == 0 }) {
			return
		}
		time.Sleep(10 * time.Millisecond)
	}
}
