package permission

import (
	"strings"
	"testing"
)

func TestNormalForm(t *testing.T) {
	for in, want := range map[string]string{
		"atproto":              "atproto",
		"transition:generic":   "transition:generic",
		"transition:chat.bsky": "transition:chat.bsky",

		"repo:*":                        "repo:*",
		"repo?collection=*":             "repo:*",
		"repo:app.bsky.feed.post":       "repo:app.bsky.feed.post",
		"repo:app%2Ebsky%2Efeed%2Epost": "repo:app.bsky.feed.post",
		"repo:app.bsky.feed.post?":      "repo:app.bsky.feed.post",
		"repo?collection=b.example.two&collection=a.example.one":       "repo?collection=a.example.one&collection=b.example.two",
		"repo?collection=a.example.one&collection=*":                   "repo:*",
		"repo?collection=a.example.one&collection=a.example.one":       "repo:a.example.one",
		"repo:a.example.one?action=delete&action=create":               "repo:a.example.one?action=create&action=delete",
		"repo:a.example.one?action=delete&action=create&action=update": "repo:a.example.one",
		"repo:a.example.one?action=delete&action=delete":               "repo:a.example.one?action=delete",
		"rpc:a.example.one?aud=*":                                      "rpc:a.example.one?aud=*",
		"rpc:a.example.one?aud=did:web:api.bsky.app%23bsky_appview":    "rpc:a.example.one?aud=did:web:api.bsky.app%23bsky_appview",
		"rpc:a.example.one?aud=did:web:api.bsky.app#bsky_appview":      "rpc:a.example.one?aud=did:web:api.bsky.app%23bsky_appview",
		"rpc?aud=did%3Aweb%3Aapi.bsky.app%23x&lxm=*":                   "rpc:*?aud=did:web:api.bsky.app%23x",
		"rpc?lxm=b.example.two&lxm=a.example.one&aud=*":                "rpc?lxm=a.example.one&lxm=b.example.two&aud=*",
		"blob:image/*":                     "blob:image/*",
		"blob:Image/PNG":                   "blob:image/png",
		"blob:*/*":                         "blob:*/*",
		"blob?accept=video/mp4&accept=*/*": "blob:*/*",
		"blob?accept=video/mp4&accept=image/*&accept=image/png": "blob?accept=image/*&accept=video/mp4",
		"blob:image/svg+xml":                                  "blob:image/svg+xml",
		"blob?accept=image/svg+xml&accept=text/plain":         "blob?accept=image/svg+xml&accept=text/plain",
		"account:email":                                       "account:email",
		"account:email?action=read":                           "account:email",
		"account:repo?action=manage":                          "account:repo?action=manage",
		"account:status?action=read&action=manage":            "account:status?action=manage",
		"account?attr=email&action=manage":                    "account:email?action=manage",
		"identity:handle":                                     "identity:handle",
		"identity:*":                                          "identity:*",
		"identity?attr=*":                                     "identity:*",
		"include:app.bsky.authFullApp":                        "include:app.bsky.authFullApp",
		"include:app.bsky.authFullApp?aud=did:web:x.test%23y": "include:app.bsky.authFullApp?aud=did:web:x.test%23y",
	} {
		v, ok := Parse(in)
		if !ok {
			t.Errorf("%s is not understood", in)
			continue
		}
		if got := v.String(); got != want {
			t.Errorf("%s is written back as %s, want %s", in, got, want)
		}
		again, ok := Parse(want)
		if !ok || again.String() != want {
			t.Errorf("%s does not keep its form", want)
		}
	}
}

func TestNotUnderstood(t *testing.T) {
	for _, in := range []string{
		"", " ", "openid", "Atproto", "atproto:", "atproto?x=y", "transition", "transition:other", "transition:generic?x=y",
		"repo", "repo:", "repo?", "repo:nodots", "repo:a.example.*", "repo:a.example.one?action=", "repo:a.example.one?action=read",
		"repo:a.example.one?action=Create", "repo:a.example.one?other=1", "repo:a.example.one?collection=b.example.two",
		"repo?action=create", "repo:%zz", "repo:a.example.one?%zz=1", "repo:a.example.one?action=%zz", "repository:*", "repo.x:*",
		"rpc:*?aud=*", "rpc?lxm=*&lxm=a.example.one&aud=*", "rpc:a.example.one", "rpc:a.example.one?aud=", "rpc:a.example.one?aud=did:web:x.test",
		"rpc:a.example.one?aud=did:web:x.test%23", "rpc:a.example.one?aud=did:key:zabc%23x", "rpc:a.example.one?aud=*&aud=*", "rpc?aud=*",
		"rpc:a.example.one?aud=did:plc:short%23x", "rpc:one?aud=*",
		"blob", "blob:", "blob:image", "blob:image/", "blob:/png", "blob:*/png", "blob:im*/png", "blob:image/p*", "blob:image/png/x", "blob:image/png?x=1",
		"blob:image /png",
		"account", "account:password", "account:email?action=delete", "account:email?attr=repo", "account?attr=email&attr=repo",
		"identity", "identity:did", "identity:handle?x=1", "identity?attr=handle&attr=*",
		"include", "include:one", "include:*", "include:a.example.one?aud=*", "include:a.example.one?aud=did:web:x.test", "include:a.example.one?aud=did:web:x.test%23y&aud=did:web:x.test%23y",
		"space:com.example.thing",
	} {
		if v, ok := Parse(in); ok {
			t.Errorf("%q is taken as %s", in, v)
		}
	}
}

func TestSetIsSortedWithoutDoubles(t *testing.T) {
	got := ParseSet("transition:generic  unknown atproto repo?collection=* atproto").String()
	if want := "atproto repo:* transition:generic"; got != want {
		t.Errorf("%q, want %q", got, want)
	}
}

func FuzzParse(f *testing.F) {
	for _, seed := range []string{"atproto", "repo:a.b.c?action=create", "rpc?lxm=a.b.c&aud=did:web:x%23y", "blob:a/b", "include:a.b.c", "account:email?action=manage", "identity:*"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, in string) {
		v, ok := Parse(in)
		if !ok {
			return
		}
		form := v.String()
		if strings.ContainsAny(form, " \t\n") {
			t.Fatalf("%q has a space in its form %q", in, form)
		}
		again, ok := Parse(form)
		if !ok || again.String() != form {
			t.Fatalf("%q → %q does not keep its form", in, form)
		}
	})
}
