package mail

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"net"
	"net/textproto"
	"os/exec"
	"strings"
	"syscall"

	gomail "github.com/wneessen/go-mail"
)

// Explain says in one sentence what went wrong, to somebody who can repair it.
// It repeats what the mail server said, and never a password.
func Explain(err error) string {
	if err == nil {
		return ""
	}
	return one(explain(err))
}

func explain(err error) string {
	var (
		dns      *net.DNSError
		refused  *gomail.SendError
		unknown  x509.UnknownAuthorityError
		hostname x509.HostnameError
		invalid  x509.CertificateInvalidError
		record   tls.RecordHeaderError
		verdict  *textproto.Error
		program  *exec.Error
		network  *net.OpError
	)
	text := err.Error()
	switch {
	case errors.Is(err, errContent):
		return "The mail could not be written: " + text
	case errors.As(err, &program):
		return fmt.Sprintf("The program %q could not be run: %v", program.Name, program.Err)
	case errors.As(err, &dns) && dns.IsNotFound:
		return fmt.Sprintf("The host name %q of the mail server does not exist in DNS", dns.Name)
	case errors.As(err, &dns):
		return fmt.Sprintf("DNS gave no answer about the mail server's host name %q: %s", dns.Name, dns.Err)
	case errors.As(err, &unknown):
		return "The mail server's certificate is not signed by anybody this machine trusts"
	case errors.As(err, &hostname):
		return "The mail server's certificate is for another host name: " + hostname.Error()
	case errors.As(err, &invalid):
		return "The mail server's certificate is not valid: " + invalid.Error()
	case errors.As(err, &record):
		return "The mail server does not speak TLS on this port: use smtp:// with port 587 or 25, or the port of its TLS service (465)"
	case errors.As(err, &refused):
		return reply(refused)
	case strings.Contains(text, "STARTTLS"):
		return "The mail server offers no TLS (STARTTLS), and the password is not sent without"
	case errors.Is(err, gomail.ErrNoSupportedAuthDiscovered), strings.Contains(text, "does not support SMTP AUTH"), strings.Contains(text, "AUTH type"):
		return "The mail server takes no password here (it offers no form of SMTP AUTH that can be used): check the port, or leave user and password out of the URL"
	case errors.As(err, &verdict) && (verdict.Code == 535 || verdict.Code == 534 || verdict.Code == 530 || verdict.Code == 454):
		return fmt.Sprintf("The mail server refused the user name or password: %d %s", verdict.Code, verdict.Msg)
	case errors.As(err, &verdict):
		return fmt.Sprintf("The mail server refused the session: %d %s", verdict.Code, verdict.Msg)
	case timeout(err) && errors.As(err, &network) && network.Op == "dial":
		return "No connection to the mail server: nothing answers at its address and port; is a firewall or the provider blocking the port?"
	case timeout(err):
		return "The mail server did not answer in time: it was reached, and is slow, or this port does not speak SMTP in the clear (smtps:// begins with TLS)"
	case errors.Is(err, syscall.ECONNREFUSED):
		return "The mail server refused the connection: nothing listens on this port"
	case errors.Is(err, syscall.ENETUNREACH), errors.Is(err, syscall.EHOSTUNREACH):
		return "There is no way to the mail server's network from this machine"
	case errors.Is(err, context.Canceled):
		return "This server was stopped before the mail server had taken the mail"
	case errors.Is(err, io.EOF), errors.Is(err, syscall.ECONNRESET), errors.Is(err, io.ErrUnexpectedEOF), errors.Is(err, net.ErrClosed):
		return "The mail server closed the connection; if it expects TLS from the start, use smtps://"
	}
	return "The mail was not taken: " + text
}

func timeout(err error) bool {
	var t interface{ Timeout() bool }
	return errors.Is(err, context.DeadlineExceeded) || errors.As(err, &t) && t.Timeout()
}

// reply explains an answer of the mail server to a command.
func reply(e *gomail.SendError) string {
	said := strings.TrimPrefix(e.Error(), e.Reason.String()+": ")
	said, _, _ = strings.Cut(said, ", affected ")
	again := ""
	if e.IsTemp() {
		again = " for now"
	}
	switch e.Reason {
	case gomail.ErrSMTPMailFrom:
		return "The mail server refused the sender address" + again + " (PDS_EMAIL_FROM_ADDRESS): " + said
	case gomail.ErrSMTPRcptTo:
		return "The mail server refused the recipient" + again + ": " + said
	case gomail.ErrSMTPData, gomail.ErrSMTPDataClose, gomail.ErrWriteContent:
		return "The mail server refused the mail itself" + again + ": " + said
	}
	return "The mail server refused the mail" + again + ": " + said
}

const longestSentence = 400

// one makes a single line of bounded length.
func one(s string) string {
	s = strings.Join(strings.Fields(s), " ")
	return strings.ToValidUTF8(s[:min(len(s), longestSentence)], "")
}
