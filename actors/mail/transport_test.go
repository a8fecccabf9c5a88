package mail

import (
	"bytes"
	"context"
	"errors"
	"io"
	"mime"
	"mime/multipart"
	"net"
	"net/mail"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/emersion/go-smtp"
)

var letterToAlice = Message{
	ID: "1.2@pds.test", From: mail.Address{Name: "Test PDS", Address: "pds@pds.test"}, To: "alice@mail.test",
	Subject: "Grüße", Text: "plain text", HTML: "<p>rich text</p>", Date: time.Unix(1_800_000_000, 0),
}

func TestParseURL(t *testing.T) {
	for raw, want := range map[string]SMTP{
		"smtp://mail.test":                             {Host: "mail.test", Port: 587},
		"smtp://mail.test:25":                          {Host: "mail.test", Port: 25},
		"smtps://mail.test":                            {Host: "mail.test", Port: 465, TLS: true},
		"smtps://resend:re_123@smtp.resend.com:465/":   {Host: "smtp.resend.com", Port: 465, TLS: true, User: "resend", Password: "re_123"},
		"smtp://user%40test:p%2Fw%3A@mail.test:2525":   {Host: "mail.test", Port: 2525, User: "user@test", Password: "p/w:"},
		"smtp://mail.test?secure=true":                 {Host: "mail.test", Port: 465, TLS: true},
		"smtp://[::1]:25?ignoreTLS=true&name=pds.test": {Host: "::1", Port: 25, IgnoreTLS: true, Name: "pds.test"},
		"smtp://m.test?requireTLS=1&pool=true":         {Host: "m.test", Port: 587, RequireTLS: true},
		"smtp://m.test/?tls.rejectUnauthorized=false":  {Host: "m.test", Port: 587, AnyCertificate: true},
	} {
		got, err := ParseURL(raw)
		if s, ok := got.(*SMTP); err != nil || !ok || *s != want {
			t.Errorf("%s: %+v, %v", raw, got, err)
		}
	}
	for raw, want := range map[string]Sendmail{
		"smtp:///?sendmail=true":                   {Path: "sendmail"},
		"smtp:///?sendmail=true&path=/usr/sbin/sm": {Path: "/usr/sbin/sm"},
	} {
		if got, err := ParseURL(raw); err != nil || got != want {
			t.Errorf("%s: %+v, %v", raw, got, err)
		}
	}
	for _, raw := range []string{"", "mail.test", "http://mail.test", "smtp://", "smtp://:25", "smtp://u:se%zzcret@mail.test", "smtp://mail.test:0", "smtp://mail.test:70000", "smtp://m.test?requireTLS=true&ignoreTLS=true"} {
		if _, err := ParseURL(raw); !errors.Is(err, ErrURL) || strings.Contains(err.Error(), "se%zzcret") {
			t.Errorf("%s: %v", raw, err)
		}
	}
}

func send(t *testing.T, transport Transport, m Message) error {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
	defer cancel()
	return transport.Send(ctx, m)
}

// parts are the bodies of a mail by their types, decoded.
func parts(t *testing.T, raw []byte) (mail.Header, map[string]string) {
	t.Helper()
	m, err := mail.ReadMessage(bytes.NewReader(raw))
	if err != nil {
		t.Fatal(err)
	}
	kind, params, err := mime.ParseMediaType(m.Header.Get("Content-Type"))
	if err != nil || kind != "multipart/alternative" {
		t.Fatalf("%s, %v", kind, err)
	}
	all := map[string]string{}
	for r := multipart.NewReader(m.Body, params["boundary"]); ; {
		p, err := r.NextPart() // undoes quoted-printable
		if err == io.EOF {
			return m.Header, all
		}
		if err != nil {
			t.Fatal(err)
		}
		body, err := io.ReadAll(p)
		if err != nil {
			t.Fatal(err)
		}
		kind, _, _ := mime.ParseMediaType(p.Header.Get("Content-Type"))
		all[kind] = string(body)
	}
}

func TestSMTP(t *testing.T) {
	for name, c := range map[string]struct {
		encrypted, starttls bool
		password            string
	}{
		"clear": {}, "starttls": {starttls: true}, "tls": {encrypted: true},
		"password on this machine": {password: "pw"}, "password over starttls": {starttls: true, password: "pw"}, "password over tls": {encrypted: true, password: "pw"},
	} {
		t.Run(name, func(t *testing.T) {
			s := newSink(t, c.encrypted, c.starttls)
			s.set(func(s *sink) { s.password = c.password })
			transport := &SMTP{Host: "127.0.0.1", Port: s.port(t), TLS: c.encrypted, AnyCertificate: true}
			if c.password != "" {
				transport.User, transport.Password = "user@test", c.password
			}
			if err := send(t, transport, letterToAlice); err != nil {
				t.Fatal(err)
			}
			all := s.all()
			if len(all) != 1 || all[0].from != "pds@pds.test" || all[0].to != "alice@mail.test" {
				t.Fatalf("%+v", all)
			}
			h, body := parts(t, all[0].raw)
			subject, _ := new(mime.WordDecoder).DecodeHeader(h.Get("Subject"))
			if subject != "Grüße" || h.Get("Message-ID") != "<1.2@pds.test>" || h.Get("From") != `"Test PDS" <pds@pds.test>` || h.Get("Auto-Submitted") == "" {
				t.Errorf("%v", h)
			}
			if body["text/plain"] != "plain text" || body["text/html"] != "<p>rich text</p>" {
				t.Errorf("%q", body)
			}
		})
	}
}

