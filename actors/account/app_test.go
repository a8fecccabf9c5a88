package account

import (
	"context"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/bluesky-social/indigo/atproto/syntax"

	"troupe/actors/mailbox"
	"troupe/actors/permission"
	"troupe/sequencing"
)

const app ClientID = "https://app.example.com/client-metadata.json"

var life = AppLife{Whole: 14 * 24 * time.Hour, Idle: 7 * 24 * time.Hour}

// asked is a request of an app that was pushed and looked at on a browser.
type asked struct {
	w        *world
	id, code string
	device   DeviceID
	verifier string
	did      syntax.DID
}

var counter int

func (w *world) browser() DeviceID {
	name, first := NewDevice()
	must(w, SeeDevice{Name: name, Secret: first, New: true, UserAgent: "a browser", Address: "192.0.2.1"})
	return DeviceOf(name)
}

func (w *world) ask(did syntax.DID) *asked {
	w.t.Helper()
	counter++
	a := &asked{w: w, id: NewRequestID(), code: NewCode(), device: w.browser(), verifier: strings.Repeat("v", 43) + fmt.Sprint(counter), did: did}
	sum := sha256.Sum256([]byte(a.verifier))
	must(w, PushRequest{ID: a.id, Client: app, Auth: &ClientAuth{Method: "none"}, Request: AppRequest{
		RedirectURI: "https://app.example.com/cb", Scope: "atproto repo:* transition:email", State: "s", Challenge: base64.RawURLEncoding.EncodeToString(sum[:]),
	}})
	return a
}

func (a *asked) view() ViewRequest { return ViewRequest{ID: a.id, Client: app, Device: a.device} }

func (a *asked) grant() GrantRequest {
	return GrantRequest{ID: a.id, Device: a.device, DID: a.did, Scope: "atproto repo:*", Code: a.code, Remember: true}
}

func (a *asked) exchange() ExchangeCode {
	return ExchangeCode{
		Code: a.code, Client: app, Auth: ClientAuth{Method: "none"}, Thumbprint: "jkt", RedirectURI: "https://app.example.com/cb", Verifier: a.verifier,
		Scope: "atproto repo:*", Life: life, Token: NewAppToken(), Refresh: NewAppRefresh(),
	}
}

// granted is a request that was allowed.
func (w *world) granted(did syntax.DID) *asked {
	w.t.Helper()
	a := w.ask(did)
	must(w, a.view())
	must(w, a.grant())
	return a
}

func refusal(w *world, err error, code, words string) {
	w.t.Helper()
	var r AppRefused
	if !errors.As(err, &r) || r.Code != code || !strings.Contains(r.Description, words) {
		w.t.Errorf("%v, want %s: %s", err, code, words)
	}
}

func TestAnAppIsLetIn(t *testing.T) {
	w := newWorld(t, nil)
	did, _ := w.person("anna", "hash")
	a := w.ask(did)
	if q := must(w, a.view()); q.State != "s" || q.Scope != "atproto repo:* transition:email" {
		t.Error(q)
	}
	if q := must(w, a.grant()); q.Scope != "atproto repo:*" || q.RedirectURI != "https://app.example.com/cb" {
		t.Error(q)
	}
	if q, found, err := w.reads.RequestOfCode(context.Background(), a.code); err != nil || !found || q.Scope != "atproto repo:*" {
		t.Error(q, found, err)
	}
	x := a.exchange()
	s := must(w, x)
	if s.DID != did || s.Client != app || s.Requested != "atproto repo:*" || s.Device != a.device || !s.ExpiresAt.Equal(noon.Add(AppTokenLife)) {
		t.Errorf("%+v", s)
	}
	if allowed, err := w.reads.Allowed(context.Background(), did, app); err != nil || allowed != "atproto repo:*" {
		t.Error(allowed, err)
	}
	w.pass(time.Hour)
	next := NewAppRefresh()
	r := must(w, RefreshApp{Refresh: x.Refresh, Client: app, Auth: ClientAuth{Method: "none"}, Thumbprint: "jkt", Scope: "atproto", Life: life, Token: NewAppToken(), Next: next})
	if r.Scope != "atproto" || r.Requested != "atproto repo:*" || r.Token == s.Token || !r.CreatedAt.Equal(s.CreatedAt) {
		t.Errorf("%+v", r)
	}
	all, err := w.reads.AppSessions(context.Background(), did)
	if err != nil || len(all) != 1 || all[0].Token != r.Token {
		t.Errorf("%+v %v", all, err)
	}
	must(w, RevokeApp{Refresh: next, Client: app, Auth: ClientAuth{Method: "none"}, Thumbprint: "jkt"})
	if all, _ := w.reads.AppSessions(context.Background(), did); len(all) != 0 {
		t.Error(all)
	}
}

