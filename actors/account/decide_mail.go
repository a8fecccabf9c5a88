package account

import (
	"context"
	"encoding/json"
	"time"

	"github.com/bluesky-social/indigo/atproto/syntax"

	"troupe/storage/accountdb"
)

// Templates of mail without a code. The template of a code is named as its purpose.
const (
	TemplateNotice     Template = "notice"
	TemplateModeration Template = "moderation"
)

// MailData is what the templates say. It is stored as JSON; actors/mail reads it.
type MailData struct {
	Handle  syntax.Handle `json:"handle,omitempty"` // filled in where it is empty
	Email   Email         `json:"email,omitempty"`
	Token   string        `json:"token,omitempty"`
	Subject string        `json:"subject,omitempty"`
	Text    []string      `json:"text,omitempty"` // paragraphs
	HTML    string        `json:"html,omitempty"` // of moderation mail: a body as the moderator wrote it
}

// Notice is a mail that tells the owner of an account what happened to it.
func Notice(did syntax.DID, subject string, paragraphs ...string) QueueMail {
	return QueueMail{DID: did, Template: TemplateNotice, Data: MailData{Subject: subject, Text: paragraphs}}
}

// Moderation is a mail from the moderators, sent from their own address.
func Moderation(did syntax.DID, subject, html string) QueueMail {
	return QueueMail{DID: did, Template: TemplateModeration, Data: MailData{Subject: subject, HTML: html}}
}

// noticeLifetime is how long it is worth trying to deliver what carries no code.
const noticeLifetime = 3 * 24 * time.Hour

// The budget of an address: mail of one template within an hour and a day.
// Whoever moderates is not held to it.
const (
	mailHourly = 10
	mailDaily  = 30
)

func queueMail(b *batch, m QueueMail) (Done, error) {
	row, private, err := b.reachable(m.DID)
	if err != nil {
		return Done{}, err
	}
	return Done{}, b.queue(row, private.Email, m.Template, m.Data, noticeLifetime)
}

// notify queues a notice where there is room in the budget: what it tells about
// has happened either way.
func (b *batch) notify(row accountdb.Actor, to Email, subject string, paragraphs ...string) error {
	err := b.queue(row, to, TemplateNotice, MailData{Subject: subject, Text: paragraphs}, noticeLifetime)
	if err == ErrMailBudget {
		return nil
	}
	return err
}

func (b *batch) queue(row accountdb.Actor, to Email, t Template, data MailData, lifetime time.Duration) error {
	if t != TemplateModeration {
		if err := b.afford(to, t); err != nil {
			return err
		}
	}
	if data.Handle == "" {
		data.Handle = row.Handle
	}
	data.Email = to
	text, err := json.Marshal(data)
	if err != nil {
		return err
	}
	b.mailed = true
	return b.InsertMail(Mail{DID: row.DID, Recipient: to, Template: t, Data: text, CreatedAt: b.now, SendAfter: b.now, ExpiresAt: b.now.Add(lifetime)})
}

// afford refuses mail that would be one too many for its address.
func (b *batch) afford(to Email, t Template) error {
	for _, limit := range []struct {
		within time.Duration
		n      int64
	}{{time.Hour, mailHourly}, {24 * time.Hour, mailDaily}} {
		n, err := b.CountMail(to, t, b.now.Add(-limit.within))
		if err != nil {
			return err
		}
		if n >= limit.n {
			return ErrMailBudget
		}
	}
	return nil
}

// reachable finds an account that has an address.
func (b *batch) reachable(did syntax.DID) (row accountdb.Actor, private accountdb.Account, err error) {
	row, found, err := b.Actor(did)
	if err != nil || !found {
		return row, private, either(err, ErrNotFound)
	}
	private, found, err = b.Account(did)
	if err != nil || !found {
		return row, private, either(err, ErrNoEmail)
	}
	return row, private, nil
}

func settleMail(b *batch, m SettleMail) (Done, error) {
	if m.Sent {
		return Done{}, b.MailSent(m.ID, b.now)
	}
	return Done{}, b.MailFailed(m.ID, m.Again, m.Failure)
}

func (a *Accounts) dueMail(ctx context.Context, m DueMail) (due Due, err error) {
	now := a.o.Now()
	err = a.db.Read(ctx, func(r *accountdb.Reader) error {
		if due.Mail, err = r.DueMail(now, m.Limit, m.Only); err != nil {
			return err
		}
		due.Next, err = r.NextMail(now)
		return err
	})
	return due, err
}
