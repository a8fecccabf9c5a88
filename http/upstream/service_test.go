package upstream

import (
	"context"
	"errors"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/bluesky-social/indigo/atproto/syntax"

	"troupe/http/xrpc"
)

const strangerDID syntax.DID = "did:plc:z72i7hdynmk6r22z27h6tvur"

// target asks whom a call is for, and says how often the network was asked.
func (w *world) target(t *testing.T, method syntax.NSID, header ...string) (Service, error) {
	t.Helper()
	r := httptest.NewRequest(http.MethodGet, "/xrpc/"+method.String(), nil)
	if len(header) > 0 {
		r.Header["Atproto-Proxy"] = header
	}
	return w.Target(context.Background(), &xrpc.Call{Request: r, NSID: method})
}

func TestWhomAMethodIsFor(t *testing.T) {
	all := Options{AppView: Named{viewDID, "https://view.test"}, Moderation: Named{modDID, "https://mod.test"}, Reports: Named{"did:web:report.test", "https://report.test"}}
	noReports, onlyView, nobody := all, Options{AppView: all.AppView}, Options{}
	noReports.Reports = Named{}
	for _, c := range []struct {
		options Options
		method  syntax.NSID
		want    string // "" is the error of an unconfigured service
	}{
		{all, "app.bsky.feed.getTimeline", "did:web:view.test#bsky_appview"},
		{all, "chat.bsky.convo.listConvos", "did:web:view.test#bsky_appview"},
		{all, "com.atproto.label.queryLabels", "did:web:view.test#bsky_appview"},
		{all, "com.example.anything", "did:web:view.test#bsky_appview"},
		{all, "tools.ozone.moderation.emitEvent", "did:web:mod.test#atproto_labeler"},
		{all, "tools.ozone.verification.revokeVerifications", "did:web:mod.test#atproto_labeler"},
		{all, "tools.ozone.setting.listOptions", "did:web:view.test#bsky_appview"}, // not on the list
		{all, "tools.ozone.moderation.EmitEvent", "did:web:view.test#bsky_appview"},
		{all, MethodCreateReport, "did:web:report.test#atproto_labeler"},
		{noReports, MethodCreateReport, "did:web:mod.test#atproto_labeler"},
		{onlyView, MethodCreateReport, ""},
		{onlyView, "tools.ozone.moderation.emitEvent", ""},
		{nobody, "app.bsky.feed.getTimeline", ""},
		{nobody, "com.example.anything", ""},
	} {
		w := newWorld(t, nil, func(o *Options) {
			o.AppView, o.Moderation, o.Reports = c.options.AppView, c.options.Moderation, c.options.Reports
		})
		got, err := w.target(t, c.method)
		if c.want != "" && (err != nil || got.String() != c.want || got.url == "" || !got.named) {
			t.Errorf("%s: %v, %v; want %s", c.method, got, err, c.want)
		}
		if c.want == "" {
			refused(t, c.method.String(), err, "No service configured for "+c.method.String())
		}
	}
	if len(ozone) != 27 {
		t.Errorf("%d methods go to the moderation service", len(ozone))
	}
}

func refused(t *testing.T, what string, err error, message string) {
	t.Helper()
	var e *xrpc.Error
	if !errors.As(err, &e) || e.Status != 400 || e.Message != message {
		t.Errorf("%s: %v, want 400 %q", what, err, message)
	}
}

