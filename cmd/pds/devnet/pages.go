package devnet

import (
	"bytes"
	"embed"
	"html/template"
	"io"
	"net/http"
	"regexp"
	"strconv"
	"strings"
	"time"
)

//go:embed templates/*.html templates/*.css
var templateFS embed.FS

var (
	templates = template.Must(template.New("").Funcs(template.FuncMap{"when": when}).ParseFS(templateFS, "templates/*.html"))
	style     = must(templateFS.ReadFile("templates/mail.css"))
)

// ListPage is the page of all mails.
type ListPage struct{ Mails []Listed }

// Listed is a mail with its number, which is its address.
type Listed struct {
	Number int
	Mail
}

// MailPage is the page of one mail.
type MailPage struct {
	Listed
	Lines [][]Piece // of the text part
}

// Piece is a stretch of text, or a link.
type Piece struct {
	Text string
	Link bool // Text is a URL
}

// SamplePages are the pages with made-up content, by name.
func SamplePages() map[string]any {
	mail := Listed{Number: 1, Mail: Mail{
		To:      "alice@example.com",
		Subject: "Confirm your address",
		Text:    "Your code is ABCDE-FGHIJ.\nhttps://pds.example/confirm?code=ABCDE-FGHIJ\n",
		HTML:    "<p>Your code is <b>ABCDE-FGHIJ</b>.</p>",
		At:      time.Date(2026, 1, 2, 15, 4, 5, 0, time.UTC),
	}}
	return map[string]any{
		"list.html": ListPage{Mails: []Listed{mail}},
		"mail.html": MailPage{Listed: mail, Lines: pieces(mail.Text)},
	}
}

// RenderPage writes the page called name, for SamplePages.
func RenderPage(w io.Writer, name string, page any) error {
	return templates.ExecuteTemplate(w, name, page)
}

const (
	pagePolicy = "default-src 'none'; style-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
	// The HTML part of a mail is shown as a document of its own: no script, no cookies
	// (sandbox makes its origin opaque), nothing loaded but what it carries itself.
	mailPolicy = "sandbox allow-popups; default-src 'none'; style-src 'unsafe-inline'; img-src data:; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)

func (m *Mailbox) routes() *http.ServeMux {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /{$}", func(w http.ResponseWriter, _ *http.Request) { render(w, "list.html", m.list()) })
	mux.HandleFunc("GET /mail.css", func(w http.ResponseWriter, _ *http.Request) {
		send(w, pagePolicy, "text/css; charset=utf-8", style)
	})
	mux.HandleFunc("GET /{number}", m.one(func(w http.ResponseWriter, l Listed) {
		render(w, "mail.html", MailPage{Listed: l, Lines: pieces(l.Text)})
	}))
	mux.HandleFunc("GET /{number}/html", m.one(func(w http.ResponseWriter, l Listed) {
		send(w, mailPolicy, "text/html; charset=utf-8", []byte(l.HTML))
	}))
	return mux
}

// one finds the mail that the path names.
func (m *Mailbox) one(show func(http.ResponseWriter, Listed)) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		number, err := strconv.Atoi(r.PathValue("number"))
		mail, ok := m.mail(number)
		if err != nil || !ok {
			http.NotFound(w, r)
			return
		}
		show(w, Listed{Number: number, Mail: mail})
	}
}

func render(w http.ResponseWriter, name string, page any) {
	var b bytes.Buffer
	if err := RenderPage(&b, name, page); err != nil {
		http.Error(w, err.Error(), http.StatusInternalServerError)
		return
	}
	send(w, pagePolicy, "text/html; charset=utf-8", b.Bytes())
}

func send(w http.ResponseWriter, policy, mime string, body []byte) {
	h := w.Header()
	h.Set("Content-Security-Policy", policy)
	h.Set("Content-Type", mime)
	h.Set("X-Content-Type-Options", "nosniff")
	h.Set("Referrer-Policy", "no-referrer")
	h.Set("Cache-Control", "no-store")
	w.Write(body)
}

var links = regexp.MustCompile(`https?://[^\s<>"]+[^\s<>".,;:!?)\]]`)

// pieces splits a text into lines and finds the links in each.
func pieces(text string) [][]Piece {
	var lines [][]Piece
	for line := range strings.Lines(text) {
		line = strings.TrimRight(line, "\r\n")
		var out []Piece
		rest := 0
		for _, at := range links.FindAllStringIndex(line, -1) {
			if at[0] > rest {
				out = append(out, Piece{Text: line[rest:at[0]]})
			}
			out = append(out, Piece{Text: line[at[0]:at[1]], Link: true})
			rest = at[1]
		}
		if rest < len(line) {
			out = append(out, Piece{Text: line[rest:]})
		}
		lines = append(lines, out)
	}
	return lines
}

func when(t time.Time) string { return t.Format("2006-01-02 15:04:05") }

func must(b []byte, err error) []byte {
	if err != nil {
		panic(err) // the file is embedded
	}
	return b
}
