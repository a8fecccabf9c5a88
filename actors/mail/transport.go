package mail

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"net/mail"
	"net/url"
	"os/exec"
	"strconv"
	"strings"
	"time"

	gomail "github.com/wneessen/go-mail"
)

// attemptLimit bounds each half of a session, so that a server which answers a
// byte a minute is left.
const attemptLimit = 25 * time.Second

// ParseAddress reads a sender: an address, or "Name <address>".
func ParseAddress(s string) (mail.Address, error) {
	a, err := mail.ParseAddress(s)
	if err != nil || strings.ContainsAny(a.Address, "\r\n") {
		return mail.Address{}, fmt.Errorf("mail: %q is not an e-mail address", s)
	}
	return *a, nil
}

// ParseURL makes a transport of the URL of a mail server, in the forms that the
// reference takes:
//
//	smtp://user:password@host:587    STARTTLS where it is offered; always with a password
//	smtps://user:password@host:465   TLS from the start
//	smtp:///?sendmail=true           the sendmail program of this machine
//
// Parameters: secure=true (as smtps), requireTLS=true, ignoreTLS=true, name=HOST
// (what we call ourselves), tls.rejectUnauthorized=false, path=FILE (of
// sendmail). Errors: ErrURL; it never repeats the password.
func ParseURL(raw string) (Transport, error) {
	u, err := url.Parse(raw)
	if err != nil {
		return nil, fmt.Errorf("%w: it cannot be read; special characters in the user name and password must be percent-encoded", ErrURL)
	}
	if u.Scheme != "smtp" && u.Scheme != "smtps" {
		return nil, fmt.Errorf("%w: it must begin with smtp:// or smtps://", ErrURL)
	}
	q := u.Query()
	if truth(q.Get("sendmail")) {
		path := q.Get("path")
		if path == "" {
			path = "sendmail"
		}
		return Sendmail{Path: path}, nil
	}
	s := &SMTP{
		Host: u.Hostname(), Name: q.Get("name"), TLS: u.Scheme == "smtps" || truth(q.Get("secure")),
		RequireTLS: truth(q.Get("requireTLS")), IgnoreTLS: truth(q.Get("ignoreTLS")), User: u.User.Username(),
	}
	s.Password, _ = u.User.Password()
	s.AnyCertificate = q.Get("tls.rejectUnauthorized") == "false"
	if s.Host == "" {
		return nil, fmt.Errorf("%w: it names no host", ErrURL)
	}
	if s.Port = 587; s.TLS {
		s.Port = 465
	}
	if p := u.Port(); p != "" {
		if s.Port, err = strconv.Atoi(p); err != nil || s.Port < 1 || s.Port > 65535 {
			return nil, fmt.Errorf("%w: port %q", ErrURL, p)
		}
	}
	if s.RequireTLS && s.IgnoreTLS {
		return nil, fmt.Errorf("%w: requireTLS and ignoreTLS exclude each other", ErrURL)
	}
	return s, nil
}

func truth(s string) bool { return s == "true" || s == "1" }

// SMTP is a mail server.
type SMTP struct {
	Host           string
	Port           int
	Name           string // what we call ourselves; "": this machine's name
	TLS            bool   // from the first byte
	RequireTLS     bool
	IgnoreTLS      bool
	AnyCertificate bool // the operator's word that the network is theirs
	User, Password string
}

// Address is host:port.
func (s *SMTP) Address() string { return net.JoinHostPort(s.Host, strconv.Itoa(s.Port)) }

// local reports whether the server is this machine, to which nobody listens in.
func (s *SMTP) local() bool {
	ip := net.ParseIP(s.Host)
	return s.Host == "localhost" || ip != nil && ip.IsLoopback()
}

// Send implements Transport.
func (s *SMTP) Send(ctx context.Context, m Message) error {
	client, release, err := s.client(ctx)
	if err != nil {
		return err
	}
	defer release()
	msg, err := m.encode()
	if err != nil {
		return fmt.Errorf("%w: %w", errContent, err)
	}
	err = client.DialAndSendWithContext(ctx, msg)
	if msg.IsDelivered() { // it was taken; how the server says goodbye does not matter
		return nil
	}
	if err != nil && ctx.Err() != nil {
		err = errors.Join(err, context.Cause(ctx))
	}
	return err
}

// client prepares a session. release ends what is left of it.
func (s *SMTP) client(ctx context.Context) (_ *gomail.Client, release func(), err error) {
	config := &tls.Config{ServerName: s.Host, MinVersion: tls.VersionTLS12, InsecureSkipVerify: s.AnyCertificate}
	policy := gomail.TLSOpportunistic
	switch {
	case s.IgnoreTLS:
		policy = gomail.NoTLS
	case s.TLS: // the connection is encrypted before SMTP begins, and offers no STARTTLS
	case s.RequireTLS || s.User != "" && !s.local():
		policy = gomail.TLSMandatory
	}
	var hangUp func() bool
	release = func() {
		if hangUp != nil {
			hangUp()
		}
	}
	options := []gomail.Option{
		gomail.WithPort(s.Port), gomail.WithTimeout(attemptLimit), gomail.WithTLSConfig(config), gomail.WithTLSPolicy(policy), gomail.WithoutNoop(),
		gomail.WithDialContextFunc(func(dial context.Context, network, address string) (net.Conn, error) {
			var conn net.Conn
			var err error
			if s.TLS {
				conn, err = (&tls.Dialer{Config: config}).DialContext(dial, network, address)
			} else {
				conn, err = new(net.Dialer).DialContext(dial, network, address)
			}
			if err == nil { // the library looks at the context while it dials only
				hangUp = context.AfterFunc(ctx, func() { conn.Close() })
			}
			return conn, err
		}),
	}
	if s.Name != "" {
		options = append(options, gomail.WithHELO(s.Name))
	}
	if s.User != "" {
		options = append(options, gomail.WithUsername(s.User), gomail.WithPassword(s.Password))
		if s.local() {
			options = append(options, gomail.WithOpportunisticSMTPAuth(gomail.SMTPAuthPlainNoEnc, gomail.SMTPAuthLoginNoEnc, gomail.SMTPAuthCramMD5))
		} else {
			options = append(options, gomail.WithSMTPAuth(gomail.SMTPAuthAutoDiscover))
		}
	}
	client, err := gomail.NewClient(s.Host, options...)
	return client, release, err
}

// encode makes the MIME form of a message.
func (m Message) encode() (*gomail.Msg, error) {
	msg := gomail.NewMsg(gomail.WithNoDefaultUserAgent())
	msg.FromMailAddress(&m.From)
	if err := msg.To(m.To); err != nil {
		return nil, err
	}
	msg.Subject(m.Subject)
	msg.SetMessageIDWithValue(m.ID)
	msg.SetDateWithValue(m.Date)
	msg.SetGenHeader("Auto-Submitted", "auto-generated") // no out-of-office answers
	msg.SetBodyString(gomail.TypeTextPlain, m.Text)
	if m.HTML != "" {
		msg.AddAlternativeString(gomail.TypeTextHTML, m.HTML)
	}
	return msg, nil
}

// Sendmail is the sendmail program of this machine.
type Sendmail struct{ Path string }

// Send implements Transport.
func (s Sendmail) Send(ctx context.Context, m Message) error {
	path, err := exec.LookPath(s.Path)
	if err != nil {
		return fmt.Errorf("mail: %w", err)
	}
	msg, err := m.encode()
	if err != nil {
		return fmt.Errorf("%w: %w", errContent, err)
	}
	return msg.WriteToSendmailWithContext(ctx, path, "-f", m.From.Address)
}