func TestRequestsThatAreOver(t *testing.T) {
	w := newWorld(t, nil)
	did, _ := w.person("anna", "hash")
	_, err := tell(w, ViewRequest{ID: NewRequestID(), Client: app, Device: w.browser()})
	refusal(w, err, "invalid_request", "Unknown")

	for name, c := range map[string]struct {
		prepare func(*asked)
		try     func(*asked) error
		words   string
	}{
		"expired":               {func(a *asked) { w.pass(requestLife + time.Second) }, func(a *asked) error { _, err := tell(w, a.view()); return err }, "expired"},
		"of another client":     {nil, func(a *asked) error { v := a.view(); v.Client += "x"; _, err := tell(w, v); return err }, "another client"},
		"on another browser":    {func(a *asked) { must(w, a.view()); a.device = w.browser() }, func(a *asked) error { _, err := tell(w, a.view()); return err }, "another device"},
		"granted before":        {func(a *asked) { must(w, a.view()); must(w, a.grant()) }, func(a *asked) error { _, err := tell(w, a.view()); return err }, "already authorized"},
		"granted twice":         {func(a *asked) { must(w, a.view()); must(w, a.grant()); a.code = NewCode() }, func(a *asked) error { _, err := tell(w, a.grant()); return err }, "already authorized"},
		"granted unseen":        {nil, func(a *asked) error { _, err := tell(w, a.grant()); return err }, "not initiated"},
		"granted elsewhere":     {func(a *asked) { must(w, a.view()); a.device = w.browser() }, func(a *asked) error { _, err := tell(w, a.grant()); return err }, "another device"},
		"granted too late":      {func(a *asked) { must(w, a.view()); w.pass(requestLife + time.Second) }, func(a *asked) error { _, err := tell(w, a.grant()); return err }, "expired"},
		"granted more":          {func(a *asked) { must(w, a.view()) }, func(a *asked) error { g := a.grant(); g.Scope += " identity:*"; _, err := tell(w, g); return err }, "narrowed only"},
		"granted without basis": {func(a *asked) { must(w, a.view()) }, func(a *asked) error { g := a.grant(); g.Scope = "repo:*"; _, err := tell(w, g); return err }, "atproto"},
	} {
		t.Run(name, func(t *testing.T) {
			a := w.ask(did)
			if c.prepare != nil {
				c.prepare(a)
			}
			refusal(w, c.try(a), "access_denied", c.words)
			_, err := tell(w, a.view())
			refusal(w, err, "invalid_request", "Unknown")
			_, err = tell(w, a.exchange())
			refusal(w, err, "invalid_grant", "Invalid code")
		})
	}
}

func TestARequestLivesWhileItIsLookedAt(t *testing.T) {
	w := newWorld(t, nil)
	did, _ := w.person("anna", "hash")
	a := w.ask(did)
	for range 4 {
		w.pass(requestLife - time.Second)
		must(w, a.view())
	}
	w.pass(requestLife - time.Second)
	if q := must(w, EndRequest{ID: a.id, Device: a.device}); q.State != "s" {
		t.Error(q)
	}
	_, err := tell(w, a.grant())
	refusal(w, err, "invalid_request", "Unknown")
}

func TestClosedAccountsLetNobodyIn(t *testing.T) {
	for _, status := range []sequencing.Status{sequencing.StatusDeactivated} {
		w := newWorld(t, nil)
		must(w, reservation("anna", ""))
		i := insertion("anna", "hash", Grant{})
		i.Account.Status = status
		must(w, i)
		a := w.ask(did("anna"))
		must(w, a.view())
		_, err := tell(w, a.grant())
		refusal(w, err, "access_denied", "deactivated")
	}
}

