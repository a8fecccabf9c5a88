package client

import (
	"encoding/json"
	"errors"
	"maps"
	"strings"
	"testing"
)

const id = "https://app.example.com/oauth/client-metadata.json"

// good is a description of a public web app that is accepted.
func good() map[string]any {
	return map[string]any{
		"client_id": id, "client_name": "An App", "client_uri": "https://app.example.com", "redirect_uris": []string{"https://app.example.com/cb"},
		"scope": "atproto repo:*", "grant_types": []string{"authorization_code", "refresh_token"}, "response_types": []string{"code"},
		"token_endpoint_auth_method": "none", "application_type": "web", "dpop_bound_access_tokens": true,
	}
}

func with(changes map[string]any) map[string]any {
	m := good()
	maps.Copy(m, changes)
	maps.DeleteFunc(m, func(_ string, v any) bool { return v == nil })
	return m
}

func judge(t *testing.T, m map[string]any) error {
	t.Helper()
	doc, err := json.Marshal(m)
	if err != nil {
		t.Fatal(err)
	}
	parsed, err := parse(doc)
	if err != nil {
		return err
	}
	return parsed.check(id)
}

type change = map[string]any

func TestGoodDescriptions(t *testing.T) {
	for name, c := range map[string]change{
		"as it is":             {},
		"no name, no links":    {"client_name": nil, "client_uri": nil},
		"page above":           {"client_uri": "https://app.example.com/oauth"},
		"page itself":          {"client_uri": id},
		"several redirects":    {"redirect_uris": []string{"https://a.example.com/x", "https://other.example.org/y"}},
		"native, app link":     {"application_type": "native"},
		"native, loopback":     {"application_type": "native", "redirect_uris": []string{"http://127.0.0.1/cb", "http://[::1]:8080/cb"}},
		"native, own scheme":   {"application_type": "native", "redirect_uris": []string{"com.example.app:/cb"}},
		"defaults left out":    {"response_types": nil, "application_type": nil, "grant_types": nil},
		"confidential, keys":   {"token_endpoint_auth_method": "private_key_jwt", "token_endpoint_auth_signing_alg": "ES256", "jwks": change{"keys": []any{}}},
		"confidential, by URL": {"token_endpoint_auth_method": "private_key_jwt", "token_endpoint_auth_signing_alg": "ES256", "jwks_uri": "https://app.example.com/jwks.json"},
		"unknown members":      {"software_id": "x", "contacts": []string{"a@b.example"}},
	} {
		if err := judge(t, with(c)); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestBadDescriptions(t *testing.T) {
	redirect := func(u string) change { return change{"redirect_uris": []string{u}} }
	native := func(u string) change { return change{"redirect_uris": []string{u}, "application_type": "native"} }
	for name, c := range map[string]struct {
		change change
		code   string
	}{
		"other client_id":         {change{"client_id": id + "x"}, "invalid_client_metadata"},
		"no client_id":            {change{"client_id": nil}, "invalid_client_metadata"},
		"no scope":                {change{"scope": nil}, "invalid_client_metadata"},
		"no atproto":              {change{"scope": "repo:*"}, "invalid_client_metadata"},
		"scope twice":             {change{"scope": "atproto atproto"}, "invalid_client_metadata"},
		"implicit grant":          {change{"grant_types": []string{"authorization_code", "implicit"}}, "invalid_client_metadata"},
		"password grant":          {change{"grant_types": []string{"authorization_code", "password"}}, "invalid_client_metadata"},
		"grant twice":             {change{"grant_types": []string{"authorization_code", "authorization_code"}}, "invalid_client_metadata"},
		"no code grant":           {change{"grant_types": []string{"refresh_token"}}, "invalid_client_metadata"},
		"no code response":        {change{"response_types": []string{"token"}}, "invalid_client_metadata"},
		"no DPoP":                 {change{"dpop_bound_access_tokens": nil}, "invalid_client_metadata"},
		"DPoP refused":            {change{"dpop_bound_access_tokens": false}, "invalid_client_metadata"},
		"auth method left out":    {change{"token_endpoint_auth_method": nil}, "invalid_client_metadata"},
		"client secret":           {change{"token_endpoint_auth_method": "client_secret_post"}, "invalid_client_metadata"},
		"alg without keys":        {change{"token_endpoint_auth_signing_alg": "ES256"}, "invalid_client_metadata"},
		"keys left out":           {change{"token_endpoint_auth_method": "private_key_jwt", "token_endpoint_auth_signing_alg": "ES256"}, "invalid_client_metadata"},
		"alg left out":            {change{"token_endpoint_auth_method": "private_key_jwt", "jwks_uri": "https://app.example.com/k"}, "invalid_client_metadata"},
		"keys both ways":          {change{"jwks_uri": "https://app.example.com/k", "jwks": change{"keys": []any{}}}, "invalid_client_metadata"},
		"keys by http":            {change{"token_endpoint_auth_method": "private_key_jwt", "token_endpoint_auth_signing_alg": "ES256", "jwks_uri": "http://app.example.com/k"}, "invalid_client_metadata"},
		"native and confidential": {change{"application_type": "native", "token_endpoint_auth_method": "private_key_jwt", "token_endpoint_auth_signing_alg": "ES256", "jwks_uri": "https://app.example.com/k"}, "invalid_client_metadata"},
		"pairwise":                {change{"subject_type": "pairwise"}, "invalid_client_metadata"},
		"encrypted answers":       {change{"authorization_encrypted_response_enc": "A128CBC-HS256"}, "invalid_client_metadata"},
		"mTLS":                    {change{"tls_client_certificate_bound_access_tokens": true}, "invalid_client_metadata"},
		"details":                 {change{"authorization_details_types": []string{"x"}}, "invalid_client_metadata"},
		"OpenID":                  {change{"id_token_signed_response_alg": "RS256"}, "invalid_client_metadata"},
		"max age":                 {change{"default_max_age": 10}, "invalid_client_metadata"},
		"application type":        {change{"application_type": "desktop"}, "invalid_client_metadata"},
		"page elsewhere":          {change{"client_uri": "https://other.example.com"}, "invalid_client_metadata"},
		"page on another port":    {change{"client_uri": "https://app.example.com:444"}, "invalid_client_metadata"},
		"page beside":             {change{"client_uri": "https://app.example.com/oaut"}, "invalid_client_metadata"},
		"script for a logo":       {change{"logo_uri": "javascript:alert(1)"}, "invalid_client_metadata"},
		"data for a logo":         {change{"logo_uri": "data:image/svg+xml,x"}, "invalid_client_metadata"},
		"script for terms":        {change{"tos_uri": "javascript:alert(1)"}, "invalid_client_metadata"},
		"user in a policy":        {change{"policy_uri": "https://a@b.example/"}, "invalid_client_metadata"},
		"name is a number":        {change{"client_name": 7}, "invalid_client_metadata"},
		"redirects are text":      {change{"redirect_uris": "https://app.example.com/cb"}, "invalid_client_metadata"},
		"no redirects":            {change{"redirect_uris": nil}, "invalid_client_metadata"},
		"empty redirects":         {change{"redirect_uris": []string{}}, "invalid_client_metadata"},
		"http":                    {redirect("http://app.example.com/cb"), "invalid_redirect_uri"},
		"localhost":               {native("http://localhost/cb"), "invalid_redirect_uri"},
		"https localhost":         {redirect("https://localhost/cb"), "invalid_redirect_uri"},
		"loopback for the web":    {redirect("http://127.0.0.1/cb"), "invalid_redirect_uri"},
		"https loopback":          {native("https://127.0.0.1/cb"), "invalid_redirect_uri"},
		"local name":              {redirect("https://printer.local/cb"), "invalid_redirect_uri"},
		"bare name":               {redirect("https://intranet/cb"), "invalid_redirect_uri"},
		"test name":               {redirect("https://app.test/cb"), "invalid_redirect_uri"},
		"user":                    {redirect("https://a:b@app.example.com/cb"), "invalid_redirect_uri"},
		"own scheme for the web":  {redirect("com.example.app:/cb"), "invalid_redirect_uri"},
		"scheme of others":        {native("com.example.other:/cb"), "invalid_redirect_uri"},
		"scheme and host":         {native("com.example.app://cb"), "invalid_redirect_uri"},
		"scheme without a dot":    {native("myapp:/cb"), "invalid_redirect_uri"},
		"script":                  {native("javascript:alert(1)"), "invalid_redirect_uri"},
		"data":                    {native("data:text/html,x"), "invalid_redirect_uri"},
		"relative":                {redirect("/cb"), "invalid_redirect_uri"},
		"backslash":               {redirect(`https://app.example.com\@evil.example/`), "invalid_redirect_uri"},
		"no host":                 {redirect("https:///cb"), "invalid_redirect_uri"},
	} {
		var r Refusal
		if err := judge(t, with(c.change)); !errors.As(err, &r) || r.Code != c.code {
			t.Errorf("%s: %v, want %s", name, err, c.code)
		}
	}
}

func TestNamesOfClients(t *testing.T) {
	for _, ok := range []string{id, "https://example.com/a", "https://example.com:8443/a/b.json?x=y"} {
		if _, err := checkID(ok); err != nil {
			t.Errorf("%s: %v", ok, err)
		}
	}
	for _, bad := range []string{
		"", "app", "http://example.com/a", "https://example.com", "https://example.com/", "https://example.com/a/", "https://example.com/a#b", "https://example.com/a#",
		"https://u:p@example.com/a", "https://u@example.com/a", "https://127.0.0.1/a", "https://[::1]/a", "https://10.1.2.3/a", "https://localhost/a", "https://a.localhost/a",
		"https://app.test/a", "https://app.local/a", "https://app.invalid/a", "https://app.example/a", "https://app.example./a", "https://intranet/a",
		"https://example.com/a/../b", "https://example.com/a/%2e%2e/b", "https://example.com/./a", `https://example.com\a`, "https://example.com/a b", "https:example.com/a", "ftp://example.com/a",
		"did:web:example.com",
	} {
		if _, err := checkID(bad); err == nil {
			t.Errorf("%s is taken", bad)
		}
	}
}

func TestClientsThatDescribeThemselves(t *testing.T) {
	for in, want := range map[string]struct{ scope, redirects string }{
		"http://localhost":                        {"atproto", "http://127.0.0.1/ http://[::1]/"},
		"http://localhost/":                       {"atproto", "http://127.0.0.1/ http://[::1]/"},
		"http://localhost?scope=atproto+repo%3A*": {"atproto repo:*", "http://127.0.0.1/ http://[::1]/"},
		"http://localhost/?redirect_uri=http%3A%2F%2F127.0.0.1%3A5000%2Fcb&redirect_uri=http://[::1]/x": {"atproto", "http://127.0.0.1:5000/cb http://[::1]/x"},
	} {
		m, err := describeItself(in)
		if err == nil {
			err = m.check(in)
		}
		if err != nil || m.Scope != want.scope || strings.Join(m.RedirectURIs, " ") != want.redirects {
			t.Errorf("%s: %+v %v", in, m, err)
		}
	}
	for _, in := range []string{
		"http://localhost/path", "http://localhost:3000", "http://localhost#x", "http://localhost/?x=y", "http://localhost?scope=atproto&scope=atproto", "http://localhost.evil.example/",
		"http://localhost?scope=repo:*", "http://localhost?scope=", "http://localhost?redirect_uri=https://evil.example/", "http://localhost?redirect_uri=http://localhost/cb",
		"http://localhost?redirect_uri=http://127.0.0.1.evil.example/", "http://localhost?redirect_uri=http://a@127.0.0.1/", "http://localhost?%zz",
	} {
		m, err := describeItself(in)
		if err == nil {
			err = m.check(in)
		}
		if err == nil {
			t.Errorf("%s is taken", in)
		}
	}
}

func TestRedirects(t *testing.T) {
	web := &Client{Metadata: Metadata{RedirectURIs: []string{"https://app.example.com/cb?x=y"}}}
	if got, err := web.Redirect(""); err != nil || got != "https://app.example.com/cb?x=y" {
		t.Error(got, err)
	}
	for _, bad := range []string{
		"https://app.example.com/cb", "https://app.example.com/cb?x=y&z", "https://app.example.com/cb?x=y#", "https://app.example.com/cb/?x=y", "https://app.example.com/CB?x=y",
		"https://app.example.com:443/cb?x=y", "http://app.example.com/cb?x=y", "https://app.example.com//cb?x=y", "https://app.example.com/./cb?x=y", "https://a@app.example.com/cb?x=y",
		"https://app.example.com.evil.example/cb?x=y", "https://evil.example/cb?x=y", "https://app.example.com/%63b?x=y", " https://app.example.com/cb?x=y", "//app.example.com/cb?x=y",
	} {
		if got, err := web.Redirect(bad); err == nil {
			t.Errorf("%s is answered to %s", bad, got)
		}
	}
	native := &Client{Metadata: Metadata{RedirectURIs: []string{"http://127.0.0.1/cb", "http://[::1]/", "http://127.0.0.1:9000/fixed"}}}
	if _, err := native.Redirect(""); err == nil {
		t.Error("one of several redirects was chosen")
	}
	for _, ok := range []string{"http://127.0.0.1/cb", "http://127.0.0.1:1234/cb", "http://[::1]:99/", "http://[::1]:99", "http://127.0.0.1:9000/fixed"} {
		if got, err := native.Redirect(ok); err != nil || got != ok {
			t.Errorf("%s: %q %v", ok, got, err)
		}
	}
	for _, bad := range []string{
		"http://127.0.0.1:1234/other", "http://127.0.0.1:1234/cb?x", "http://127.0.0.1:1234/cb#x", "http://127.0.0.2:1234/cb", "http://localhost:1234/cb", "https://127.0.0.1:1234/cb",
		"http://u@127.0.0.1:1234/cb", "http://127.0.0.1:9001/fixed", "http://127.0.0.1.evil.example/cb", "http://127.0.0.1:80@evil.example/cb",
	} {
		if _, err := native.Redirect(bad); err == nil {
			t.Errorf("%s is taken", bad)
		}
	}
}