func TestProxyHeader(t *testing.T) {
	const (
		noDID     = "no did specified in proxy header"
		noService = "no service id specified in proxy header"
		format    = "invalid proxy header format"
		spaces    = "proxy header cannot contain spaces"
		noSuchDID = "could not resolve proxy did"
		noSuchSvc = "could not resolve proxy did service url"
	)
	did := strangerDID.String()
	w := newWorld(t, nil, func(o *Options) { o.AppView = Named{viewDID, "http://10.0.0.1:3000"} })
	w.declare(strangerDID, "#labels", "X", "https://labels.test")
	doc := w.docs[strangerDID]
	w.declare(strangerDID, strangerDID.String()+"#full", "X", "https://full.test")
	doc.Service = append(doc.Service, w.docs[strangerDID].Service...)
	for id, url := range map[string]string{"#ftp": "ftp://x", "#empty": "", "#file": "file:///etc/passwd", "#js": "javascript:alert(1)", "#none": "labels.test", "other#labels2": "https://x"} {
		w.declare(strangerDID, id, "X", url)
		doc.Service = append(doc.Service, w.docs[strangerDID].Service...)
	}
	w.docs[strangerDID] = doc
	for _, c := range []struct {
		header []string
		want   string // a URL, or the sentence of the error
	}{
		{[]string{did + "#labels"}, "https://labels.test"},
		{[]string{did + "#full"}, "https://full.test"},
		{[]string{viewDID.String() + "#bsky_appview"}, "http://10.0.0.1:3000"},
		{[]string{viewDID.String() + "#bsky_notif"}, noSuchDID}, // another service of the app view is looked up
		{[]string{"#labels"}, noDID},
		{[]string{"#"}, noDID},
		{[]string{did}, noService},
		{[]string{did + "#"}, noService},
		{[]string{"nonsense"}, noService},
		{[]string{did + "#labels#x"}, format},
		{[]string{did + "#labels#"}, format},
		{[]string{did + "##labels"}, format},
		{[]string{did + "#la bels"}, spaces},
		{[]string{did + " #labels"}, spaces},
		{[]string{did + "#labels", did + "#full"}, format}, // two lines are one list
		{[]string{did, "x#labels"}, spaces},
		{[]string{"nonsense#labels"}, noSuchDID},
		{[]string{"did:x#labels"}, noSuchDID},
		{[]string{"did:toString:foo#labels"}, noSuchDID},
		{[]string{"DID:plc:z72i7hdynmk6r22z27h6tvur#labels"}, noSuchDID},
		{[]string{"did:plc:aaaaaaaaaaaaaaaaaaaaaaaa#labels"}, noSuchDID},
		{[]string{did + "#Labels"}, noSuchSvc},
		{[]string{did + "#labels2"}, noSuchSvc},
		{[]string{did + "#ftp"}, noSuchSvc},
		{[]string{did + "#empty"}, noSuchSvc},
		{[]string{did + "#file"}, noSuchSvc},
		{[]string{did + "#js"}, noSuchSvc},
		{[]string{did + "#none"}, noSuchSvc},
		{[]string{did + "#" + strings.Repeat("x", 64<<10)}, noSuchDID},
		{[]string{did + "#labéls"}, noSuchDID},
		{[]string{did + "#\x00labels"}, noSuchDID},
		{[]string{did + "#labels\t"}, noSuchDID},
		{[]string{did + "\r\nX-Evil: 1#labels"}, spaces},
	} {
		got, err := w.target(t, "com.example.anything", c.header...)
		if strings.Contains(c.want, "://") {
			if err != nil || got.url != c.want {
				t.Errorf("%q: %v %q, %v", c.header, got, got.url, err)
			}
		} else {
			refused(t, c.header[0][:min(60, len(c.header[0]))], err, c.want)
		}
	}
	if s, err := w.target(t, "com.example.anything", viewDID.String()+"#bsky_appview"); err != nil || !s.named || !w.IsAppView(s) {
		t.Errorf("the app view by its name: %v, %v", s, err)
	}
	if s, err := w.target(t, "com.example.anything", did+"#labels"); err != nil || s.named || w.IsAppView(s) {
		t.Errorf("a stranger: %v, %v", s, err)
	}
}

