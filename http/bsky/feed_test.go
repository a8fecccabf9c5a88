package bsky

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"time"
)

// stamp is how the app view writes a time of these tests.
func stamp(n int) string { return instant(minute(n)) }

// feedText is an app view's feed of items, each written as
//
//	name@minute        bob's post
//	own:i@minute       alice's post, which the app view has seen
//	repost:name@minute bob's older post, reposted by alice
//	pin:i@minute       alice's post, pinned
func feedText(cursor string, items ...string) string {
	var all []string
	for _, item := range items {
		name, at, _ := strings.Cut(item, "@")
		var n int
		fmt.Sscan(at, &n)
		kind, rest, ok := strings.Cut(name, ":")
		if !ok {
			kind, rest = "", name
		}
		var i int
		fmt.Sscan(rest, &i)
		own := fmt.Sprintf(`{"uri":%q,"cid":%q,"author":{"did":%q,"handle":"alice.test","displayName":"old","createdAt":"2025-01-01T00:00:00Z"},"record":%s,"indexedAt":%q}`,
			ownURI(i), someCID, alice, plainPost("x", ""), stamp(n))
		switch kind {
		case "own":
			all = append(all, `{"post":`+own+`}`)
		case "pin":
			all = append(all, `{"post":`+own+`,"reason":{"$type":"app.bsky.feed.defs#reasonPin"}}`)
		case "repost":
			all = append(all, fmt.Sprintf(`{"post":%s,"reason":{"$type":"app.bsky.feed.defs#reasonRepost","by":{"did":%q,"handle":"alice.test"},"indexedAt":%q}}`,
				bobPost(rest, stamp(-1000), ""), alice, stamp(n)))
		default:
			all = append(all, `{"post":`+bobPost(rest, stamp(n), "")+`,"feedContext":"kept","unheard":{"of":[1.50,{"x":null}]}}`)
		}
	}
	more := ""
	if cursor != "" {
		more = fmt.Sprintf(`,"cursor":%q`, cursor)
	}
	return `{"feed":[` + strings.Join(all, ",") + `]` + more + `,"extra":"kept"}`
}

// shape names the posts of a feed in their order: bob's by name, alice's by number.
func shape(t *testing.T, body []byte) string {
	t.Helper()
	var answer struct {
		Feed []struct{ Post strongRef }
	}
	if err := json.Unmarshal(body, &answer); err != nil {
		t.Fatal(err)
	}
	var names []string
	for _, item := range answer.Feed {
		name := item.Post.URI[strings.LastIndexByte(item.Post.URI, '/')+1:]
		for i := range 20 {
			if item.Post.URI == ownURI(i) {
				name = fmt.Sprint(i)
			}
		}
		names = append(names, name)
	}
	return strings.Join(names, " ")
}

// New posts stand where the order of a feed puts them.
func TestInsertIntoFeed(t *testing.T) {
	posts := []string{plainPost("0", ""), plainPost("1", ""), plainPost("2", "")} // of minutes 0, 1, 2
	all := filter("", alice)
	for _, c := range []struct {
		name string
		feed string
		page page
		want string // "": nothing changes
	}{
		{"on top", feedText("c", "a@-1", "b@-2"), page{first: true, keep: all}, "2 1 0 a b"},
		{"between", feedText("c", "x@10", "a@1", "b@-2"), page{first: true, keep: all}, "x 2 a 1 0 b"},
		{"older than the page", feedText("c", "x@10", "y@9"), page{first: true, keep: all}, ""},
		{"partly older than the page", feedText("c", "x@10", "y@1"), page{first: true, keep: all}, "x 2 y"},
		{"older than a feed that ends", feedText("", "x@10", "y@9"), page{first: true, keep: all}, "x y 2 1 0"},
		{"an empty feed", feedText(""), page{first: true, keep: all}, "2 1 0"},
		{"continued", feedText("c", "a@-1", "b@-2"), page{keep: all}, ""},
		{"continued where they belong", feedText("c", "x@10", "b@-2"), page{keep: all}, "x 2 1 0 b"},
		{"continued at the end", feedText(""), page{keep: all}, ""},
		{"seen already", feedText("c", "own:2@2", "own:0@0", "b@-2"), page{first: true, keep: all}, "2 1 0 b"},
		{"all seen already", feedText("c", "own:2@2", "own:1@1", "own:0@0"), page{first: true, keep: all}, ""},
		{"pinned on top", feedText("c", "pin:9@-50", "a@-1"), page{first: true, keep: all}, "9 2 1 0 a"},
		{"pinned and nothing else", feedText("", "pin:9@-50"), page{first: true, keep: all}, "9 2 1 0"},
		{"a new post pinned", feedText("c", "pin:1@1", "a@-1"), page{first: true, keep: all}, "1 2 1 0 a"},
		{"reposts", feedText("c", "repost:r@10", "a@-1"), page{first: true, keep: all}, "r 2 1 0 a"},
		{"nobody's", feedText("c", "a@-1"), page{first: true}, ""},
		{"filtered", feedText("c", "a@-1"), page{first: true, keep: func(p post) bool { return p.uri == ownURI(1) }}, "1 a"},
	} {
		t.Run(c.name, func(t *testing.T) {
			w := newWorld(t, written(t, "", false, posts...))
			got, err := w.feedAnswer(t.Context(), []byte(c.feed), c.page)
			if err != nil {
				t.Fatal(err)
			}
			if c.want == "" {
				if got != nil {
					t.Errorf("changed to %s", shape(t, got))
				}
				return
			}
			if s := shape(t, got); s != c.want {
				t.Errorf("%s, want %s", s, c.want)
			}
			holds(t, "app.bsky.feed.getTimeline", got)
			for _, kept := range []string{`"extra":"kept"`} {
				if !strings.Contains(string(got), kept) {
					t.Errorf("%s is lost", kept)
				}
			}
			if strings.Contains(c.feed, "unheard") && !strings.Contains(string(got), `"feedContext":"kept","unheard":{"of":[1.50,{"x":null}]}`) {
				t.Errorf("what nobody knows has changed: %s", got)
			}
		})
	}
}

