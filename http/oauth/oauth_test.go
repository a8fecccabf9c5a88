package oauth

import (
	nethttp "net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"troupe/actors/account"
)

func TestFromRequestToRevocation(t *testing.T) {
	for _, id := range []string{app, proven, local} {
		t.Run(id, func(t *testing.T) {
			w := newWorld(t)
			f := w.asking(id)
			pushed := w.post("/oauth/par", f)
			if uri := pushed.text("request_uri"); !strings.HasPrefix(uri, requestURI) || pushed.body["expires_in"].(float64) < 290 {
				t.Fatalf("%+v", pushed)
			}
			got := w.post("/oauth/token", w.allow(f, pushed, "atproto repo:*"))
			if got.status != 200 || got.text("token_type") != "DPoP" || got.text("scope") != "atproto repo:*" || got.text("sub") != anna.String() || got.body["expires_in"].(float64) != 3600 {
				t.Fatalf("%+v", got)
			}
			if got.header.Get("DPoP-Nonce") == "" || got.header.Get("Cache-Control") != "no-store" || got.header.Get("Access-Control-Allow-Origin") != "*" {
				t.Errorf("%v", got.header)
			}
			access, err := w.server.Tokens.ReadApp(got.text("access_token"))
			if err != nil || access.DID != anna {
				t.Error(access, err)
			}
			with := func(more form) form {
				f := form{"client_id": id}
				if id == proven {
					f["client_assertion_type"], f["client_assertion"] = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer", w.assertion()
				}
				for k, v := range more {
					f[k] = v
				}
				return f
			}
			next := w.post("/oauth/token", with(form{"grant_type": "refresh_token", "refresh_token": got.text("refresh_token")}))
			if next.status != 200 || next.text("refresh_token") == got.text("refresh_token") || next.text("access_token") == got.text("access_token") {
				t.Fatalf("%+v", next)
			}
			if a := w.post("/oauth/revoke", with(form{"token": next.text("access_token")})); a.status != 200 || len(a.body) != 0 {
				t.Errorf("%+v", a)
			}
			w.refused(w.post("/oauth/token", with(form{"grant_type": "refresh_token", "refresh_token": next.text("refresh_token")})), 400, "invalid_grant", "Invalid refresh token")
		})
	}
}

func TestRefusedRequests(t *testing.T) {
	w := newWorld(t)
	w.pages["https://one.example.com/x"] = w.pages[app] // of another name
	for name, c := range map[string]struct {
		change form
		code   string
		words  string
	}{
		"no client":              {form{"client_id": ""}, "invalid_client", "client_id is required"},
		"unknown client":         {form{"client_id": "https://nobody.example.com/x"}, "invalid_client_metadata", "Unable to obtain"},
		"client by another name": {form{"client_id": "https://one.example.com/x"}, "invalid_client_metadata", "does not match"},
		"client is no URL":       {form{"client_id": "app"}, "invalid_client_metadata", "https"},
		"client at an address":   {form{"client_id": "https://10.0.0.1/x"}, "invalid_client_metadata", "IP"},
		"no assertion":           {form{"client_id": proven}, "invalid_request", "client_assertion"},
		"no response type":       {form{"response_type": ""}, "invalid_request", "response_type"},
		"implicit":               {form{"response_type": "token"}, "unsupported_response_type", "code"},
		"hybrid":                 {form{"response_type": "code id_token"}, "unsupported_response_type", "code"},
		"no PKCE":                {form{"code_challenge": ""}, "invalid_request", "PKCE"},
		"plain PKCE":             {form{"code_challenge_method": "plain"}, "invalid_request", "S256"},
		"method left out":        {form{"code_challenge_method": ""}, "invalid_request", "S256"},
		"short challenge":        {form{"code_challenge": "abc"}, "invalid_request", "code_challenge"},
		"padded challenge":       {form{"code_challenge": strings.Repeat("A", 43) + "="}, "invalid_request", "code_challenge"},
		"other redirect":         {form{"redirect_uri": "https://evil.example/cb"}, "invalid_request", "redirect_uri"},
		"longer redirect":        {form{"redirect_uri": "https://app.example.com/cb/x"}, "invalid_request", "redirect_uri"},
		"redirect with a query":  {form{"redirect_uri": "https://app.example.com/cb?x"}, "invalid_request", "redirect_uri"},
		"redirect with a user":   {form{"redirect_uri": "https://app.example.com@evil.example/cb"}, "invalid_request", "redirect_uri"},
		"no scope":               {form{"scope": ""}, "invalid_scope", "atproto"},
		"without atproto":        {form{"scope": "repo:*"}, "invalid_scope", "atproto"},
		"undeclared scope":       {form{"scope": "atproto identity:*"}, "invalid_scope", "not declared"},
		"narrower, undeclared":   {form{"scope": "atproto repo:a.example.one"}, "invalid_scope", "not declared"},
		"OpenID":                 {form{"scope": "atproto openid"}, "invalid_scope", ""},
		"claims":                 {form{"claims": "{}"}, "invalid_request", "claims"},
		"nonce":                  {form{"nonce": "x"}, "invalid_request", "nonce"},
		"hint of OpenID":         {form{"id_token_hint": "x"}, "invalid_request", "id_token_hint"},
		"request object":         {form{"request": "x.y.z"}, "invalid_request", "request"},
		"request in a request":   {form{"request_uri": requestURI + "x"}, "invalid_request", "request_uri"},
		"unknown prompt":         {form{"prompt": "shout"}, "invalid_request", "prompt"},
		"silent and public":      {form{"prompt": "none"}, "consent_required", "silent"},
		"unknown mode":           {form{"response_mode": "web_message"}, "invalid_request", "response_mode"},
		"bad hint":               {form{"login_hint": "not a handle"}, "invalid_request", "login_hint"},
		"another key":            {form{"dpop_jkt": "AAAA"}, "invalid_dpop_proof", "dpop_jkt"},
	} {
		t.Run(name, func(t *testing.T) {
			w.t = t
			f := w.asking(app)
			for k, v := range c.change {
				f[k] = v
			}
			w.refused(w.post("/oauth/par", f), 400, c.code, c.words)
		})
	}
}

