package mail

import (
	"bytes"
	"embed"
	"encoding/json"
	"fmt"
	htmltemplate "html/template"
	"net/mail"
	"net/url"
	"regexp"
	"strings"
	texttemplate "text/template"
	"time"
	"unicode"
)

//go:embed templates
var files embed.FS

// Brand is what every mail shows of the server.
type Brand struct {
	Service      string // its name
	Host         string // its host name; Message-IDs end with it
	HomeURL      string // where the name leads ("": https://bsky.app)
	LogoURL      string // "": none
	Color        string // of buttons, as CSS ("": #067df7)
	NoConfirmURL bool   // the mail that confirms an address carries no link
}

const (
	templateModeration = "moderation"
	defaultHome        = "https://bsky.app"
	defaultColor       = "#067df7"
	confirmURL         = "https://bsky.app/intent/verify-email?code="
	defaultModeration  = "Message via your PDS"
)

var cssColor = regexp.MustCompile(`^(#[0-9a-fA-F]{3,8}|[a-zA-Z]+)$`)

// kind is one form of mail. subject "" is the letter's own.
type kind struct {
	subject string
	sample  Content
	html    *htmltemplate.Template
	text    *texttemplate.Template
}

var sample = Content{Handle: "alice.example.com", Email: "alice@example.com", Token: "ABCDE-FGHIJ"}

// kinds are the forms, by the name under which the queue knows them.
var kinds = parse(map[string]kind{
	"confirm_email":  {subject: "Email Confirmation", sample: sample},
	"update_email":   {subject: "Email Update Requested", sample: sample},
	"reset_password": {subject: "Password Reset Requested", sample: sample},
	"delete_account": {subject: "Account Deletion Requested", sample: sample},
	"plc_operation":  {subject: "PLC Update Operation Requested", sample: sample},
	"sign_in":        {subject: "Sign-in code", sample: sample},
	"notice": {sample: Content{Handle: "alice.example.com", Subject: "Your password was changed",
		Text: []string{"The password of your account was changed.", "If that was not you, set a new password now."}}},
})

func parse(all map[string]kind) map[string]kind {
	html := htmltemplate.Must(htmltemplate.ParseFS(files, "templates/layout.html"))
	for name, k := range all {
		k.html = htmltemplate.Must(htmltemplate.Must(html.Clone()).ParseFS(files, "templates/"+name+".html"))
		k.text = texttemplate.Must(texttemplate.ParseFS(files, "templates/layout.txt", "templates/"+name+".txt"))
		all[name] = k
	}
	return all
}

// page is what a template is given.
type page struct {
	Content
	Brand
	Link string // "": none
}

// Compose renders a letter.
func (b Brand) Compose(l Letter, from mail.Address) (Message, error) {
	var c Content
	if err := json.Unmarshal(l.Data, &c); err != nil {
		return Message{}, fmt.Errorf("mail: read letter %d: %w", l.ID, err)
	}
	m := Message{
		ID:   fmt.Sprintf("%d.%d@%s", l.ID, l.Written.UnixMicro(), b.Host), // the same at every attempt
		From: mail.Address{Name: header(from.Name), Address: from.Address},
		To:   l.To, Date: l.Written,
	}
	if m.From.Name == "" {
		m.From.Name = header(b.Service)
	}
	if l.Template == templateModeration {
		m.Subject, m.HTML, m.Text = header(c.Subject), c.HTML, plain(c.HTML)
		if m.Subject == "" {
			m.Subject = defaultModeration
		}
		return m, nil
	}
	k, ok := kinds[l.Template]
	if !ok {
		return Message{}, fmt.Errorf("mail: no template %q", l.Template)
	}
	m.Subject = k.subject
	if m.Subject == "" {
		m.Subject = header(c.Subject)
	}
	var err error
	m.HTML, m.Text, err = k.render(b.page(l.Template, c, m.Subject))
	return m, err
}

func (b Brand) page(template string, c Content, subject string) page {
	if b.HomeURL == "" {
		b.HomeURL = defaultHome
	}
	if !cssColor.MatchString(b.Color) { // else a button might be white on white
		b.Color = defaultColor
	}
	c.Subject = subject
	p := page{Content: c, Brand: b}
	if template == "confirm_email" && !b.NoConfirmURL {
		p.Link = confirmURL + url.QueryEscape(c.Token)
	}
	return p
}

func (k kind) render(p page) (html, text string, err error) {
	var h, t bytes.Buffer
	if err := k.html.ExecuteTemplate(&h, "layout.html", p); err != nil {
		return "", "", err
	}
	if err := k.text.ExecuteTemplate(&t, "layout.txt", p); err != nil {
		return "", "", err
	}
	return h.String(), t.String(), nil
}

const longestHeader = 200 // runes of a subject or a name

// header makes one line of a text that becomes a header.
func header(s string) string {
	s = strings.Map(func(r rune) rune {
		if unicode.IsControl(r) || r == '\u2028' || r == '\u2029' || r == unicode.ReplacementChar {
			return ' '
		}
		return r
	}, strings.ToValidUTF8(s, " "))
	s = strings.Join(strings.Fields(s), " ")
	if r := []rune(s); len(r) > longestHeader {
		s = string(r[:longestHeader])
	}
	return s
}

// Sample is a mail of a kind, rendered with data that nobody has.
type Sample struct {
	Kind    string
	Message Message
}

// Samples renders every kind.
func (b Brand) Samples() (all []Sample, err error) {
	for _, name := range kindNames() {
		data, err := json.Marshal(kinds[name].sample)
		if err != nil {
			return nil, err
		}
		m, err := b.Compose(Letter{Template: name, Data: data, To: sample.Email}, mail.Address{Address: "pds@" + b.Host})
		if err != nil {
			return nil, err
		}
		all = append(all, Sample{name, m})
	}
	return all, nil
}

// Test is a mail that shows whether mail arrives.
func (b Brand) Test(to string, from mail.Address, now time.Time) (Message, error) {
	data, err := json.Marshal(Content{Subject: "Test mail", Text: []string{"This is a test. Mail of " + b.Service + " arrives here."}})
	if err != nil {
		return Message{}, err
	}
	return b.Compose(Letter{To: to, Template: "notice", Data: data, Written: now}, from)
}