func TestCodesThatAreNotExchanged(t *testing.T) {
	w := newWorld(t, nil)
	did, _ := w.person("anna", "hash")
	proven := ClientAuth{Method: provenBy, Alg: "ES256", Kid: "k", Thumbprint: "a"}
	for name, c := range map[string]struct {
		change func(*ExchangeCode)
		words  string
	}{
		"of another client":   {func(x *ExchangeCode) { x.Client += "x" }, "not issued to this client"},
		"to another address":  {func(x *ExchangeCode) { x.RedirectURI += "/" }, "redirect_uri"},
		"without an address":  {func(x *ExchangeCode) { x.RedirectURI = "" }, "redirect_uri"},
		"without a verifier":  {func(x *ExchangeCode) { x.Verifier = "" }, "code_verifier is required"},
		"short verifier":      {func(x *ExchangeCode) { x.Verifier = x.Verifier[:42] }, "43 to 128"},
		"long verifier":       {func(x *ExchangeCode) { x.Verifier += strings.Repeat("v", 100) }, "43 to 128"},
		"another verifier":    {func(x *ExchangeCode) { x.Verifier = "w" + x.Verifier[1:] }, "Invalid code_verifier"},
		"the challenge again": {func(x *ExchangeCode) { x.Verifier = strings.Repeat("v", 50) }, "Invalid code_verifier"},
		"too late":            {func(*ExchangeCode) { w.pass(requestLife + time.Second) }, "expired"},
	} {
		t.Run(name, func(t *testing.T) {
			a := w.granted(did)
			x := a.exchange()
			c.change(&x)
			_, err := tell(w, x)
			refusal(w, err, "invalid_grant", c.words)
			_, err = tell(w, a.exchange()) // it has been used
			refusal(w, err, "invalid_grant", "Invalid code")
		})
	}
	a := w.granted(did)
	must(w, a.exchange())
	b := w.ask(did)
	b.id = NewRequestID()
	sum := sha256.Sum256([]byte(a.verifier))
	must(w, PushRequest{ID: b.id, Client: app, Auth: &proven, Request: AppRequest{RedirectURI: "https://app.example.com/cb", Scope: "atproto repo:*", Challenge: base64.RawURLEncoding.EncodeToString(sum[:])}})
	must(w, b.view())
	must(w, b.grant())
	x := b.exchange()
	x.Verifier = a.verifier
	_, err := tell(w, x)
	refusal(w, err, "invalid_grant", "different key")
	b = w.ask(did)
	b.id = NewRequestID()
	must(w, PushRequest{ID: b.id, Client: app, Auth: &proven, Request: AppRequest{RedirectURI: "https://app.example.com/cb", Scope: "atproto repo:*", Challenge: base64.RawURLEncoding.EncodeToString(sum[:])}})
	must(w, b.view())
	must(w, b.grant())
	x = b.exchange()
	x.Verifier, x.Auth = a.verifier, proven
	_, err = tell(w, x)
	refusal(w, err, "invalid_grant", "challenge already used")
}

// A code that comes twice was seen by two.
func TestAReplayedCodeEndsWhatItBegan(t *testing.T) {
	w := newWorld(t, nil)
	did, _ := w.person("anna", "hash")
	a := w.granted(did)
	must(w, SignInDevice{Device: a.device, DID: did})
	must(w, a.exchange())
	_, err := tell(w, a.exchange())
	refusal(w, err, "invalid_grant", "Invalid code")
	if all, err := w.reads.AppSessions(context.Background(), did); err != nil || len(all) != 0 {
		t.Error("the session goes on", err)
	}
	if all, err := w.reads.SignedIn(context.Background(), a.device); err != nil || len(all) != 0 {
		t.Error("the browser is signed in", err)
	}
}

func (w *world) session(did syntax.DID) (s AppSession, refresh string) {
	w.t.Helper()
	x := w.granted(did).exchange()
	return must(w, x), x.Refresh
}

func refreshing(token string) RefreshApp {
	return RefreshApp{Refresh: token, Client: app, Auth: ClientAuth{Method: "none"}, Thumbprint: "jkt", Scope: "atproto", Life: life, Token: NewAppToken(), Next: NewAppRefresh()}
}

func TestRefusedRefreshesEndTheSession(t *testing.T) {
	w := newWorld(t, nil)
	did, _ := w.person("anna", "hash")
	for name, c := range map[string]struct {
		change func(*RefreshApp)
		words  string
	}{
		"of another client": {func(m *RefreshApp) { m.Client += "x" }, "not issued"},
		"with another key":  {func(m *RefreshApp) { m.Thumbprint = "other" }, "DPoP"},
		"not allowed":       {func(m *RefreshApp) { m.Life.Idle = 0 }, "not allowed"},
		"idle for long":     {func(*RefreshApp) { w.pass(life.Idle) }, "Refresh token expired"},
		"over":              {func(m *RefreshApp) { m.Life.Idle = life.Whole * 2; w.pass(life.Whole) }, "Session expired"},
	} {
		t.Run(name, func(t *testing.T) {
			s, refresh := w.session(did)
			m := refreshing(refresh)
			c.change(&m)
			_, err := tell(w, m)
			refusal(w, err, "invalid_grant", c.words)
			_, err = tell(w, refreshing(refresh))
			refusal(w, err, "invalid_grant", "Invalid refresh token")
			if all, _ := w.reads.AppSessions(context.Background(), did); len(all) != 0 {
				t.Errorf("%d sessions, one was %v", len(all), s.ID)
			}
		})
	}
	_, err := tell(w, refreshing(NewAppRefresh()))
	refusal(w, err, "invalid_grant", "Invalid refresh token")
}

