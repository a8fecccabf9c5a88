package main

import (
	nethttp "net/http"
	"net/http/httptest"
	"regexp"
	"strings"
	"testing"

	"troupe/actors/mail"
	"troupe/cmd/pds/devnet"
)

// Every page that is listed under /dev/pages can be looked at, mails among them.
func TestSamplePages(t *testing.T) {
	h := devPages(devnet.NewMailbox(1), newStartPage(Config{URL: "http://localhost:2583", Brand: mail.Brand{Service: "Test PDS", Host: "localhost"}}, "http://localhost:2582"))
	get := func(path string) string {
		t.Helper()
		w := httptest.NewRecorder()
		h.ServeHTTP(w, httptest.NewRequest("GET", path, nil))
		if w.Code != nethttp.StatusOK {
			t.Fatalf("%s: %d", path, w.Code)
		}
		return w.Body.String()
	}
	mails := 0
	for _, m := range regexp.MustCompile(`href="(/dev/pages/[^"]+)"`).FindAllStringSubmatch(get("/dev/pages"), -1) {
		body := get(m[1])
		if strings.Contains(m[1], "/mail-") {
			mails++
			if !strings.Contains(body, "Test PDS") || strings.Contains(body, "&lt;p") {
				t.Errorf("%s:\n%s", m[1], body)
			}
		}
	}
	if mails != 7 {
		t.Errorf("%d mails are shown", mails)
	}
}
