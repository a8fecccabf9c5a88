package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/mail"
	"os"
	"strings"
	"text/tabwriter"
	"time"

	"troupe/actors/account"
	pdsmail "troupe/actors/mail"
	"troupe/storage/accountdb"
)

// mailCommand is `pds mail`.
type mailCommand struct {
	List mailListCommand `cmd:"" help:"List the newest mail: what waits, what has left, and what went wrong. Works while the server runs."`
	Show mailShowCommand `cmd:"" help:"Show a mail that waits, with its code. Works while the server runs."`
	Test mailTestCommand `cmd:"" help:"Send a mail through the mail server of the settings. Exit code 1, and a sentence about what is wrong, if it is not taken."`
}

// mailPlace is where the mail is.
type mailPlace struct {
	EnvFile string            `help:"File of PDS_* names, NAME=value a line. The environment goes before it, flags before both." type:"existingfile"`
	Data    string            `help:"PDS_DATA_DIRECTORY." type:"path"`
	Set     map[string]string `help:"Any other PDS_* setting, NAME=value; repeatable." mapsep:"none"`

	out io.Writer // nil: standard output
}

func (p *mailPlace) print() io.Writer {
	if p.out == nil {
		return os.Stdout
	}
	return p.out
}

// config reads what these commands need of the settings, and nothing that only a
// server needs: no secret is asked for.
func (p *mailPlace) config() (Config, *settings, error) {
	overrides := map[string]string{}
	for k, v := range p.Set {
		overrides[k] = v
	}
	if p.Data != "" {
		overrides["PDS_DATA_DIRECTORY"] = p.Data
	}
	s, err := newSettings(overrides, os.Environ(), p.EnvFile)
	if err != nil {
		return Config{}, nil, err
	}
	var c Config
	c.readService(s)
	c.readMail(s)
	return c, s, s.err
}

// read runs fn on the rows of a server that may be running.
func (p *mailPlace) read(ctx context.Context, fn func(Config, *accountdb.Reader) error) error {
	c, s, err := p.config()
	if err != nil {
		return err
	}
	c.readStorage(s)
	if s.err != nil {
		return s.err
	}
	db, err := accountdb.Open(ctx, c.Accounts, accountdb.Options{ReadOnly: true})
	if err != nil {
		return err
	}
	err = db.Read(ctx, func(r *accountdb.Reader) error { return fn(c, r) })
	return errors.Join(err, db.Close())
}

// mailListCommand is `pds mail list`.
type mailListCommand struct {
	mailPlace
	Newest int `help:"How many." default:"50"`
}

// Run prints a line a mail, the newest first. No code is on it.
func (c *mailListCommand) Run(ctx context.Context) error {
	return c.read(ctx, func(_ Config, r *accountdb.Reader) error {
		all, err := r.Mails(c.Newest)
		if err != nil {
			return err
		}
		table := tabwriter.NewWriter(c.print(), 0, 0, 2, ' ', 0)
		fmt.Fprintln(table, "ID\tWRITTEN\tTO\tWHAT\tSTATE")
		for _, m := range all {
			fmt.Fprintf(table, "%d\t%s\t%s\t%s\t%s\n", m.ID, m.CreatedAt.Format(time.RFC3339), m.Recipient, m.Template, mailState(m, time.Now()))
		}
		return table.Flush()
	})
}

// mailState says what has become of a mail.
func mailState(m account.Mail, now time.Time) string {
	state := "waiting"
	switch {
	case !m.SentAt.IsZero():
		return "sent " + m.SentAt.Format(time.RFC3339)
	case m.SendAfter.IsZero():
		state = "given up"
	case !now.Before(m.ExpiresAt):
		state = "expired"
	case m.Attempts > 0:
		state = "tried again at " + m.SendAfter.Format(time.RFC3339)
	}
	if m.Failure != "" {
		state += ": " + m.Failure
	}
	return state
}

// mailShowCommand is `pds mail show`.
type mailShowCommand struct {
	mailPlace
	ID int64 `arg:"" help:"Number of the mail, as pds mail list prints it."`
}

// Run prints the text of a mail.
func (c *mailShowCommand) Run(ctx context.Context) error {
	return c.read(ctx, func(config Config, r *accountdb.Reader) error {
		row, found, err := r.Mail(account.MailID(c.ID))
		switch {
		case err != nil:
			return err
		case !found:
			return fmt.Errorf("there is no mail %d: mail is forgotten a day after its end", c.ID)
		case len(row.Data) == 0:
			return fmt.Errorf("mail %d has left, and with it what it said", c.ID)
		}
		m, err := config.Brand.Compose(letter(row), config.Mail.From)
		if err != nil {
			return err
		}
		_, err = fmt.Fprintf(c.print(), "To: %s\nSubject: %s\nDate: %s\nState: %s\n\n%s", m.To, m.Subject, m.Date.Format(time.RFC1123Z), mailState(row, time.Now()), m.Text)
		return err
	})
}

// mailTestCommand is `pds mail test`.
type mailTestCommand struct {
	mailPlace
	Address    string        `arg:"" help:"Who the mail is sent to."`
	Moderation bool          `help:"Through the mail server of moderation mail."`
	Timeout    time.Duration `help:"How long the mail server may take." default:"60s"`
}

// Run sends a mail as the server would, and explains what happened.
func (c *mailTestCommand) Run(ctx context.Context) error {
	config, _, err := c.config()
	if err != nil {
		return err
	}
	route, name := &config.Mail, "PDS_EMAIL_SMTP_URL"
	if c.Moderation {
		route, name = config.ModerationMail, "PDS_MODERATION_EMAIL_SMTP_URL"
	}
	if route == nil || route.Transport == nil {
		return fmt.Errorf("%s is not set: no mail is sent, see pds mail list", name)
	}
	to, err := mail.ParseAddress(c.Address)
	if err != nil {
		return fmt.Errorf("%q is not an e-mail address", c.Address)
	}
	ctx, cancel := context.WithTimeout(ctx, c.Timeout)
	defer cancel()
	m, err := config.Brand.Test(to.Address, route.From, time.Now())
	if err != nil {
		return err
	}
	if err := route.Transport.Send(ctx, m); err != nil {
		return fmt.Errorf("%s", strings.TrimSuffix(pdsmail.Explain(err), "."))
	}
	_, err = fmt.Fprintf(c.print(), "The mail server took a mail from %s to %s. If it does not arrive, look into the folder for junk mail, and at the SPF, DKIM and DMARC records of the sender's domain.\n", route.From.Address, to.Address)
	return err
}
