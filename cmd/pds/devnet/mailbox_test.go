package devnet

import (
	"bytes"
	"net/http"
	"net/http/httptest"
	"strconv"
	"strings"
	"testing"
	"time"
)

func page(t *testing.T, m *Mailbox, path string) (int, http.Header, string) {
	t.Helper()
	w := httptest.NewRecorder()
	http.StripPrefix("/mail", m).ServeHTTP(w, httptest.NewRequest(http.MethodGet, "/mail"+path, nil))
	return w.Code, w.Header(), w.Body.String()
}

func TestMailbox(t *testing.T) {
	m := NewMailbox(3)
	if _, _, body := page(t, m, "/"); !strings.Contains(body, "No mail yet") {
		t.Errorf("empty box: %s", body)
	}
	for i := range 5 {
		m.Deliver(Mail{To: "a@example.com", Subject: "mail " + strconv.Itoa(i+1), Text: "t", At: time.Unix(int64(i), 0)})
	}
	_, _, body := page(t, m, "/")
	for n, want := range map[int]bool{1: false, 2: false, 3: true, 4: true, 5: true} {
		if got := strings.Contains(body, "mail "+strconv.Itoa(n)); got != want {
			t.Errorf("mail %d listed: %v", n, got)
		}
		status, _, _ := page(t, m, "/"+strconv.Itoa(n))
		if (status == http.StatusOK) != want {
			t.Errorf("mail %d: status %d", n, status)
		}
	}
	if strings.Index(body, "mail 5") > strings.Index(body, "mail 3") {
		t.Error("the newest mail does not come first")
	}
	if got := m.Mails(); len(got) != 3 || got[0].Subject != "mail 3" {
		t.Errorf("got %v", got)
	}
	for _, path := range []string{"/0", "/-1", "/6", "/x", "/3/other"} {
		if status, _, _ := page(t, m, path); status != http.StatusNotFound {
			t.Errorf("%s: status %d", path, status)
		}
	}
}

// Whatever a mail holds, its page runs nothing.
func TestMailboxIsInert(t *testing.T) {
	m := NewMailbox(10)
	m.Deliver(Mail{
		To: "<i>x</i>", Subject: "<script>alert(1)</script>",
		Text: "go to https://pds.test/confirm?code=A&b=\"><script>alert(2)</script>. Then javascript:alert(3)",
		HTML: "<p>hi</p><script>alert(4)</script>",
	})
	for _, path := range []string{"/", "/1"} {
		_, header, body := page(t, m, path)
		if strings.Contains(body, "<script") || strings.Contains(body, "<i>") || strings.Contains(body, `href="javascript`) {
			t.Errorf("%s is not escaped: %s", path, body)
		}
		csp := header.Get("Content-Security-Policy")
		if !strings.Contains(csp, "default-src 'none'") || strings.Contains(csp, "script-src") || strings.Contains(csp, "unsafe") {
			t.Errorf("%s: policy %q", path, csp)
		}
	}
	if _, _, body := page(t, m, "/1"); !strings.Contains(body, `href="https://pds.test/confirm?code=A&amp;b="`) {
		t.Errorf("the link is not one: %s", body)
	}
	_, header, body := page(t, m, "/1/html")
	if csp := header.Get("Content-Security-Policy"); !strings.HasPrefix(csp, "sandbox") || strings.Contains(csp, "allow-scripts") || strings.Contains(csp, "allow-same-origin") {
		t.Errorf("HTML part: policy %q", csp)
	}
	if !strings.Contains(body, "<p>hi</p>") {
		t.Errorf("HTML part: %s", body)
	}
}

func TestPieces(t *testing.T) {
	for text, want := range map[string]string{
		"no link":                  "no link",
		"https://a.test":           "[https://a.test]",
		"see https://a.test/x.":    "see [https://a.test/x].",
		"(http://a.test/?q=1) end": "([http://a.test/?q=1]) end",
		"a\r\nb\n\nc":              "a|b||c",
		"ftp://a.test":             "ftp://a.test",
	} {
		var lines []string
		for _, line := range pieces(text) {
			var b strings.Builder
			for _, p := range line {
				if p.Link {
					b.WriteString("[" + p.Text + "]")
				} else {
					b.WriteString(p.Text)
				}
			}
			lines = append(lines, b.String())
		}
		if got := strings.Join(lines, "|"); got != want {
			t.Errorf("%q: %q, want %q", text, got, want)
		}
	}
}

func TestSamplePages(t *testing.T) {
	for name, sample := range SamplePages() {
		var b bytes.Buffer
		if err := RenderPage(&b, name, sample); err != nil || !strings.Contains(b.String(), "Confirm your address") {
			t.Errorf("%s: %v: %s", name, err, b.String())
		}
	}
}
