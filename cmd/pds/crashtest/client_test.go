package crashtest

import (
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"sync/atomic"
	"testing"
)

// A report tells the 503s of a server whose disk has been taken away from
// those that somebody has to look into, and names the reason of these.
func TestRefusalsAreNamedByTheirCause(t *testing.T) {
	var cuts atomic.Int64
	var during func()
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		during()
		w.WriteHeader(http.StatusServiceUnavailable)
		fmt.Fprintf(w, `{"error":%q,"message":"The repository is unavailable"}`, r.URL.Query().Get("name"))
	}))
	defer server.Close()
	const busy = "NotEnoughResources"
	for _, c := range []struct {
		name   string
		before int64
		during int64 // cuts begun and ended while the server answers
		error  string
		want   string
	}{
		{"nothing was cut", 0, 0, busy, "503 NotEnoughResources (The repository is unavailable)"},
		{"an earlier cut is over", 2, 0, busy, "503 NotEnoughResources (The repository is unavailable)"},
		{"asked while the power was away", 1, 0, busy, "503 NotEnoughResources after the power was cut"},
		{"cut before the answer", 2, 1, busy, "503 NotEnoughResources after the power was cut"},
		{"cut and dead before the answer was read", 2, 2, busy, "503 NotEnoughResources after the power was cut"},
		{"a full disk has its own name", 0, 0, full, "503 InsufficientStorage"},
	} {
		cuts.Store(c.before)
		during = func() { cuts.Add(c.during) }
		err := client{http: server.Client(), url: server.URL, cuts: &cuts}.get(t.Context(), "any", map[string][]string{"name": {c.error}}, nil)
		r := refusal{}
		if !errors.As(err, &r) || r.what() != c.want {
			t.Errorf("%s: %q, %v; want %q", c.name, r.what(), err, c.want)
		}
	}
}

// Only internal errors that no cut explains are held against the server.
func TestInternalErrorsAreFindings(t *testing.T) {
	c := &campaign{report: &Report{}}
	c.judge(map[string]int{
		"200 unchanged": 3,
		refusal{Status: 503, Name: "NotEnoughResources", Message: "busy"}.what():          2,
		refusal{Status: 503, Name: full}.what():                                           2,
		refusal{Status: 500, Name: "InternalServerError", Message: "x", cut: true}.what(): 1,
	})
	if !c.report.OK() {
		t.Errorf("found %v", c.report.Broken)
	}
	c.judge(map[string]int{refusal{Status: 500, Name: "InternalServerError", Message: "x"}.what(): 1})
	if len(c.report.Broken) != 1 || c.report.OK() {
		t.Errorf("found %v", c.report.Broken)
	}
}