// Everything that can be wrong with a mail server has a sentence of its own.
func TestExplain(t *testing.T) {
	nobody, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	closed := nobody.Addr().(*net.TCPAddr).Port
	nobody.Close()
	silent, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer silent.Close()
	at := func(s *sink) *SMTP { return &SMTP{Host: "127.0.0.1", Port: s.port(t)} }
	refusing := func(fn func(*sink)) *SMTP {
		s := newSink(t, false, false)
		s.set(fn)
		return at(s)
	}
	encrypted := at(newSink(t, true, false))
	encrypted.TLS = true
	clear := at(newSink(t, false, false))
	clear.TLS = true
	must := at(newSink(t, false, false))
	must.RequireTLS = true
	needless := at(newSink(t, false, false))
	needless.User, needless.Password = "user@test", "secret-pw"
	wrong := refusing(func(s *sink) { s.password = "pw" })
	wrong.User, wrong.Password = "user@test", "secret-pw"
	for _, c := range []struct {
		name      string
		transport Transport
		want      string
		hopeless  bool
	}{
		{"no such host", &SMTP{Host: "no-such-host.invalid", Port: 25}, "DNS", false},
		{"nobody listens", &SMTP{Host: "127.0.0.1", Port: closed}, "nothing listens on this port", false},
		{"never answers", &SMTP{Host: "127.0.0.1", Port: silent.Addr().(*net.TCPAddr).Port}, "did not answer in time", false},
		{"unknown certificate", encrypted, "certificate", false},
		{"TLS to a server without", clear, "does not speak TLS", false},
		{"no STARTTLS", must, "offers no TLS", false},
		{"no AUTH", needless, "takes no password", false},
		{"wrong password", wrong, "refused the user name or password: 535", false},
		{"password missing", refusing(func(s *sink) { s.password = "pw" }), "refused the sender", false},
		{"sender", refusing(func(s *sink) { s.from = refusal(550, "not yours") }), "PDS_EMAIL_FROM_ADDRESS): 550", false},
		{"recipient", refusing(func(s *sink) { s.rcpt = refusal(550, "no such user") }), "refused the recipient: 550", true},
		{"recipient for now", refusing(func(s *sink) { s.rcpt = refusal(451, "greylisted") }), "refused the recipient for now: 451", false},
		{"no relaying", refusing(func(s *sink) {
			s.rcpt = &smtp.SMTPError{Code: 554, EnhancedCode: smtp.EnhancedCode{5, 7, 1}, Message: "relay access denied"}
		}), "refused the recipient: 554", false},
		{"content", refusing(func(s *sink) { s.data = refusal(554, "spam") }), "refused the mail itself: 554", true},
		{"content for now", refusing(func(s *sink) { s.data = refusal(452, "no room") }), "refused the mail itself for now: 452", false},
		{"no program", Sendmail{Path: "no-such-sendmail"}, `"no-such-sendmail" could not be run`, false},
		{"anything", TransportFunc(func(context.Context, Message) error { return errAnything }), "anything", false},
	} {
		t.Run(c.name, func(t *testing.T) {
			ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
			defer cancel()
			if c.name == "never answers" {
				ctx, cancel = context.WithTimeout(ctx, 200*time.Millisecond)
				defer cancel()
			}
			err := c.transport.Send(ctx, letterToAlice)
			said := Explain(err)
			if err == nil || !strings.Contains(said, c.want) || strings.Contains(said, "\n") || strings.Contains(said, "secret-pw") {
				t.Errorf("%q (%v)", said, err)
			}
			if hopeless(err) != c.hopeless {
				t.Errorf("hopeless: %v", !c.hopeless)
			}
		})
	}
}

// A server that has taken a mail and then falls over has taken it.
func TestTakenIsTaken(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	go func() {
		conn, err := l.Accept()
		if err != nil {
			return
		}
		defer conn.Close()
		answers := []string{"250 sink", "250 from", "250 to", "354 go on", "250 taken"}
		io.WriteString(conn, "220 sink\r\n")
		buf, text := make([]byte, 4096), ""
		for _, a := range answers {
			for done := false; !done; { // a line, or the mail up to its dot
				n, err := conn.Read(buf)
				if err != nil {
					return
				}
				text += string(buf[:n])
				done = strings.HasSuffix(text, "\r\n") && (a != "250 taken" || strings.HasSuffix(text, "\r\n.\r\n"))
			}
			text = ""
			io.WriteString(conn, a+"\r\n")
		}
	}()
	port, _ := strconv.Atoi(l.Addr().String()[strings.LastIndexByte(l.Addr().String(), ':')+1:])
	if err := send(t, &SMTP{Host: "127.0.0.1", Port: port}, letterToAlice); err != nil {
		t.Error(err)
	}
}

func TestSendmail(t *testing.T) {
	dir := t.TempDir()
	program := filepath.Join(dir, "sendmail")
	if err := os.WriteFile(program, []byte("#!/bin/sh\necho \"$@\" > "+dir+"/args\ncat > "+dir+"/mail\n"), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := send(t, Sendmail{Path: program}, letterToAlice); err != nil {
		t.Fatal(err)
	}
	args, _ := os.ReadFile(filepath.Join(dir, "args"))
	raw, err := os.ReadFile(filepath.Join(dir, "mail"))
	if err != nil || !strings.Contains(string(args), "-t -f pds@pds.test") {
		t.Fatalf("%s, %v", args, err)
	}
	if h, body := parts(t, raw); h.Get("To") != "<alice@mail.test>" || body["text/plain"] != "plain text" {
		t.Errorf("%v %v", h, body)
	}
	if err := os.WriteFile(program, []byte("#!/bin/sh\ncat > /dev/null\necho no queue >&2\nexit 75\n"), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := send(t, Sendmail{Path: program}, letterToAlice); err == nil || !strings.Contains(Explain(err), "no queue") {
		t.Error(err)
	}
}