func TestOneOfManyRefreshesWins(t *testing.T) {
	w := newWorld(t, nil)
	did, _ := w.person("anna", "hash")
	for range 10 {
		s, refresh := w.session(did)
		_, outcomes := race(w, 64, func(int) mailbox.Message[*Accounts, AppSession] { return refreshing(refresh) })
		if outcomes[""] != 1 || outcomes["invalid_grant: Refresh token replayed"] != 1 || outcomes["invalid_grant: Invalid refresh token"] != 62 {
			t.Fatal(outcomes)
		}
		all, err := w.reads.AppSessions(context.Background(), did)
		if err != nil || len(all) != 0 {
			t.Fatalf("session %d goes on: %v", s.ID, err)
		}
	}
}

func TestOnlyTheAppRevokes(t *testing.T) {
	w := newWorld(t, nil)
	did, _ := w.person("anna", "hash")
	s, refresh := w.session(did)
	mine := RevokeApp{Token: s.Token, Client: app, Auth: ClientAuth{Method: "none"}, Thumbprint: "jkt"}
	for _, change := range []func(*RevokeApp){func(m *RevokeApp) { m.Client += "x" }, func(m *RevokeApp) { m.Thumbprint = "x" }} {
		m := mine
		change(&m)
		_, err := tell(w, m)
		refusal(w, err, "invalid_grant", "")
	}
	must(w, EndApp{DID: "did:plc:other", ID: s.ID})
	if all, _ := w.reads.AppSessions(context.Background(), did); len(all) != 1 {
		t.Fatal("ended by somebody else")
	}
	r := must(w, refreshing(refresh))
	used := mine
	used.Token, used.Refresh = "", refresh // the one before still names the session
	must(w, used)
	if all, _ := w.reads.AppSessions(context.Background(), did); len(all) != 0 {
		t.Errorf("%v goes on", r.ID)
	}
	must(w, mine) // nothing there
}

func TestGrantsAreForgottenAtOnce(t *testing.T) {
	grants := NewGrants()
	w := newWorld(t, nil)
	w.stop()
	w.grants = grants
	w.start()
	grants.Read(w.reads)
	did, _ := w.person("anna", "hash")
	find := func(id TokenID, want error) {
		t.Helper()
		g, err := grants.Find(context.Background(), id)
		if !errors.Is(err, want) || err == nil && (g.DID != did || g.Client != app || g.Thumbprint != "jkt" || !g.Scope.Has(permission.Atproto)) {
			t.Errorf("%+v %v, want %v", g, err, want)
		}
	}
	s, refresh := w.session(did)
	find(s.Token, nil)
	r := must(w, refreshing(refresh))
	find(s.Token, ErrNoGrant)
	find(r.Token, nil)
	must(w, EndApp{DID: did, ID: r.ID})
	find(r.Token, ErrNoGrant)
	s, _ = w.session(did)
	find(s.Token, nil)
	must(w, EndApps{DID: did, Forget: true})
	find(s.Token, ErrNoGrant)
	if allowed, _ := w.reads.Allowed(context.Background(), did, app); allowed != "" {
		t.Error(allowed)
	}
	s, _ = w.session(did)
	find(s.Token, nil)
	_, err := tell(w, refreshing("ref-unknown"))
	refusal(w, err, "invalid_grant", "Invalid refresh token")
	find(s.Token, nil)
}

func TestASessionKeepsItsKey(t *testing.T) {
	none, one, two := ClientAuth{Method: "none"}, ClientAuth{provenBy, "ES256", "one", "a"}, ClientAuth{provenBy, "ES256", "two", "b"}
	for _, c := range []struct {
		now, before ClientAuth
		want        bool
	}{{none, none, true}, {one, none, true}, {one, one, true}, {two, one, false}, {none, one, false}, {ClientAuth{provenBy, "ES384", "one", "a"}, one, false}} {
		if c.now.ContinuesFrom(c.before) != c.want {
			t.Errorf("%+v after %+v: %v", c.now, c.before, !c.want)
		}
	}
}
