package bsky

import (
	"fmt"
	"testing"
)

const fullProfile = `{"$type":"app.bsky.actor.profile","displayName":"new","description":"d","pronouns":"they","website":"https://a.test","pinnedPost":{"uri":"at://did:plc:ewvi7nxzyoun6zhxrhs64oiz/app.bsky.feed.post/a","cid":"` + someCID + `"},` +
	`"avatar":{"$type":"blob","ref":{"$link":"` + pixels + `"},"mimeType":"image/png","size":12},"banner":{"$type":"blob","ref":{"$link":"` + pixels + `"},"mimeType":"image/png","size":12}}`

// The account's own profile is what its record says; all else stays.
func TestProfiles(t *testing.T) {
	view := func(did any, more string) string {
		return fmt.Sprintf(`{"did":"%v","handle":"x.test","postsCount":3,"unheard":1.50%s}`, did, more)
	}
	old := `,"displayName":"old","description":"old","avatar":"https://a.test/a","banner":"https://a.test/b","pronouns":"old","website":"https://old.test","pinnedPost":{"uri":"at://did:plc:ewvi7nxzyoun6zhxrhs64oiz/app.bsky.feed.post/old","cid":"` + someCID + `"}`
	image := func(preset string) string {
		return "https://cdn.test/" + preset + "/plain/" + alice.String() + "/" + pixels + "@jpeg"
	}
	full := `,"displayName":"new","description":"d","avatar":"` + image("avatar") + `","banner":"` + image("banner") + `","pronouns":"they","website":"https://a.test","pinnedPost":{"uri":"at://did:plc:ewvi7nxzyoun6zhxrhs64oiz/app.bsky.feed.post/a","cid":"` + someCID + `"}`
	for _, c := range []struct{ name, record, before, after string }{
		{"everything changes", fullProfile, view(alice, old), view(alice, full)},
		{"everything comes", fullProfile, view(alice, ""), view(alice, full)},
		{"everything goes", `{"$type":"app.bsky.actor.profile"}`, view(alice, old), view(alice, "")},
		{"empty texts", `{"$type":"app.bsky.actor.profile","displayName":"","description":""}`, view(alice, old), view(alice, `,"displayName":"","description":""`)},
		{"somebody else's", fullProfile, view(bob, old), ""},
		{"of no DID", fullProfile, `{"handle":"x.test"}`, "error"},
		{"no object", fullProfile, `7`, "error"},
		{"against its lexicon", fullProfile, view(alice, `,"followersCount":"many"`), "error"},
	} {
		t.Run(c.name, func(t *testing.T) {
			w := newWorld(t, written(t, c.record, true))
			one, err := w.profileAnswer([]byte(c.before))
			several, errs := w.profilesAnswer([]byte(`{"profiles":[` + view("did:web:other.test", old) + `,` + c.before + `],"x":1}`))
			switch c.after {
			case "error":
				if err == nil || errs == nil {
					t.Errorf("%s %s", one, several)
				}
			case "":
				if one != nil || err != nil || several != nil || errs != nil {
					t.Errorf("%s %v %s %v", one, err, several, errs)
				}
			default:
				if err != nil || errs != nil {
					t.Fatal(err, errs)
				}
				same(t, "getProfile", one, c.after)
				holds(t, "app.bsky.actor.getProfile", one)
				same(t, "getProfiles", several, `{"profiles":[`+view("did:web:other.test", old)+`,`+c.after+`],"x":1}`)
				holds(t, "app.bsky.actor.getProfiles", several)
			}
		})
	}
}
