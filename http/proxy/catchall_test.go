package proxy

import (
	"encoding/json"
	"io"
	"net/http"
	"strings"
	"testing"

	"troupe/actors/account"
)

// Who gets what passed on, and what the others are told, in which order.
func TestCatchAll(t *testing.T) {
	w := newWorld(t)
	full, app, privileged := account.ScopeAccess, account.ScopeAppPass, account.ScopeAppPassPrivileged
	const header = "did:web:view.test#bsky_appview"
	for _, c := range []struct {
		name, verb, method string
		scope              account.Scope // "": nobody
		proxy              string
		status             int
		err                string
	}{
		{"a session", "GET", "app.bsky.feed.getTimeline", full, "", 200, ""},
		{"an app password", "GET", "app.bsky.feed.getTimeline", app, "", 200, ""},
		{"a header", "GET", "app.bsky.feed.getTimeline", full, header, 200, ""},
		{"a head", "HEAD", "app.bsky.feed.getTimeline", full, "", 200, ""},
		{"a procedure", "POST", "app.bsky.graph.muteActor", full, "", 200, ""},
		{"what no lexicon knows", "GET", "com.example.anything", full, "", 200, ""},
		{"and is posted", "POST", "com.example.anything", full, "", 200, ""},
		{"what this server does not serve", "GET", "com.atproto.label.queryLabels", full, "", 200, ""},

		{"nobody", "GET", "app.bsky.feed.getTimeline", "", "", 401, "AuthMissing"},
		{"nobody with a header", "GET", "app.bsky.feed.getTimeline", "", header, 401, "AuthMissing"},
		{"nobody with nonsense", "GET", "app.bsky.feed.getTimeline", "", "nonsense", 400, "InvalidRequest"},
		{"nobody with a DID to be looked up", "GET", "app.bsky.feed.getTimeline", "", "did:web:nobody.test#x", 401, "AuthMissing"},
		{"a DID that there is not", "GET", "app.bsky.feed.getTimeline", full, "did:web:nobody.test#x", 400, "InvalidRequest"},
		{"an account that is taken down", "GET", "app.bsky.feed.getTimeline", account.ScopeTakendown, "", 400, "InvalidToken"},
		{"a queued sign-up", "GET", "app.bsky.feed.getTimeline", account.ScopeSignupQueued, "", 400, "InvalidToken"},
		{"the wrong verb of a known method", "POST", "app.bsky.feed.getTimeline", full, "", 400, "InvalidRequest"},
		{"a verb of the web", "PUT", "com.example.anything", full, "", 400, "InvalidRequest"},
		{"another", "DELETE", "com.example.anything", "", "", 400, "InvalidRequest"},
		{"a protected method", "POST", "com.atproto.server.updateEmail", full, "", 400, "InvalidToken"},
		{"for nobody too", "POST", "com.atproto.server.updateEmail", "", "", 400, "InvalidToken"},
		{"in any case", "POST", "COM.atproto.SERVER.UpdateEmail", full, header, 400, "InvalidToken"},
		{"a method that a route has", "GET", "com.atproto.server.getSession", full, header, 200, "here"},
		{"a private conversation", "GET", "chat.bsky.convo.getLog", full, "", 200, ""},
		{"by an app password made for it", "GET", "chat.bsky.convo.getLog", privileged, "", 200, ""},
		{"by another", "GET", "chat.bsky.convo.getLog", app, "", 400, "InvalidToken"},
		{"in any case", "GET", "chat.bsky.convo.GETLOG", app, header, 400, "InvalidToken"},
	} {
		t.Run(c.name, func(t *testing.T) {
			r, _ := http.NewRequest(c.verb, w.server.URL+"/xrpc/"+c.method, nil)
			if c.scope != "" {
				r.Header.Set("Authorization", "Bearer "+w.token(c.scope))
			}
			if c.proxy != "" {
				r.Header.Set("Atproto-Proxy", c.proxy)
			}
			resp, err := http.DefaultClient.Do(r)
			if err != nil {
				t.Fatal(err)
			}
			defer resp.Body.Close()
			body, _ := io.ReadAll(resp.Body)
			var told struct{ Error, Message, Answered string }
			json.Unmarshal(body, &told)
			if resp.StatusCode != c.status || c.verb != "HEAD" && told.Error+told.Answered != c.err {
				t.Errorf("%d %s", resp.StatusCode, body)
			}
			seen, _ := w.view.take()
			if passed := len(seen) == 1; passed != (c.status == 200 && c.err == "") {
				t.Fatalf("the app view was asked %d times", len(seen))
			}
			if len(seen) == 1 {
				if want := "Bearer token." + alice.String() + "." + viewDID.String() + "." + c.method; seen[0].Header.Get("Authorization") != want {
					t.Errorf("token %q, want %q", seen[0].Header.Get("Authorization"), want)
				}
			}
		})
	}
	http.DefaultClient.CloseIdleConnections()
}

// Credentials that are none are refused as by any method.
func TestCredentials(t *testing.T) {
	w := newWorld(t)
	for header, want := range map[string]string{
		"": "AuthMissing", "Bearer x": "InvalidToken", "Basic YWRtaW46eA==": "InvalidToken", "DPoP x": "InvalidToken",
		"Bearer  x": "InvalidToken", "Bearer": "InvalidToken",
	} {
		answer := w.send("GET /xrpc/com.example.x HTTP/1.1\r\nHost: x\r\nConnection: close\r\nAuthorization: " + header + "\r\n\r\n")
		if !strings.Contains(answer, `"error":"`+want+`"`) {
			t.Errorf("%q: %s", header, answer)
		}
	}
	if seen, _ := w.view.take(); len(seen) != 0 {
		t.Errorf("the app view was asked %d times", len(seen))
	}
}
