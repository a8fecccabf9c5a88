package main

import (
	"strings"
	"testing"
	"time"
)

func TestProxySettings(t *testing.T) {
	base := map[string]string{
		"PDS_DATA_DIRECTORY": "/data", "PDS_JWT_SECRET": "s", "PDS_ADMIN_PASSWORD": "a",
		"PDS_PLC_ROTATION_KEY_K256_PRIVATE_KEY_HEX": strings.Repeat("11", 32),
	}
	view := RemoteService{DID: "did:web:view.test", URL: "https://view.test"}
	usual := ProxyConfig{HeadersTimeout: 10 * time.Second, BodyTimeout: 30 * time.Second, MaxResponse: 10 << 20}
	for _, c := range []struct {
		set  string
		view RemoteService
		want ProxyConfig
		err  string
	}{
		{"", RemoteService{}, usual, ""},
		{"PDS_BSKY_APP_VIEW_URL=https://view.test/ PDS_BSKY_APP_VIEW_DID=did:web:view.test", view, usual, ""},
		{"PDS_BSKY_APP_VIEW_URL=https://view.test", RemoteService{}, usual, "PDS_BSKY_APP_VIEW_DID must be set too"},
		{"PDS_MOD_SERVICE_DID=did:web:mod.test", RemoteService{}, usual, "PDS_MOD_SERVICE_URL must be set too"},
		{"PDS_REPORT_SERVICE_URL=https://x PDS_REPORT_SERVICE_DID=nonsense", RemoteService{}, usual, "PDS_REPORT_SERVICE_DID must be a DID"},
		{"PDS_BSKY_APP_VIEW_URL=https://view.test/xrpc PDS_BSKY_APP_VIEW_DID=did:web:view.test", RemoteService{}, usual, "without a path"},
		{"PDS_BSKY_APP_VIEW_URL=view.test PDS_BSKY_APP_VIEW_DID=did:web:view.test", RemoteService{}, usual, "must be the URL of a service"},
		{"PDS_BSKY_APP_VIEW_URL=ftp://view.test PDS_BSKY_APP_VIEW_DID=did:web:view.test", RemoteService{}, usual, "must be the URL of a service"},
		{"PDS_PROXY_HEADERS_TIMEOUT=soon", RemoteService{}, usual, "PDS_PROXY_HEADERS_TIMEOUT must be a whole number"},
		{"PDS_PROXY_HEADERS_TIMEOUT=1 PDS_PROXY_BODY_TIMEOUT=2 PDS_PROXY_MAX_RESPONSE_SIZE=3 PDS_PROXY_MAX_RETRIES=4 PDS_PROXY_ALLOW_HTTP2=1 PDS_PROXY_PREFER_COMPRESSED=true PDS_PROXY_SERVICE_AUDIENCE=true",
			RemoteService{}, ProxyConfig{time.Millisecond, 2 * time.Millisecond, 3, 4, true, true, true}, ""},
	} {
		values := map[string]string{}
		for name, value := range base {
			values[name] = value
		}
		for pair := range strings.FieldsSeq(c.set) {
			name, value, _ := strings.Cut(pair, "=")
			values[name] = value
		}
		s, err := newSettings(values, nil, "")
		if err != nil {
			t.Fatal(err)
		}
		got, err := readConfig(s)
		if c.err != "" {
			if err == nil || !strings.Contains(err.Error(), c.err) {
				t.Errorf("%s: %v", c.set, err)
			}
			continue
		}
		if err != nil || got.AppView != c.view || got.Proxy != c.want {
			t.Errorf("%s: %+v %+v, %v", c.set, got.AppView, got.Proxy, err)
		}
		if unread := s.unread(); len(unread) > 0 {
			t.Errorf("%s: nobody reads %v", c.set, unread)
		}
	}
}
