package permission

import (
	"errors"
	"testing"

	"github.com/bluesky-social/indigo/atproto/syntax"
)

const (
	post    = "app.bsky.feed.post"
	appview = "did:web:api.bsky.app#bsky_appview"
)

// asks are questions to a set, by the scope that would be missing.
var asks = map[string]func(Set) error{
	"repo:app.bsky.feed.post?action=create": func(s Set) error { return s.Repo(Create, post) },
	"repo:app.bsky.feed.post?action=delete": func(s Set) error { return s.Repo(Delete, post) },
	"rpc:app.bsky.feed.getFeed?aud=did:web:api.bsky.app%23bsky_appview": func(s Set) error {
		return s.RPC("app.bsky.feed.getFeed", appview)
	},
	"rpc:chat.bsky.convo.getLog?aud=did:web:api.bsky.chat%23bsky_chat": func(s Set) error {
		return s.RPC("chat.bsky.convo.getLog", "did:web:api.bsky.chat#bsky_chat")
	},
	"rpc:*?aud=did:web:api.bsky.app%23bsky_appview": func(s Set) error { return s.RPC("*", appview) },
	"blob:image/png":              func(s Set) error { return s.Blob("image/png") },
	"account:email":               func(s Set) error { return s.Account("email", Read) },
	"account:email?action=manage": func(s Set) error { return s.Account("email", Manage) },
	"account:repo?action=manage":  func(s Set) error { return s.Account("repo", Manage) },
	"identity:handle":             func(s Set) error { return s.Identity("handle") },
	"identity:*":                  func(s Set) error { return s.Identity("*") },
}

func TestWhatAScopeOpens(t *testing.T) {
	generic := []string{
		"repo:app.bsky.feed.post?action=create", "repo:app.bsky.feed.post?action=delete",
		"rpc:app.bsky.feed.getFeed?aud=did:web:api.bsky.app%23bsky_appview", "rpc:*?aud=did:web:api.bsky.app%23bsky_appview", "blob:image/png",
	}
	repos := generic[:2]
	for scope, opens := range map[string][]string{
		"":                                nil,
		"atproto":                         nil,
		"transition:generic":              generic,
		"transition:email":                {"account:email"},
		"transition:chat.bsky":            {"rpc:chat.bsky.convo.getLog?aud=did:web:api.bsky.chat%23bsky_chat"},
		"repo:*":                          repos,
		"repo:app.bsky.feed.post":         repos,
		"repo:*?action=create":            repos[:1],
		"repo:app.bsky.feed.like":         nil,
		"repo:app.bsky.feed.posts":        nil,
		"rpc:app.bsky.feed.getFeed?aud=*": generic[2:3],
		"rpc:*?aud=did:web:api.bsky.app%23bsky_appview":                   generic[2:4],
		"rpc:app.bsky.feed.getFeed?aud=did:web:other.test%23bsky_appview": nil,
		"rpc:app.bsky.feed.getFeed?aud=did:web:api.bsky.app%23other":      nil,
		"rpc:chat.bsky.convo.getLog?aud=*":                                {"rpc:chat.bsky.convo.getLog?aud=did:web:api.bsky.chat%23bsky_chat"},
		"blob:*/*":                                                        {"blob:image/png"},
		"blob:image/*":                                                    {"blob:image/png"},
		"blob:image/png":                                                  {"blob:image/png"},
		"blob:video/*":                                                    nil,
		"blob:image/pngx":                                                 nil,
		"account:email":                                                   {"account:email"},
		"account:email?action=manage":                                     {"account:email", "account:email?action=manage"},
		"account:repo?action=manage":                                      {"account:repo?action=manage"},
		"account:repo":                                                    nil,
		"identity:handle":                                                 {"identity:handle"},
		"identity:*":                                                      {"identity:handle", "identity:*"},
		"include:app.bsky.authFullApp":                                    nil, // grants nothing before it is expanded
		"rpc:*?aud=*":                                                     nil,
		"repo:*?x=1":                                                      nil,
	} {
		open := make(map[string]bool)
		for _, o := range opens {
			open[o] = true
		}
		set := ParseSet("atproto " + scope)
		for want, ask := range asks {
			err := ask(set)
			var missing Missing
			switch {
			case open[want] && err != nil:
				t.Errorf("%q does not open %s", scope, want)
			case !open[want] && (!errors.As(err, &missing) || missing.Scope != want):
				t.Errorf("%q: %v, want %s to be missing", scope, err, want)
			}
		}
	}
}

