package main

import (
	"context"
	"fmt"
	netmail "net/mail"
	"sync/atomic"
	"time"

	"troupe/actors/account"
	"troupe/actors/mail"
	"troupe/actors/mailbox"
)

// bell is how accounts tells the mailer, which starts later and asks it, that
// mail has been queued. The zero bell is heard by nobody.
type bell struct {
	mailer atomic.Pointer[mailbox.Address[*mail.Mailer]]
}

func (b *bell) ring() {
	if a := b.mailer.Load(); a != nil {
		// Not heard is not lost: the queue is looked at now and then.
		mailbox.Post(context.Background(), *a, mail.Wake{}, func(mail.Done, error) {})
	}
}

// startMailer starts what sends the mail that accounts queues. all, if there is
// one, takes every mail in the place of the mail servers of the settings.
func (s *Server) startMailer(system *mailbox.System, bell *bell, all mail.Transport) error {
	o := mail.Options{
		Due: s.dueMail, Settle: s.settleMail,
		Route: s.config.Mail, Moderation: s.config.ModerationMail, Brand: s.config.Brand, Log: s.log,
	}
	if all != nil {
		o.Route, o.Moderation = mail.Route{Transport: all, From: netmail.Address{Address: "pds@" + s.config.Hostname()}}, nil
	}
	if o.Route.Transport == nil && o.Moderation == nil {
		s.log.Info("no mail server is set (PDS_EMAIL_SMTP_URL): mail waits for the operator, see pds mail list")
	}
	h, err := mail.Spawn(system, o)
	if err != nil {
		return fmt.Errorf("mailer: %w", err)
	}
	s.closer.add("mailer", h.Stop)
	s.mailer = h.Address()
	bell.mailer.Store(&s.mailer)
	return nil
}

func (s *Server) dueMail(ctx context.Context, limit int, only string) ([]mail.Letter, time.Time, error) {
	due, err := mailbox.Ask(ctx, s.accounts, account.DueMail{Limit: limit, Only: account.Template(only)})
	all := make([]mail.Letter, 0, len(due.Mail))
	for _, m := range due.Mail {
		all = append(all, letter(m))
	}
	return all, due.Next, err
}

func letter(m account.Mail) mail.Letter {
	return mail.Letter{ID: mail.ID(m.ID), To: string(m.Recipient), Template: string(m.Template), Data: m.Data, Written: m.CreatedAt, Attempts: m.Attempts}
}

func (s *Server) settleMail(ctx context.Context, id mail.ID, o mail.Outcome) error {
	_, err := mailbox.Ask(ctx, s.accounts, account.SettleMail{ID: account.MailID(id), Sent: o.Sent, Again: o.Again, Failure: o.Failure})
	return err
}
