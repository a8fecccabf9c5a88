package migrate

import (
	"context"
	"io"
	"net/http"
	"os"
	"strings"
	"testing"
	"time"
)

func TestRetries(t *testing.T) {
	const method = "com.example.do"
	for _, c := range []struct {
		name    string
		answers []int // statuses, one after the other, then 200
		once    bool
		ok      bool
		asked   int
	}{
		{"at once", nil, false, true, 1},
		{"busy twice", []int{503, 503}, false, true, 3},
		{"too many", []int{429}, false, true, 2},
		{"a gateway", []int{502, 504}, false, true, 3},
		{"no", []int{400}, false, false, 1},
		{"broken", []int{500}, false, false, 1},
		{"not again", []int{503}, true, false, 1},
		{"for good", []int{503, 503, 503, 503, 503, 503}, false, false, 6},
	} {
		t.Run(c.name, func(t *testing.T) {
			f := newFakePDS(t)
			left := c.answers
			f.answer[method] = func(w http.ResponseWriter, r *http.Request) {
				if b, _ := io.ReadAll(r.Body); string(b) != `{"n":1}` {
					t.Errorf("body %q", b)
				}
				status := 200
				if len(left) > 0 {
					status, left = left[0], left[1:]
				}
				say(w, status, map[string]string{"error": "E"})
			}
			err := f.client(t).call(t.Context(), request{method: method, in: map[string]int{"n": 1}, post: true, once: c.once}, nil)
			if (err == nil) != c.ok || f.count(method) != c.asked {
				t.Errorf("%v after %d", err, f.count(method))
			}
		})
	}
}

// A server that wants to be left alone for an hour is not waited for.
func TestLongWaits(t *testing.T) {
	f := newFakePDS(t)
	f.answer["com.example.do"] = func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Retry-After", "3600")
		say(w, 429, map[string]string{"error": "RateLimitExceeded"})
	}
	s := f.client(t)
	s.wait = func(_ context.Context, d time.Duration) error { t.Errorf("waits %s", d); return nil }
	if err := s.do(t.Context(), "com.example.do", struct{}{}, nil); !refusedAs(err, "RateLimitExceeded") {
		t.Error(err)
	}
}

// A session goes on after its token has ended, and after its refresh token has.
func TestSessionsAreRenewed(t *testing.T) {
	for _, refreshable := range []bool{true, false} {
		f := newFakePDS(t)
		good, made := "a1", 1
		out := func() map[string]any {
			made++
			good = "a" + string(rune('0'+made))
			return map[string]any{"did": testDID, "handle": "a.test", "accessJwt": good, "refreshJwt": "r"}
		}
		f.answer["com.atproto.server.createSession"] = func(w http.ResponseWriter, r *http.Request) { say(w, 200, out()) }
		f.answer["com.atproto.server.refreshSession"] = func(w http.ResponseWriter, r *http.Request) {
			if !refreshable || r.Header.Get("Authorization") != "Bearer r" {
				say(w, 400, map[string]string{"error": "ExpiredToken"})
				return
			}
			say(w, 200, out())
		}
		f.answer["com.example.who"] = func(w http.ResponseWriter, r *http.Request) {
			if r.Header.Get("Authorization") != "Bearer "+good {
				say(w, 400, map[string]string{"error": "ExpiredToken"})
				return
			}
			say(w, 200, struct{}{})
		}
		s := f.client(t)
		if _, err := openSession(t.Context(), s, signIn{Identifier: "a.test", Password: "p"}, nil); err != nil {
			t.Fatal(err)
		}
		good = "another"
		if err := s.query(t.Context(), "com.example.who", nil, nil); err != nil {
			t.Error(err)
		}
	}
}

func TestSecondFactor(t *testing.T) {
	f := newFakePDS(t)
	f.answer["com.atproto.server.createSession"] = func(w http.ResponseWriter, r *http.Request) {
		b, _ := io.ReadAll(r.Body)
		if !strings.Contains(string(b), `"authFactorToken":"12345"`) {
			say(w, 401, map[string]string{"error": "AuthFactorTokenRequired"})
			return
		}
		say(w, 200, map[string]any{"did": testDID, "handle": "a.test", "accessJwt": "a", "refreshJwt": "r"})
	}
	ask := &Terminal{Given: map[Secret]string{SecretPassword: "p", SecretFactor: "12345"}}
	if _, err := signInAs(t.Context(), f.client(t), "a.test", ask, SecretPassword); err != nil {
		t.Error(err)
	}
	null, err := os.Open(os.DevNull)
	if err != nil {
		t.Fatal(err)
	}
	defer null.Close()
	ask.In = null // the code was good for once
	if _, err := signInAs(t.Context(), f.client(t), "a.test", ask, SecretPassword); err == nil || !strings.Contains(err.Error(), "no terminal") {
		t.Error(err)
	}
}

// A password is never sent after a redirect.
func TestRedirects(t *testing.T) {
	f, other := newFakePDS(t), newFakePDS(t)
	f.answer["com.atproto.server.createSession"] = func(w http.ResponseWriter, r *http.Request) {
		http.Redirect(w, r, other.URL+r.URL.Path, http.StatusTemporaryRedirect)
	}
	if _, err := openSession(t.Context(), f.client(t), signIn{Identifier: "a", Password: "p"}, nil); err == nil {
		t.Error("followed")
	}
	if len(other.asked) > 0 {
		t.Errorf("sent on: %v", other.asked)
	}
}

func TestAddresses(t *testing.T) {
	for address, ok := range map[string]bool{
		"https://pds.example.com": true, "https://pds.example.com/": true, "http://localhost:2583": true,
		"pds.example.com": false, "ftp://pds.example.com": false, "https://pds.example.com/xrpc": false, "": false,
	} {
		if _, err := newServer(address, nil); (err == nil) != ok {
			t.Errorf("%q: %v", address, err)
		}
	}
}
