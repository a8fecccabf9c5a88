package main

import (
	"fmt"
	"io"
	"os"

	"troupe/actors/account"
	"troupe/actors/mail"
)

// readMail reads what concerns mail. Without a mail server mail is kept for the
// operator to read.
func (c *Config) readMail(s *settings) {
	s.together("PDS_EMAIL_SMTP_URL", "PDS_EMAIL_FROM_ADDRESS")
	s.together("PDS_MODERATION_EMAIL_SMTP_URL", "PDS_MODERATION_EMAIL_ADDRESS")
	if r := s.route("PDS_EMAIL_SMTP_URL", "PDS_EMAIL_FROM_ADDRESS"); r != nil {
		c.Mail = *r
	}
	c.ModerationMail = s.route("PDS_MODERATION_EMAIL_SMTP_URL", "PDS_MODERATION_EMAIL_ADDRESS")
	c.Brand = mail.Brand{
		Service: s.textOr("PDS_SERVICE_NAME", c.Hostname()+" PDS"), Host: c.Hostname(),
		HomeURL: s.text("PDS_HOME_URL"), LogoURL: s.text("PDS_LOGO_URL"), Color: s.text("PDS_PRIMARY_COLOR"),
		NoConfirmURL: s.flag("PDS_EMAIL_DISABLE_CONFIRMATION_LINK", false),
	}
	c.readEmailRules(s)
}

// readEmailRules reads the operator's own list of mail domains, if there is one.
func (c *Config) readEmailRules(s *settings) {
	var own io.Reader
	if path := s.text("PDS_DISPOSABLE_EMAIL_DOMAINS_FILE"); path != "" {
		f, err := os.Open(path)
		if err != nil {
			s.fail("PDS_DISPOSABLE_EMAIL_DOMAINS_FILE: %v", err)
			return
		}
		defer f.Close()
		own = f
	}
	var err error
	if c.Emails, err = account.NewEmailRules(own); err != nil {
		s.fail("PDS_DISPOSABLE_EMAIL_DOMAINS_FILE: %v", err)
	}
}

// route is a mail server and who writes through it; nil if there is none.
func (s *settings) route(server, sender string) *mail.Route {
	raw := s.text(server)
	if raw == "" || s.text(sender) == "" {
		return nil
	}
	transport, err := mail.ParseURL(raw)
	if err != nil { // the value may hold a password and is not repeated
		s.fail("%s: %v", server, err)
		return nil
	}
	from, err := mail.ParseAddress(s.text(sender))
	if err != nil {
		s.fail("%s: %v", sender, fmt.Errorf("%q is not an e-mail address", s.text(sender)))
		return nil
	}
	return &mail.Route{Transport: transport, From: from}
}