func TestABlobNeedsAType(t *testing.T) {
	set := ParseSet("blob:*/*")
	for _, mime := range []string{"", "image", "*/*", "image/*", "image/png/x"} {
		if set.Blob(mime) == nil {
			t.Errorf("%q is uploaded", mime)
		}
	}
	if err := set.Blob("Image/PNG"); err != nil {
		t.Error(err)
	}
}

const published = `{"lexicon":1,"id":"app.bsky.authFullApp","defs":{"main":{"type":"permission-set","title":"Everything","title:lang":{"de":"Alles"},"permissions":[
	{"type":"permission","resource":"repo","collection":["app.bsky.feed.post","app.bsky.feed.like"],"action":["create","delete"]},
	{"type":"permission","resource":"repo","collection":["app.bsky.feed.post","com.example.thing"]},
	{"type":"permission","resource":"repo","collection":["*"]},
	{"type":"permission","resource":"repo","collection":"app.bsky.feed.post"},
	{"type":"permission","resource":"repo","collection":["app.bsky.feed.gate"],"unknown":["x"]},
	{"type":"permission","resource":"rpc","inheritAud":true,"lxm":["app.bsky.feed.getFeed"]},
	{"type":"permission","resource":"rpc","aud":"*","lxm":["app.bsky.actor.getProfile"]},
	{"type":"permission","resource":"rpc","aud":"did:web:evil.test#x","lxm":["app.bsky.actor.getProfiles"]},
	{"type":"permission","resource":"rpc","lxm":["app.bsky.actor.getSuggestions"]},
	{"type":"permission","resource":"rpc","aud":"*","lxm":["*"]},
	{"type":"permission","resource":"rpc","aud":"*","lxm":["app.bskyx.actor.getProfile"]},
	{"type":"permission","resource":"blob","accept":["image/*"]},
	{"type":"permission","resource":"account","attr":"email"},
	{"type":"permission","resource":"identity","attr":"*"}
]}}}`

func TestPublishedSets(t *testing.T) {
	p, err := ReadPublished([]byte(published))
	if err != nil || p.Title != "Everything" || p.Titles["de"] != "Alles" {
		t.Fatal(p, err)
	}
	lookup := func(nsid syntax.NSID) (Published, error) {
		if nsid != "app.bsky.authFullApp" {
			return Published{}, errors.New("no such set")
		}
		return p, nil
	}
	for scope, want := range map[string]string{
		"atproto include:app.bsky.authFullApp":                                 "atproto repo?collection=app.bsky.feed.like&collection=app.bsky.feed.post&action=create&action=delete rpc:app.bsky.actor.getProfile?aud=*",
		"include:app.bsky.authFullApp?aud=did:web:api.bsky.app%23bsky_appview": "repo?collection=app.bsky.feed.like&collection=app.bsky.feed.post&action=create&action=delete rpc:app.bsky.actor.getProfile?aud=* rpc:app.bsky.feed.getFeed?aud=did:web:api.bsky.app%23bsky_appview",
		"atproto": "atproto",
	} {
		got, err := ParseSet(scope).Expand(lookup)
		if err != nil || got.String() != want {
			t.Errorf("%s\n got %s %v\nwant %s", scope, got, err, want)
		}
	}
	if _, err := ParseSet("include:com.example.none").Expand(lookup); err == nil {
		t.Error("an unknown set is expanded")
	}
	for _, doc := range []string{"", "[]", `{"defs":{"main":{"type":"record"}}}`, `{"defs":{}}`} {
		if _, err := ReadPublished([]byte(doc)); !errors.Is(err, ErrNotASet) {
			t.Errorf("%q: %v", doc, err)
		}
	}
}

// A set below one authority must not give away what is below another.
func TestAuthorityOfASet(t *testing.T) {
	set := Include{NSID: "com.example.auth.full"}
	for nsid, want := range map[string]bool{
		"com.example.auth.other": true, "com.example.auth.deep.er": true,
		"com.example.auth": false, "com.example.authx.other": false, "com.example.other": false, "com.example": false, "*": false,
	} {
		if set.governs(nsid) != want {
			t.Errorf("%s: %v", nsid, !want)
		}
	}
}

func TestNarrowing(t *testing.T) {
	asked := ParseSet("atproto repo:a.example.one transition:generic")
	for scope, want := range map[string]bool{
		"atproto": true, "atproto repo:a.example.one": true, "transition:generic atproto": true, "": true,
		"atproto repo:*": false, "repo:a.example.one?action=create": false, "account:email": false,
	} {
		if ParseSet(scope).Within(asked) != want {
			t.Errorf("%q: %v", scope, !want)
		}
	}
}
