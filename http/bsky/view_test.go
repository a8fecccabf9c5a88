package bsky

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/url"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/bluesky-social/indigo/atproto/syntax"

	"troupe/actors/lexicon"
	"troupe/actors/repo"
	"troupe/storage/dag"
)

const (
	alice   = syntax.DID("did:plc:ewvi7nxzyoun6zhxrhs64oiz")
	bob     = syntax.DID("did:plc:z72i7hdynmk6r22z27h6tvur")
	someCID = "bafyreie5737gdxlw5i64vzichcalba3z2v5n6icifvx5xytvske7mr3hpm"
	pixels  = "bafkreihdwdcefgh4dqkjv67uzcmw7ojee6xedzdetojuzjevtenxquvyku"
)

// begin is when the first post of a test was written; each is a minute after the
// one before.
var begin = time.Date(2026, 1, 2, 3, 0, 0, 0, time.UTC)

func minute(n int) time.Time { return begin.Add(time.Duration(n) * time.Minute) }

// written makes what the actor finds: records by collection/rkey, a minute apart.
func written(t *testing.T, profile string, fresh bool, posts ...string) repo.Recent {
	t.Helper()
	record := func(collection, rkey, text string, at time.Time) repo.Record {
		rec, err := dag.FromJSON([]byte(text), dag.Limits{})
		if err != nil {
			t.Fatal(err, text)
		}
		return repo.Record{Collection: syntax.NSID(collection), RKey: syntax.RecordKey(rkey), CID: rec.CID, Bytes: rec.Bytes, IndexedAt: at}
	}
	var found repo.Recent
	if profile != "" {
		p := record(profileCollection.String(), "self", profile, minute(0))
		found.Profile, found.Fresh = &p, fresh
	}
	for i, p := range posts {
		found.Records = append(found.Records, record(postCollection.String(), rkey(i), p, minute(i)))
	}
	return found
}

func rkey(i int) string { return syntax.NewTID(int64(i+1), 0).String() }

func ownURI(i int) string { return fmt.Sprintf("at://%s/app.bsky.feed.post/%s", alice, rkey(i)) }

func bobURI(name string) string { return fmt.Sprintf("at://%s/app.bsky.feed.post/%s", bob, name) }

// plainPost is a post record; more is further members.
func plainPost(text, more string) string {
	return fmt.Sprintf(`{"$type":"app.bsky.feed.post","text":%q,"createdAt":"2026-01-02T03:04:05Z"%s}`, text, more)
}

func replyTo(root, parent string) string {
	return fmt.Sprintf(`,"reply":{"root":{"uri":%q,"cid":%q},"parent":{"uri":%q,"cid":%q}}`, root, someCID, parent, someCID)
}

// world is a viewer before an app view that knows some things.
type world struct {
	viewer
	knows map[string]string // answers by method?query
	asked []string
}

var errDown = errors.New("nobody there")

func newWorld(t *testing.T, found repo.Recent) *world {
	t.Helper()
	w := &world{knows: map[string]string{}}
	w.viewer = viewer{
		did: alice, handle: "alice.test", local: localOf(alice, found, lexicon.Embedded()), catalog: lexicon.Embedded(),
		urls: URLs{CDN: "https://cdn.test/%s/plain/%s/%s@jpeg", Server: "https://pds.test"},
		ask: func(_ context.Context, method syntax.NSID, query url.Values) ([]byte, error) {
			q, _ := url.QueryUnescape(query.Encode())
			q = method.Name() + "?" + q
			w.asked = append(w.asked, q)
			answer, ok := w.knows[q]
			switch {
			case !ok:
				return nil, errAbsent
			case answer == "down":
				return nil, errDown
			}
			return []byte(answer), nil
		},
	}
	return w
}

// same compares JSON by what it means.
func same(t *testing.T, what string, got []byte, want string) {
	t.Helper()
	var a, b any
	if err := json.Unmarshal(got, &a); err != nil {
		t.Errorf("%s: %v: %s", what, err, got)
		return
	}
	if err := json.Unmarshal([]byte(want), &b); err != nil {
		t.Fatalf("%s: %v: %s", what, err, want)
	}
	if !reflect.DeepEqual(a, b) {
		t.Errorf("%s:\n got %s\nwant %s", what, got, want)
	}
}

// holds checks an answer as a whole.
func holds(t *testing.T, method syntax.NSID, body []byte) {
	t.Helper()
	m, ok := lexicon.Embedded().Method(method)
	if !ok {
		t.Fatal(method)
	}
	if err := m.CheckOutput(body); err != nil {
		t.Errorf("%s: %v\n%s", method, err, body)
	}
}

