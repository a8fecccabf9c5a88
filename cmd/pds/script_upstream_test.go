package main

import (
	"io"
	nethttp "net/http"
	"net/http/httptest"
	"regexp"
	"strconv"
	"sync"

	"github.com/rogpeppe/go-internal/testscript"
)

// otherServer gives one answer to everybody.
type otherServer struct {
	server *httptest.Server

	mu         sync.Mutex
	status     int
	kind, body string
	asked      string
}

func (u *otherServer) ServeHTTP(w nethttp.ResponseWriter, r *nethttp.Request) {
	u.mu.Lock()
	defer u.mu.Unlock()
	u.asked = r.URL.RequestURI()
	w.Header().Set("Content-Type", u.kind)
	w.Header().Set("Location", "/elsewhere")
	w.WriteHeader(u.status)
	io.WriteString(w, u.body)
}

// upstreamVerb sets the answer. The first time the server is started anew with it.
func (w *scriptWorld) upstreamVerb(ts *testscript.TestScript, args []string) {
	status, err := strconv.Atoi(args[0])
	ts.Check(err)
	if w.upstream == nil {
		w.upstream = &otherServer{}
		w.upstream.server = httptest.NewServer(w.upstream)
		w.settings["PDS_BSKY_APP_VIEW_URL"], w.settings["PDS_BSKY_APP_VIEW_DID"] = w.upstream.server.URL, "did:web:upstream.test"
		w.restartVerb(ts, nil)
	}
	w.upstream.mu.Lock()
	defer w.upstream.mu.Unlock()
	w.upstream.status, w.upstream.kind, w.upstream.body = status, args[1], args[2]
}

func (w *scriptWorld) askedVerb(ts *testscript.TestScript, args []string) {
	w.upstream.mu.Lock()
	defer w.upstream.mu.Unlock()
	if !regexp.MustCompile(args[0]).MatchString(w.upstream.asked) {
		ts.Fatalf("the upstream was asked %q", w.upstream.asked)
	}
}
