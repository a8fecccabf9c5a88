package main

import (
	"bytes"
	_ "embed"
	"fmt"
	"html/template"
	nethttp "net/http"
	"slices"

	"troupe/actors/mail"
	"troupe/cmd/pds/devnet"
)

//go:embed templates/start.html
var startHTML string

//go:embed templates/samples.html
var samplesHTML string

var (
	startTemplate   = template.Must(template.New("start").Parse(startHTML))
	samplesTemplate = template.Must(template.New("samples").Parse(samplesHTML))
)

// startPolicy lets the page bring its own style sheet and nothing else.
const startPolicy = "default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"

// startPage tells a newcomer what to try next.
type startPage struct {
	URL      string
	WS       string // the same with ws:
	PLC      string
	DID      string
	Version  string
	Accounts []demoAccount
	Admin    string
	Steps    []startStep
	brand    mail.Brand
}

type demoAccount struct{ Handle, Password string }

// startStep is something to try: commands that work when pasted, in order.
type startStep struct{ Title, Why, Command string }

func newStartPage(c Config, plcURL string) *startPage {
	p := &startPage{URL: c.URL, WS: "ws" + c.URL[len("http"):], PLC: plcURL, DID: c.DID.String(), Version: c.Version, Admin: c.AdminPassword, brand: c.Brand}
	for _, a := range demoAccounts {
		p.Accounts = append(p.Accounts, demoAccount(a))
	}
	alice := p.Accounts[0]
	p.Steps = []startStep{
		{"Watch the firehose", "Every public change of every account, as signed events. Leave it running in a second terminal; each line says that the event was verified.",
			fmt.Sprintf("go run ./cmd/pds audit %s --plc %s --follow", p.URL, p.PLC)},
		{"Sign in", "A session is an access token for two hours, and a refresh token for ninety days.",
			fmt.Sprintf("TOKEN=$(curl -s -X POST %s/xrpc/com.atproto.server.createSession \\\n  -H 'Content-Type: application/json' \\\n  -d '{\"identifier\":\"%s\",\"password\":\"%s\"}' \\\n  | sed 's/.*\"accessJwt\":\"\\([^\"]*\\)\".*/\\1/')\necho \"$TOKEN\"", p.URL, alice.Handle, alice.Password)},
		{"Write a record", "One signed commit, durable when the answer comes. It appears on the firehose at once.",
			fmt.Sprintf("curl -s -X POST %s/xrpc/com.atproto.repo.createRecord \\\n  -H \"Authorization: Bearer $TOKEN\" -H 'Content-Type: application/json' \\\n  -d '{\"repo\":\"%s\",\"collection\":\"app.bsky.feed.post\",\"record\":{\"text\":\"hello from troupe\",\"createdAt\":\"'$(date -u +%%Y-%%m-%%dT%%H:%%M:%%SZ)'\"}}'", p.URL, alice.Handle)},
		{"Read it back", "Anybody may: repositories are public.",
			fmt.Sprintf("curl -s '%s/xrpc/com.atproto.repo.listRecords?repo=%s&collection=app.bsky.feed.post'", p.URL, alice.Handle)},
		{"Make an account of your own", "Its DID is made in the PLC directory that runs beside this server.",
			fmt.Sprintf("curl -s -X POST %s/xrpc/com.atproto.server.createAccount \\\n  -H 'Content-Type: application/json' \\\n  -d '{\"handle\":\"carol.test\",\"email\":\"carol@example.com\",\"password\":\"carol-password\"}'", p.URL)},
		{"Take a repository home", "A CAR file holds every record and the proof of each.",
			fmt.Sprintf("DID=$(curl -s '%s/xrpc/com.atproto.identity.resolveHandle?handle=%s' | sed 's/.*\"did\":\"\\([^\"]*\\)\".*/\\1/')\ncurl -s -o alice.car \"%s/xrpc/com.atproto.sync.getRepo?did=$DID\" && ls -l alice.car", p.URL, alice.Handle, p.URL)},
		{"Kill it", "kill -9 the server in the middle of anything and start it again: what was answered is there.",
			"pkill -9 -f 'pds dev'; go run ./cmd/pds dev"},
	}
	return p
}

// ServeHTTP shows the page.
func (p *startPage) ServeHTTP(w nethttp.ResponseWriter, _ *nethttp.Request) {
	showPage(w, startTemplate, p)
}

func showPage(w nethttp.ResponseWriter, t *template.Template, data any) {
	var b bytes.Buffer
	if err := t.Execute(&b, data); err != nil {
		nethttp.Error(w, err.Error(), nethttp.StatusInternalServerError)
		return
	}
	h := w.Header()
	h.Set("Content-Type", "text/html; charset=utf-8")
	h.Set("Content-Security-Policy", startPolicy)
	h.Set("X-Content-Type-Options", "nosniff")
	h.Set("Cache-Control", "no-store")
	w.Write(b.Bytes())
}

// samples lists every page of the product with made-up content.
func (p *startPage) samples(w nethttp.ResponseWriter, _ *nethttp.Request) {
	names := []string{"start.html"}
	for name := range devnet.SamplePages() {
		names = append(names, name)
	}
	for name := range p.mails() {
		names = append(names, name)
	}
	slices.Sort(names)
	showPage(w, samplesTemplate, names)
}

// mails are the mails of the product, with made-up content, as pages.
func (p *startPage) mails() map[string]string {
	all := map[string]string{}
	samples, _ := p.brand.Samples() // a mail that cannot be rendered is a test that fails
	for _, s := range samples {
		all["mail-"+s.Kind+".html"] = s.Message.HTML
	}
	return all
}

func (p *startPage) sample(w nethttp.ResponseWriter, r *nethttp.Request) {
	name := r.PathValue("name")
	if name == "start.html" {
		p.ServeHTTP(w, r)
		return
	}
	if body, ok := p.mails()[name]; ok {
		showPage(w, template.Must(template.New(name).Parse("{{.}}")), template.HTML(body)) // it was escaped when it was made
		return
	}
	page, ok := devnet.SamplePages()[name]
	if !ok {
		nethttp.NotFound(w, r)
		return
	}
	w.Header().Set("Content-Type", "text/html; charset=utf-8")
	w.Header().Set("Content-Security-Policy", startPolicy)
	devnet.RenderPage(w, name, page)
}