func bobPost(name, at, more string) string {
	return fmt.Sprintf(`{"uri":%q,"cid":%q,"author":{"did":%q,"handle":"bob.test"},"record":%s,"likeCount":3,"indexedAt":%q%s}`,
		bobURI(name), someCID, bob, plainPost(name, ""), at, more)
}

// A post looks as the app view will show it, embeds included.
func TestPostView(t *testing.T) {
	img := `{"$type":"blob","ref":{"$link":"` + pixels + `"},"mimeType":"image/png","size":12}`
	mp4 := `{"$type":"blob","ref":{"$link":"` + pixels + `"},"mimeType":"video/mp4","size":12}`
	thumb := "https://cdn.test/feed_thumbnail/plain/" + alice.String() + "/" + pixels + "@jpeg"
	full := "https://cdn.test/feed_fullsize/plain/" + alice.String() + "/" + pixels + "@jpeg"
	raw := "https://pds.test/xrpc/com.atproto.sync.getBlob?did=" + alice.String() + "&cid=" + pixels
	images := `{"$type":"app.bsky.embed.images","images":[{"image":` + img + `,"alt":"a <b>","aspectRatio":{"width":2,"height":1}},{"image":` + img + `,"alt":""}]}`
	imagesView := `{"$type":"app.bsky.embed.images#view","images":[{"thumb":"` + thumb + `","fullsize":"` + full + `","alt":"a <b>","aspectRatio":{"width":2,"height":1}},{"thumb":"` + thumb + `","fullsize":"` + full + `","alt":""}]}`
	feedURI := "at://" + bob.String() + "/app.bsky.feed.generator/cats"
	listURI := "at://" + bob.String() + "/app.bsky.graph.list/cats"
	packURI := "at://" + bob.String() + "/app.bsky.graph.starterpack/cats"
	quote := func(uri string) string {
		return fmt.Sprintf(`{"$type":"app.bsky.embed.record","record":{"uri":%q,"cid":%q}}`, uri, someCID)
	}
	quoteView := func(inner string) string { return `{"$type":"app.bsky.embed.record#view","record":` + inner + `}` }
	quotedBob := fmt.Sprintf(`{"$type":"app.bsky.embed.record#viewRecord","uri":%q,"cid":%q,"author":{"did":%q,"handle":"bob.test"},"value":%s,"likeCount":3,"embeds":[%s],"labels":[],"indexedAt":"2026-01-01T00:00:00.000Z"}`,
		bobURI("a"), someCID, bob, plainPost("a", ""), imagesView)
	notFound := func(uri string) string {
		return fmt.Sprintf(`{"$type":"app.bsky.embed.record#viewNotFound","uri":%q,"notFound":true}`, uri)
	}
	creator := `{"did":"` + bob.String() + `","handle":"bob.test"}`
	feedView := fmt.Sprintf(`"uri":%q,"cid":%q,"did":"did:web:feeds.test","creator":%s,"displayName":"Cats","indexedAt":"2026-01-01T00:00:00.000Z"`, feedURI, someCID, creator)
	listView := fmt.Sprintf(`"uri":%q,"cid":%q,"creator":%s,"name":"Cats","purpose":"app.bsky.graph.defs#curatelist","indexedAt":"2026-01-01T00:00:00.000Z"`, listURI, someCID, creator)
	packView := fmt.Sprintf(`"uri":%q,"cid":%q,"record":{"name":"x"},"creator":%s,"indexedAt":"2026-01-01T00:00:00.000Z"`, packURI, someCID, creator)
	knows := map[string]string{
		"getPosts?uris=" + bobURI("a"):           `{"posts":[` + bobPost("a", "2026-01-01T00:00:00.000Z", `,"labels":[],"viewer":{},"embed":`+imagesView) + `]}`,
		"getPosts?uris=" + bobURI("none"):        `{"posts":[]}`,
		"getFeedGenerator?feed=" + feedURI:       `{"view":{` + feedView + `},"isOnline":true,"isValid":true}`,
		"getList?limit=1&list=" + listURI:        `{"list":{` + listView + `},"items":[]}`,
		"getStarterPacks?uris=" + packURI:        `{"starterPacks":[{` + packView + `}]}`,
		"getPosts?uris=" + bobURI("unreachable"): "down",
		"getPosts?uris=" + bobURI("nonsense"):    `{"posts":[7]}`,
		"getPosts?uris=" + bobURI("incomplete"):  `{"posts":[{"uri":"` + bobURI("incomplete") + `"}]}`,
	}
	for _, c := range []struct{ name, embed, view string }{
		{"images", images, imagesView},
		{"gallery", `{"$type":"app.bsky.embed.gallery","items":[{"$type":"app.bsky.embed.gallery#image","image":` + img + `,"alt":"x","aspectRatio":{"width":2,"height":1}},{"$type":"com.example.other"}]}`,
			`{"$type":"app.bsky.embed.gallery#view","items":[{"$type":"app.bsky.embed.gallery#viewImage","thumbnail":"` + thumb + `","fullsize":"` + full + `","alt":"x","aspectRatio":{"width":2,"height":1}}]}`},
		{"video", `{"$type":"app.bsky.embed.video","video":` + mp4 + `,"alt":"x","aspectRatio":{"width":2,"height":1},"presentation":"gif"}`,
			`{"$type":"app.bsky.embed.video#view","cid":"` + pixels + `","playlist":"` + raw + `","alt":"x","aspectRatio":{"width":2,"height":1},"presentation":"gif"}`},
		{"external", `{"$type":"app.bsky.embed.external","external":{"uri":"https://a.test/?a=1&b=2","title":"t","description":"d","thumb":` + img + `}}`,
			`{"$type":"app.bsky.embed.external#view","external":{"uri":"https://a.test/?a=1&b=2","title":"t","description":"d","thumb":"` + thumb + `"}}`},
		{"external without a picture", `{"$type":"app.bsky.embed.external","external":{"uri":"https://a.test","title":"","description":""}}`,
			`{"$type":"app.bsky.embed.external#view","external":{"uri":"https://a.test","title":"","description":""}}`},
		{"quoted post", quote(bobURI("a")), quoteView(quotedBob)},
		{"quoted post that is gone", quote(bobURI("none")), quoteView(notFound(bobURI("none")))},
		{"quoted post that is refused", quote(bobURI("refused")), quoteView(notFound(bobURI("refused")))},
		{"quoted feed", quote(feedURI), quoteView(`{"$type":"app.bsky.feed.defs#generatorView",` + feedView + `}`)},
		{"quoted list", quote(listURI), quoteView(`{"$type":"app.bsky.graph.defs#listView",` + listView + `}`)},
		{"quoted starter pack", quote(packURI), quoteView(`{"$type":"app.bsky.graph.defs#starterPackViewBasic",` + packView + `}`)},
		{"quoted what nobody shows", quote("at://" + bob.String() + "/com.example.thing/x"), quoteView(notFound("at://" + bob.String() + "/com.example.thing/x"))},
		{"quote with images", `{"$type":"app.bsky.embed.recordWithMedia","record":` + quote(bobURI("a")) + `,"media":` + images + `}`,
			`{"$type":"app.bsky.embed.recordWithMedia#view","record":` + quoteView(quotedBob) + `,"media":` + imagesView + `}`},
		{"quote with an unknown medium", `{"$type":"app.bsky.embed.recordWithMedia","record":` + quote(bobURI("a")) + `,"media":{"$type":"com.example.other"}}`, ""},
		{"unknown", `{"$type":"com.example.other","x":1}`, ""},
		{"none", "", ""},
		{"quoted post out of reach", quote(bobURI("unreachable")), "error"},
		{"quoted post of another shape", quote(bobURI("nonsense")), "error"},
		{"quoted post against its lexicon", quote(bobURI("incomplete")), "error"},
	} {
		t.Run(c.name, func(t *testing.T) {
			record := plainPost("hi <&> ü", "")
			if c.embed != "" {
				record = plainPost("hi <&> ü", `,"embed":`+c.embed)
			}
			w := newWorld(t, written(t, `{"$type":"app.bsky.actor.profile","displayName":"Ali <3","avatar":`+img+`}`, false, record))
			w.knows = knows
			if len(w.local.posts) != 1 {
				t.Fatal("the post is not valid: ", record)
			}
			views, err := w.posts(t.Context(), w.local.posts)
			if c.view == "error" {
				if err == nil {
					t.Errorf("%s", views[ownURI(0)])
				}
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			embed := ""
			if c.view != "" {
				embed = `,"embed":` + c.view
			}
			same(t, c.name, views[ownURI(0)], fmt.Sprintf(
				`{"uri":%q,"cid":%q,"author":{"did":%q,"handle":"alice.test","displayName":"Ali <3","avatar":"https://cdn.test/avatar/plain/%s/%s@jpeg"},"record":%s,"replyCount":0,"repostCount":0,"likeCount":0,"quoteCount":0,"indexedAt":"2026-01-02T03:00:00.000Z"%s}`,
				ownURI(0), w.local.posts[0].cid, alice, alice, pixels, record, embed))
			if strings.Contains(string(views[ownURI(0)]), `\u003c`) {
				t.Error("text is escaped for HTML")
			}
		})
	}
}

// Quoted posts are fetched together, and own ones that are as new come from here.
func TestQuotesTogether(t *testing.T) {
	quote := func(uri string) string {
		return fmt.Sprintf(`,"embed":{"$type":"app.bsky.embed.record","record":{"uri":%q,"cid":%q}}`, uri, someCID)
	}
	w := newWorld(t, written(t, "", false, plainPost("0", quote(bobURI("a"))), plainPost("1", quote(bobURI("b"))), plainPost("2", quote(bobURI("a"))), plainPost("3", quote(ownURI(0)))))
	w.knows["getPosts?uris="+bobURI("a")+"&uris="+bobURI("b")] = `{"posts":[` + bobPost("b", "2026-01-01T00:00:00Z", "") + `,` + bobPost("a", "2026-01-01T00:00:00Z", "") + `]}`
	views, err := w.posts(t.Context(), w.local.posts)
	if err != nil {
		t.Fatal(err)
	}
	if len(w.asked) != 1 {
		t.Errorf("asked %q", w.asked)
	}
	for i, want := range []string{bobURI("a"), bobURI("b"), bobURI("a"), ownURI(0)} {
		var view struct {
			Embed struct {
				Record struct {
					typed
					strongRef
				} `json:"record"`
			} `json:"embed"`
		}
		if err := json.Unmarshal(views[ownURI(i)], &view); err != nil || view.Embed.Record.URI != want || view.Embed.Record.Type != "app.bsky.embed.record#viewRecord" {
			t.Errorf("post %d shows %s: %v", i, views[ownURI(i)], err)
		}
	}
}

// Records that the app view will not show are not shown either.
func TestInvalidRecordsAreLeftOut(t *testing.T) {
	found := written(t, `{"$type":"app.bsky.actor.profile","displayName":7}`, true,
		plainPost("good", ""), `{"$type":"app.bsky.feed.post","text":7}`, plainPost("bad", `,"embed":{"$type":"app.bsky.embed.images","images":7}`))
	l := localOf(alice, found, lexicon.Embedded())
	if l.profile != nil || l.fresh || len(l.posts) != 1 || l.posts[0].uri != ownURI(0) || !l.oldest.Equal(minute(0)) {
		t.Errorf("%+v", l)
	}
	found.Records = found.Records[1:]
	if l = localOf(alice, found, lexicon.Embedded()); len(l.posts) != 0 || l.fresh || !l.oldest.IsZero() {
		t.Errorf("%+v", l)
	}
}

func TestURLs(t *testing.T) {
	b := blob{Legacy: pixels}
	web := syntax.DID("did:web:localhost%3A2583")
	for _, c := range []struct {
		urls URLs
		want [2]string
	}{
		{URLs{Server: "http://localhost:2583"}, [2]string{
			"http://localhost:2583/xrpc/com.atproto.sync.getBlob?did=did:web:localhost%253A2583&cid=" + pixels,
			"http://localhost:2583/xrpc/com.atproto.sync.getBlob?did=did:web:localhost%253A2583&cid=" + pixels,
		}},
		{URLs{CDN: "https://c.test/%s/%s/%s@jpeg", Playlist: "https://v.test/%s/%s/p.m3u8"}, [2]string{
			"https://c.test/banner/" + web.String() + "/" + pixels + "@jpeg", "https://v.test/" + web.String() + "/" + pixels + "/p.m3u8",
		}},
		{URLs{CDN: "https://c.test/100%25/%s/%s/%s"}, [2]string{"https://c.test/100%25/banner/" + web.String() + "/" + pixels, "/xrpc/com.atproto.sync.getBlob?did=did:web:localhost%253A2583&cid=" + pixels}},
		{URLs{Server: "x", CDN: "https://c.test/%s-%s-%s", Playlist: "https://v.test/%s/%s"}, [2]string{"https://c.test/banner-" + web.String() + "-" + pixels, "https://v.test/" + web.String() + "/" + pixels}},
	} {
		if got := [2]string{c.urls.image(bannerPreset, web, b), c.urls.playlist(web, b)}; got != c.want {
			t.Errorf("%q, want %q", got, c.want)
		}
	}
}
