package main

import (
	"context"
	"fmt"
	"regexp"
	"slices"
	"strconv"

	"github.com/rogpeppe/go-internal/testscript"

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
	ts.Setenv("code", mailedCode.FindString(m.Text))
	fmt.Fprintf(ts.Stdout(), "%s\n%s\n%s\n", m.Subject, m.Text, m.HTML)
}

func (w *scriptWorld) noMailVerb(ts *testscript.TestScript, args []string) {
	want, err := strconv.Atoi(args[1])
	ts.Check(err)
	if all := w.mailTo(ts, args[0]); len(all) > want {
		ts.Fatalf("%d mails to %s, the newest is %q", len(all), args[0], all[len(all)-1].Subject)
	}
}