func TestProofsAreAskedFor(t *testing.T) {
	w := newWorld(t)
	f := w.asking(app)
	if a := w.post("/oauth/par", f, ""); a.status != 201 {
		t.Errorf("a request may be pushed without a proof: %+v", a)
	}
	stale := w.post("/oauth/par", f, w.proof("/oauth/par", w.key, map[string]any{"nonce": "old"}))
	w.refused(stale, 400, "use_dpop_nonce", "nonce")
	if stale.header.Get("DPoP-Nonce") == "" || !strings.Contains(stale.header.Get("Access-Control-Expose-Headers"), "DPoP-Nonce") {
		t.Errorf("%v", stale.header)
	}
	for name, p := range map[string][]string{
		"of another path": {w.proof("/oauth/token", w.key, nil)}, "twice": {w.proof("/oauth/par", w.key, nil), w.proof("/oauth/par", w.key, nil)},
		"broken": {"a.b.c"}, "with a token": {w.proof("/oauth/par", w.key, map[string]any{"ath": "x"})}, "of GET": {w.proof("/oauth/par", w.key, map[string]any{"htm": "GET"})},
	} {
		if a := w.post("/oauth/par", f, p...); a.text("error") != "invalid_dpop_proof" {
			t.Errorf("%s: %+v", name, a)
		}
	}
	x := w.allow(f, w.post("/oauth/par", w.asking(app)), "atproto")
	w.refused(w.post("/oauth/token", x, ""), 400, "invalid_dpop_proof", "required")
	w.refused(w.post("/oauth/revoke", form{"client_id": app, "token": "tok-x"}, ""), 400, "invalid_dpop_proof", "required")
	own := w.asking(proven)
	w.refused(w.post("/oauth/par", own, w.proof("/oauth/par", w.own, nil)), 400, "invalid_request", "different key")
}

func TestCodesAreBoundToWhoAsked(t *testing.T) {
	w := newWorld(t)
	other := newKey(t)
	for name, c := range map[string]struct {
		change form
		proof  func() string
		code   string
		words  string
	}{
		"another key":           {nil, func() string { return w.proof("/oauth/token", other, nil) }, "invalid_grant", "JKT"},
		"another verifier":      {form{"code_verifier": strings.Repeat("w", 50)}, nil, "invalid_grant", "code_verifier"},
		"no verifier":           {form{"code_verifier": ""}, nil, "invalid_grant", "code_verifier is required"},
		"short verifier":        {form{"code_verifier": "x"}, nil, "invalid_grant", "43"},
		"long verifier":         {form{"code_verifier": strings.Repeat("x", 129)}, nil, "invalid_grant", "128"},
		"another redirect":      {form{"redirect_uri": "https://app.example.com/cb2"}, nil, "invalid_grant", "redirect_uri"},
		"no redirect":           {form{"redirect_uri": ""}, nil, "invalid_grant", "redirect_uri"},
		"another client":        {form{"client_id": local}, nil, "invalid_grant", "not issued"},
		"another code":          {form{"code": account.NewCode()}, nil, "invalid_grant", "Invalid code"},
		"no code":               {form{"code": ""}, nil, "invalid_grant", "code"},
		"password grant":        {form{"grant_type": "password"}, nil, "unsupported_grant_type", ""},
		"no grant":              {form{"grant_type": ""}, nil, "invalid_request", "grant_type"},
		"credentials of others": {form{"client_id": proven}, nil, "invalid_request", "client_assertion"},
	} {
		t.Run(name, func(t *testing.T) {
			w.t = t
			f := w.asking(app)
			x := w.allow(f, w.post("/oauth/par", f), "atproto repo:*")
			for k, v := range c.change {
				x[k] = v
			}
			proof := w.proof("/oauth/token", w.key, nil)
			if c.proof != nil {
				proof = c.proof()
			}
			w.refused(w.post("/oauth/token", x, proof), 400, c.code, c.words)
		})
	}
}

