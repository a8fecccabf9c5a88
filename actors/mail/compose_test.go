package mail

import (
	"bytes"
	"encoding/json"
	"net/mail"
	"strings"
	"testing"
	"time"
)

var brand = Brand{Service: "Test PDS", Host: "pds.test"}

func compose(t *testing.T, b Brand, template string, c Content) Message {
	t.Helper()
	data, err := json.Marshal(c)
	if err != nil {
		t.Fatal(err)
	}
	m, err := b.Compose(Letter{ID: 7, To: "alice@mail.test", Template: template, Data: data, Written: time.Unix(1, 0)}, mail.Address{Address: "pds@pds.test"})
	if err != nil {
		t.Fatal(err)
	}
	return m
}

func TestSubjectsAndCodes(t *testing.T) {
	for template, subject := range map[string]string{
		"confirm_email": "Email Confirmation", "update_email": "Email Update Requested", "reset_password": "Password Reset Requested",
		"delete_account": "Account Deletion Requested", "plc_operation": "PLC Update Operation Requested", "sign_in": "Sign-in code",
	} {
		m := compose(t, brand, template, Content{Handle: "alice.test", Email: "alice@mail.test", Token: "ABCDE-FGHIJ"})
		if m.Subject != subject || m.From.Name != "Test PDS" || m.ID != "7.1000000@pds.test" {
			t.Errorf("%s: %+v", template, m)
		}
		for part, body := range map[string]string{"text": m.Text, "html": m.HTML} {
			if !strings.Contains(body, "ABCDE-FGHIJ") || !strings.Contains(body, "alice.test") || strings.Contains(body, "<no value>") {
				t.Errorf("%s, %s part:\n%s", template, part, body)
			}
		}
	}
}

func TestConfirmationLink(t *testing.T) {
	c := Content{Email: "alice@mail.test", Token: "ABCDE-FGHIJ"}
	const link = "https://bsky.app/intent/verify-email?code=ABCDE-FGHIJ"
	m := compose(t, brand, "confirm_email", c)
	if !strings.Contains(m.Text, link) || !strings.Contains(m.HTML, `href="`+link+`"`) {
		t.Errorf("%s\n%s", m.Text, m.HTML)
	}
	without := brand
	without.NoConfirmURL = true
	if m := compose(t, without, "confirm_email", c); strings.Contains(m.Text+m.HTML, "verify-email") {
		t.Errorf("%s\n%s", m.Text, m.HTML)
	}
}

// Whatever is in a name, no header and no markup comes of it.
func TestHostileValues(t *testing.T) {
	const tag = `<script>alert("x")</script>`
	b := Brand{Service: "PDS\r\nBcc: eve@mail.test" + tag, Host: "pds.test", HomeURL: "javascript:alert(1)", LogoURL: "javascript:alert(2)", Color: "red;background:url(x)"}
	for _, template := range kindNames() {
		m := compose(t, b, template, Content{
			Handle: "alice.test\r\nBcc: eve@mail.test" + tag, Email: "a@mail.test" + tag, Token: tag,
			Subject: "Hello\r\nBcc: eve@mail.test\r\n\r\nbody\x00\u2028" + tag, Text: []string{tag},
		})
		if strings.Contains(m.HTML, "<script>") || strings.Contains(m.HTML, `="javascript:`) || strings.Contains(m.HTML, "url(x)") {
			t.Errorf("%s:\n%s", template, m.HTML)
		}
		msg, err := m.encode()
		if err != nil {
			t.Fatal(err)
		}
		var raw bytes.Buffer
		if _, err := msg.WriteTo(&raw); err != nil {
			t.Fatal(err)
		}
		h, _ := parts(t, raw.Bytes())
		if h.Get("Bcc") != "" || len(h["Subject"]) != 1 || h.Get("To") != "<alice@mail.test>" {
			t.Errorf("%s: %v", template, h)
		}
	}
	if m := compose(t, brand, "notice", Content{Subject: strings.Repeat("long ", 1000)}); len(m.Subject) > longestHeader {
		t.Errorf("a subject of %d bytes", len(m.Subject))
	}
}

func TestModerationMail(t *testing.T) {
	m := compose(t, brand, templateModeration, Content{HTML: `<style>p{}</style><h1>Hello</h1><p>Your post <a href="https://pds.test/x">was</a> removed.<br>Bye</p>`})
	if m.Subject != "Message via your PDS" || !strings.HasPrefix(m.HTML, "<style>") {
		t.Errorf("%+v", m)
	}
	if want := "Hello\n\nYour post was (https://pds.test/x) removed.\nBye"; m.Text != want {
		t.Errorf("%q, want %q", m.Text, want)
	}
	if m := compose(t, brand, templateModeration, Content{Subject: "About you", HTML: "just text"}); m.Subject != "About you" || m.Text != "just text" {
		t.Errorf("%+v", m)
	}
}

func TestWhatCannotBeWritten(t *testing.T) {
	for _, l := range []Letter{{Template: "nothing", Data: []byte("{}")}, {Template: "notice", Data: []byte("{")}, {Template: "notice"}} {
		if _, err := brand.Compose(l, mail.Address{}); err == nil {
			t.Errorf("%+v was written", l)
		}
	}
}

func TestSamples(t *testing.T) {
	all, err := brand.Samples()
	if err != nil || len(all) != len(kinds) {
		t.Fatalf("%d samples of %d kinds, %v", len(all), len(kinds), err)
	}
}
