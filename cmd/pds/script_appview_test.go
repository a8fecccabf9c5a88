package main

import (
	"encoding/base64"
	"encoding/json"
	"fmt"
	"io"
	nethttp "net/http"
	"net/http/httptest"
	"regexp"
	"strconv"
	"strings"
	"sync"

	"github.com/bluesky-social/indigo/atproto/syntax"
	"github.com/rogpeppe/go-internal/testscript"

	"troupe/actors/account"
)

// appView answers each method as it was told, and remembers what it was asked.
type appView struct {
	server *httptest.Server

	mu      sync.Mutex
	answers map[string]appViewAnswer
	log     []string
	token   string // that was shown last
}

type appViewAnswer struct {
	status int
	header nethttp.Header
	body   string
}

func (v *appView) ServeHTTP(w nethttp.ResponseWriter, r *nethttp.Request) {
	body, _ := io.ReadAll(r.Body)
	method := strings.TrimPrefix(r.URL.Path, "/xrpc/")
	v.mu.Lock()
	defer v.mu.Unlock()
	v.token = strings.TrimPrefix(r.Header.Get("Authorization"), "Bearer ")
	v.log = append(v.log, fmt.Sprintf("%s %s %s accept=%q %s", r.Method, r.URL.RequestURI(), claims(r), r.Header.Get("Accept-Encoding"), body))
	a, ok := v.answers[method]
	if !ok {
		a = appViewAnswer{status: 501, header: nethttp.Header{"Content-Type": {"application/json"}}, body: `{"error":"MethodNotImplemented"}`}
	}
	for name, values := range a.header {
		w.Header()[name] = values
	}
	w.WriteHeader(a.status)
	io.WriteString(w, a.body)
}

// claims says for whom, by whom and for what a request's token was made.
func claims(r *nethttp.Request) string {
	parts := strings.Split(r.Header.Get("Authorization"), ".")
	if len(parts) != 3 {
		return "anonymous"
	}
	text, _ := base64.RawURLEncoding.DecodeString(parts[1])
	var c struct{ Iss, Aud, Lxm string }
	_ = json.Unmarshal(text, &c)
	return fmt.Sprintf("iss=%s aud=%s lxm=%s", c.Iss, c.Aud, c.Lxm)
}

var hole = regexp.MustCompile(`\{\{(\w+)\}\}`)

// appViewVerb sets the answer to a method. The first time the server is started
// anew with the app view. In the body {{name}} stands for $name.
func (w *scriptWorld) appViewVerb(ts *testscript.TestScript, args []string) {
	if w.appView == nil {
		w.appView = &appView{answers: map[string]appViewAnswer{}}
		w.appView.server = httptest.NewServer(w.appView)
		w.settings["PDS_BSKY_APP_VIEW_URL"], w.settings["PDS_BSKY_APP_VIEW_DID"] = w.appView.server.URL, "did:web:appview.test"
		w.restartVerb(ts, nil)
	}
	status, err := strconv.Atoi(args[1])
	ts.Check(err)
	a := appViewAnswer{status: status, header: nethttp.Header{"Content-Type": {"application/json; charset=utf-8"}}}
	a.body = hole.ReplaceAllStringFunc(bodyOf(ts, args[2]), func(name string) string { return ts.Getenv(strings.Trim(name, "{}")) })
	for _, line := range args[3:] {
		k, v, _ := strings.Cut(line, ": ")
		a.header.Set(k, v)
	}
	w.appView.mu.Lock()
	defer w.appView.mu.Unlock()
	w.appView.answers[args[0]] = a
}

// appViewAskedVerb prints what the app view was asked since it was last asked about.
func (w *scriptWorld) appViewAskedVerb(ts *testscript.TestScript, _ []string) {
	w.appView.mu.Lock()
	defer w.appView.mu.Unlock()
	if w.appView.log == nil {
		fmt.Fprintln(ts.Stdout(), "nothing")
	}
	for _, line := range w.appView.log {
		fmt.Fprintln(ts.Stdout(), line)
	}
	w.appView.log = nil
}

// sessionVerb makes a session of another kind for an account: the owner of NEW.
func (w *scriptWorld) sessionVerb(ts *testscript.TestScript, args []string) {
	tokens := account.Tokens{Secret: []byte(w.settings["PDS_JWT_SECRET"]), ServiceDID: w.server.config.DID}
	did := ts.Getenv(args[0] + "_did")
	token, err := tokens.MintAccess(syntax.DID(did), account.Scope(args[2]))
	ts.Check(err)
	ts.Setenv(args[1]+"_token", token)
	ts.Setenv(args[1]+"_did", did)
}