// A document that repeats the app view's address does not get its privileges.
func TestAStrangerIsNoAppView(t *testing.T) {
	v := newView(t, nil)
	w := newWorld(t, v, nil)
	w.declare(strangerDID, "#bsky_appview", "BskyAppView", v.URL)
	resp := w.call("GET", "/xrpc/app.bsky.feed.getTimeline", http.Header{"Atproto-Proxy": {strangerDID.String() + "#bsky_appview"}}, nil, w.pass)
	if got := text(t, resp); resp.StatusCode != 502 || !strings.Contains(got, `"error":"UpstreamFailure","message":"Upstream service unreachable"`) || v.conns != 0 {
		t.Errorf("%d %s, %d connections", resp.StatusCode, got, v.conns)
	}
}

func TestNotificationService(t *testing.T) {
	w := newWorld(t, nil, func(o *Options) { o.AppView = Named{viewDID, "https://view.test"} })
	w.declare(strangerDID, "#bsky_notif", "BskyNotificationService", "https://push.test")
	if s, err := w.Notifications(context.Background(), strangerDID); err != nil || s.url != "https://push.test" || s.named {
		t.Errorf("%v, %v", s, err)
	}
	if s, err := w.Notifications(context.Background(), viewDID); err != nil || s.url != "https://view.test" || !s.named {
		t.Errorf("%v, %v", s, err)
	}
	w.declare(strangerDID, "#bsky_notif", "SomethingElse", "https://push.test")
	_, err := w.Notifications(context.Background(), strangerDID)
	refused(t, "another type", err, "invalid notification service details in did document: "+strangerDID.String())
	_, err = w.Notifications(context.Background(), "did:web:gone.test")
	refused(t, "no document", err, "could not resolve did document: did:web:gone.test")
}

// An endpoint is an origin.
func TestEndpoints(t *testing.T) {
	v := newView(t, nil)
	for suffix, want := range map[string]int{"": 200, "/": 200, "/path": 502, "/xrpc/": 502, "?a=b": 502, "/?": 502, "#x": 502, "/%2F": 502} {
		w := newWorld(t, nil, func(o *Options) { o.AllowPrivate, o.AllowHTTP = true, true })
		w.declare(strangerDID, "#x", "X", v.URL+suffix)
		resp := w.call("GET", "/xrpc/com.example.anything", http.Header{"Atproto-Proxy": {strangerDID.String() + "#x"}}, nil, w.pass)
		if resp.StatusCode != want {
			t.Errorf("%q: %d %s", suffix, resp.StatusCode, text(t, resp))
		}
	}
	w := newWorld(t, nil, func(o *Options) { o.AllowPrivate, o.AllowHTTP = true, true })
	w.declare(strangerDID, "#x", "X", strings.Replace(v.URL, "http://", "http://user:password@", 1))
	if resp := w.call("GET", "/xrpc/com.example.anything", http.Header{"Atproto-Proxy": {strangerDID.String() + "#x"}}, nil, w.pass); resp.StatusCode != 502 {
		t.Errorf("user info: %d", resp.StatusCode)
	}
}