func TestSetsAreTakenApart(t *testing.T) {
	w := newWorld(t)
	f := w.asking(app)
	f["scope"] = "atproto include:com.example.auth unheard:of"
	x := w.allow(f, w.post("/oauth/par", f), "atproto include:com.example.auth")
	got := w.post("/oauth/token", x)
	if got.text("scope") != "atproto repo:com.example.thing" {
		t.Errorf("%+v", got)
	}
	w2 := newWorld(t)
	w2.pages[app].(map[string]any)["scope"] = "atproto include:com.example.none"
	f = w2.asking(app)
	f["scope"] = "atproto include:com.example.none"
	w2.refused(w2.post("/oauth/par", f), 400, "invalid_scope", "no such set")
}

func TestStolenRefreshTokens(t *testing.T) {
	w := newWorld(t)
	f := w.asking(app)
	got := w.post("/oauth/token", w.allow(f, w.post("/oauth/par", f), "atproto repo:*"))
	refresh := func(token string) answer {
		return w.post("/oauth/token", form{"client_id": app, "grant_type": "refresh_token", "refresh_token": token})
	}
	next := refresh(got.text("refresh_token"))
	w.refused(refresh(got.text("refresh_token")), 400, "invalid_grant", "replayed")
	w.refused(refresh(next.text("refresh_token")), 400, "invalid_grant", "Invalid refresh token")
}

func TestWhatABodyMayBe(t *testing.T) {
	w := newWorld(t)
	send := func(kind, body string, length int64) answer {
		r := httptest.NewRequest("POST", "/oauth/par", strings.NewReader(body))
		r.Header.Set("Content-Type", kind)
		r.Header.Set("DPoP", w.proof("/oauth/par", w.key, nil))
		if length != 0 {
			r.ContentLength = length
		}
		return w.do(r)
	}
	_, challenge := nth(1000)
	if a := send("application/json", `{"client_id":"`+app+`","response_type":"code","code_challenge":"`+challenge+`","code_challenge_method":"S256","scope":"atproto","redirect_uri":"https://app.example.com/cb","state":null}`, 0); a.status != 201 {
		t.Errorf("%+v", a)
	}
	for name, c := range map[string]struct {
		kind, body string
		length     int64
		status     int
	}{
		"no type":        {"", "client_id=x", 0, 400},
		"another type":   {"text/plain", "client_id=x", 0, 400},
		"twice":          {"application/x-www-form-urlencoded", "client_id=a&client_id=b", 0, 400},
		"twice in JSON":  {"application/json", `{"client_id":"a","client_id":"b"}`, 0, 400},
		"a number":       {"application/json", `{"client_id":7}`, 0, 400},
		"a list":         {"application/json", `[]`, 0, 400},
		"half":           {"application/json", `{"client_id":"a"`, 0, 400},
		"two":            {"application/json", `{}{}`, 0, 400},
		"bad escape":     {"application/x-www-form-urlencoded", "client_id=%zz", 0, 400},
		"long":           {"application/x-www-form-urlencoded", "client_id=" + strings.Repeat("x", maxBody), 0, 413},
		"long and quiet": {"application/x-www-form-urlencoded", "client_id=" + strings.Repeat("x", maxBody), -1, 413},
	} {
		if a := send(c.kind, c.body, c.length); a.status != c.status || a.text("error") != "invalid_request" {
			t.Errorf("%s: %+v", name, a)
		}
	}
	for _, path := range []string{"/oauth/par", "/oauth/token", "/oauth/revoke"} {
		for _, method := range []string{"GET", "PUT", "DELETE"} {
			if a := w.do(httptest.NewRequest(method, path, nil)); a.status != 405 {
				t.Errorf("%s %s: %d", method, path, a.status)
			}
		}
	}
}

func TestDocuments(t *testing.T) {
	w := newWorld(t)
	a := w.do(httptest.NewRequest("GET", "/.well-known/oauth-authorization-server", nil))
	if a.text("issuer") != issuer || a.text("token_endpoint") != issuer+"/oauth/token" || a.body["require_pushed_authorization_requests"] != true || a.header.Get("Access-Control-Allow-Origin") != "*" {
		t.Errorf("%+v", a)
	}
	if r := w.do(httptest.NewRequest("GET", "/.well-known/oauth-protected-resource", nil)); r.text("resource") != issuer {
		t.Errorf("%+v", r)
	}
	if r := w.do(httptest.NewRequest("GET", "/oauth/jwks", nil)); r.status != nethttp.StatusOK {
		t.Errorf("%+v", r)
	}
}