// Each kind of author feed shows what it says.
func TestFilters(t *testing.T) {
	embed := func(typ string) post { return post{Embed: json.RawMessage(typ)} }
	reply := func(root, parent string) (p post) {
		if err := json.Unmarshal([]byte(plainPost("x", replyTo(root, parent))), &p); err != nil {
			t.Fatal(err)
		}
		return p
	}
	all := map[string]post{
		"plain": {}, "images": embed(`{"$type":"app.bsky.embed.images"}`), "video": embed(`{"$type":"app.bsky.embed.video"}`),
		"gallery": embed(`{"$type":"app.bsky.embed.gallery"}`), "link": embed(`{"$type":"app.bsky.embed.external"}`),
		"quote":      embed(`{"$type":"app.bsky.embed.record"}`),
		"videoquote": embed(`{"$type":"app.bsky.embed.recordWithMedia","media":{"$type":"app.bsky.embed.video"}}`),
		"toself":     reply(ownURI(1), ownURI(2)), "tobob": reply(bobURI("a"), bobURI("a")), "under": reply(bobURI("a"), ownURI(2)),
	}
	for name, want := range map[string]string{
		"":                         "plain images video gallery link quote videoquote toself tobob under",
		"posts_with_replies":       "plain images video gallery link quote videoquote toself tobob under",
		"of_tomorrow":              "plain images video gallery link quote videoquote toself tobob under",
		"posts_no_replies":         "plain images video gallery link quote videoquote",
		"posts_and_author_threads": "plain images video gallery link quote videoquote toself",
		"posts_with_media":         "images video gallery videoquote",
		"posts_with_video":         "video videoquote",
	} {
		keep := filter(name, alice)
		for which, p := range all {
			if got := keep(p); got != strings.Contains(" "+want+" ", " "+which+" ") {
				t.Errorf("%s %s: %v", name, which, got)
			}
		}
	}
}

// The account's profile is up to date wherever its posts are shown, and nothing
// else of them changes.
func TestRefreshAuthors(t *testing.T) {
	w := newWorld(t, written(t, `{"$type":"app.bsky.actor.profile","displayName":"new","description":"not here"}`, true))
	feed := feedText("c", "a@5", "own:3@4", "repost:r@3", "pin:4@2")
	got, err := w.feedAnswer(t.Context(), []byte(feed), page{})
	if err != nil {
		t.Fatal(err)
	}
	same(t, "feed", got, strings.ReplaceAll(feed, `"displayName":"old"`, `"displayName":"new"`))
	if got, err := w.feedAnswer(t.Context(), []byte(feedText("c", "a@5")), page{}); got != nil || err != nil {
		t.Errorf("a feed of others: %s %v", got, err)
	}
}

// What is no feed is not changed.
func TestBrokenFeeds(t *testing.T) {
	w := newWorld(t, written(t, `{"$type":"app.bsky.actor.profile","displayName":"new"}`, true, plainPost("0", "")))
	good := feedText("c", "own:3@-1")
	for _, body := range []string{
		"", "[]", "7", `{"feed":7}`, `{"feed":[7]}`, `{}`, `{"feed":[{}]}`, good[:len(good)-1], good[:len(good)/2],
		strings.ReplaceAll(good, stamp(-1), "yesterday"), strings.ReplaceAll(good, `"author":{`, `"author":7,"other":{`),
	} {
		if got, err := w.feedAnswer(t.Context(), []byte(body), page{first: true, keep: filter("", alice)}); err == nil {
			t.Errorf("%s became %s", body, got)
		}
	}
}

func TestInstant(t *testing.T) {
	if got := instant(time.Date(2026, 1, 2, 3, 4, 5, 6789000, time.FixedZone("", 3600))); got != "2026-01-02T02:04:05.006Z" {
		t.Error(got)
	}
}