// Whom a token is for, and for whom none is made.
func TestTokens(t *testing.T) {
	v := newView(t, nil)
	for _, c := range []struct {
		service bool
		want    string
	}{{false, viewDID.String()}, {true, viewDID.String() + "#bsky_appview"}} {
		w := newWorld(t, v, func(o *Options) { o.ServiceAudience = c.service })
		w.call("GET", "/xrpc/app.bsky.feed.getTimeline", nil, nil, w.pass)
		if _, r, _ := v.last(t); w.claims(r)["aud"] != c.want {
			t.Errorf("%v, want %s", w.claims(r), c.want)
		}
		w.call("GET", "/xrpc/app.bsky.feed.getFeed", nil, nil, func(rw http.ResponseWriter, r *http.Request) error {
			a, err := w.Forward(r.Context(), aliceDID, w.AsFeedGenerator("did:web:feed.test", "app.bsky.feed.getFeedSkeleton"))
			if err != nil {
				return err
			}
			return a.WriteTo(rw)
		})
		_, r, _ := v.last(t)
		want := "did:web:feed.test"
		if c.service {
			want += "#bsky_fg"
		}
		if got := w.claims(r); got["aud"] != want || got["lxm"] != "app.bsky.feed.getFeedSkeleton" {
			t.Errorf("%v, want %s", got, want)
		}
	}

	w := newWorld(t, v, func(o *Options) { o.Moderation = o.AppView })
	w.down[aliceDID] = true
	asked := v.asked()
	for method, want := range map[syntax.NSID]int{"app.bsky.feed.getTimeline": 500, MethodCreateReport: 200, "app.bsky.actor.getPreferences": 200} { // this test's server does not know the error
		if resp := w.call("GET", "/xrpc/"+strings.Replace(method.String(), "createReport", "createReporT", 1), nil, nil, func(rw http.ResponseWriter, r *http.Request) error {
			to, _ := w.AppView()
			_, err := w.Post(r.Context(), to, aliceDID, method, []byte("{}"))
			return err
		}); resp.StatusCode != want {
			t.Errorf("%s of an account that is taken down: %d", method, resp.StatusCode)
		}
	}
	if got := v.asked() - asked; got != 2 {
		t.Errorf("the upstream was asked %d times", got)
	}
}

// In the name of nobody, with the query as it is.
func TestPublic(t *testing.T) {
	v := newView(t, say(200, "{}", "Content-Type", "application/json", "Set-Cookie", "a=b"))
	w := newWorld(t, v, nil)
	a, err := w.Public(context.Background(), "com.atproto.repo.getRecord", "repo=a%3Ab&rkey=c+d")
	if err == nil {
		a.Close()
	}
	if err != nil || a.Status != 200 || a.Header.Get("Set-Cookie") != "" {
		t.Fatalf("%+v, %v", a, err)
	}
	if head, r, _ := v.last(t); !strings.HasPrefix(head, "GET /xrpc/com.atproto.repo.getRecord?repo=a%3Ab&rkey=c+d HTTP/1.1\r\n") || r.Header.Get("Authorization") != "" {
		t.Errorf("sent %s", head)
	}
	_, err = newWorld(t, nil, nil).Public(context.Background(), "com.atproto.repo.getRecord", "")
	refused(t, "no app view", err, "No service configured for com.atproto.repo.getRecord")
}

// Of our own accord, and for nobody in particular.
func TestGet(t *testing.T) {
	v := newView(t, say(200, string(packed(`{"a":1}`)), "Content-Encoding", "gzip"))
	w := newWorld(t, v, nil)
	body, err := w.Get(context.Background(), "", "com.atproto.repo.getRecord", map[string][]string{"repo": {"a"}, "rkey": {"x y"}})
	if err != nil || string(body) != `{"a":1}` {
		t.Fatalf("%s, %v", body, err)
	}
	if _, r, _ := v.last(t); r.URL.RequestURI() != "/xrpc/com.atproto.repo.getRecord?repo=a&rkey=x+y" || r.Header.Get("Authorization") != "" {
		t.Errorf("sent %s %v", r.URL, r.Header)
	}
	if _, err := w.Get(context.Background(), aliceDID, "app.bsky.feed.getPosts", nil); err != nil {
		t.Fatal(err)
	}
	if _, r, _ := v.last(t); w.claims(r)["lxm"] != "app.bsky.feed.getPosts" {
		t.Errorf("sent %v", w.claims(r))
	}
	v.answer = say(400, `{"error":"RecordNotFound","message":"m"}`, "Content-Type", "application/json")
	var refusal *Refusal
	if _, err := w.Get(context.Background(), "", "com.atproto.repo.getRecord", nil); !errors.As(err, &refusal) || refusal.Name != "RecordNotFound" {
		t.Errorf("%v", err)
	}
	_, err = newWorld(t, nil, nil).Get(context.Background(), "", "com.atproto.repo.getRecord", nil)
	refused(t, "no app view", err, "No service configured for com.atproto.repo.getRecord")
}
