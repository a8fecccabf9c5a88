package bsky

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"

	"github.com/bluesky-social/indigo/atproto/syntax"

	"troupe/actors/lexicon"
)

// viewer makes views of what an account wrote, as the app view will make them
// once it has seen it. It serves one request.
type viewer struct {
	did     syntax.DID
	handle  syntax.Handle
	local   local
	urls    URLs
	ask     fetch
	catalog *lexicon.Catalog
}

// Counts of a post that nobody else has seen yet.
type counts struct {
	Replies int `json:"replyCount"`
	Reposts int `json:"repostCount"`
	Likes   int `json:"likeCount"`
	Quotes  int `json:"quoteCount"`
}

type postView struct {
	URI    string          `json:"uri"`
	CID    string          `json:"cid"`
	Author authorView      `json:"author"`
	Record json.RawMessage `json:"record"`
	Embed  json.RawMessage `json:"embed,omitempty"`
	counts
	IndexedAt string `json:"indexedAt"`
}

type authorView struct {
	DID         syntax.DID    `json:"did"`
	Handle      syntax.Handle `json:"handle"`
	DisplayName *string       `json:"displayName,omitempty"`
	Pronouns    *string       `json:"pronouns,omitempty"`
	Avatar      string        `json:"avatar,omitempty"`
}

func (v *viewer) author() authorView {
	a := authorView{DID: v.did, Handle: v.handle}
	if p := v.local.profile; p != nil {
		a.DisplayName, a.Pronouns = p.DisplayName, p.Pronouns
		if p.Avatar != nil {
			a.Avatar = v.urls.image(avatarPreset, v.did, *p.Avatar)
		}
	}
	return a
}

// posts renders posts, by URI. What they quote is fetched for all at a time; own
// posts that the app view cannot know either are quoted from here.
func (v *viewer) posts(ctx context.Context, posts []post) (map[string]json.RawMessage, error) {
	var abroad, here []string
	for _, p := range posts {
		switch uri := quoted(p.Embed); {
		case uri == "":
		case v.own(uri) != nil:
			here = append(here, uri)
		default:
			abroad = append(abroad, uri)
		}
	}
	quotes, err := fetchQuotes(ctx, v.ask, abroad)
	if err != nil {
		return nil, fmt.Errorf("fetch what is quoted: %w", err)
	}
	for _, uri := range here {
		// What the quoted post quotes in turn is left out: it takes another round,
		// and clients show one level.
		view, err := v.post(*v.own(uri), embeds{did: v.did, urls: v.urls})
		if err != nil {
			return nil, err
		}
		if err := addQuote(quotes, view, embedRecord+"#viewRecord"); err != nil {
			return nil, err
		}
	}
	views := make(map[string]json.RawMessage, len(posts))
	for _, p := range posts {
		if views[p.uri], err = v.post(p, embeds{v.did, v.urls, quotes}); err != nil {
			return nil, err
		}
	}
	return views, v.check(views)
}

func (v *viewer) post(p post, e embeds) (json.RawMessage, error) {
	view := postView{URI: p.uri, CID: p.cid, Author: v.author(), Record: p.value, IndexedAt: instant(p.indexedAt)}
	if p.Embed != nil {
		embed, err := e.view(p.Embed)
		if err != nil {
			return nil, err
		}
		view.Embed = embed
	}
	return encode(view)
}

// own is the new post of that URI, or nil.
func (v *viewer) own(uri string) *post {
	if i := slices.IndexFunc(v.local.posts, func(p post) bool { return p.uri == uri }); i >= 0 {
		return &v.local.posts[i]
	}
	return nil
}

// check holds what was made here to the lexicon. A client that cannot read one
// post of a page may show none.
func (v *viewer) check(views map[string]json.RawMessage) error {
	if len(views) == 0 {
		return nil
	}
	all := make([]json.RawMessage, 0, len(views))
	for _, view := range views {
		all = append(all, view)
	}
	return v.hold("app.bsky.feed.getPosts", "posts", all)
}

// hold checks views as the answer of a method that gives a list of them.
func (v *viewer) hold(method syntax.NSID, list string, views []json.RawMessage) error {
	m, ok := v.catalog.Method(method)
	if !ok {
		return fmt.Errorf("%s: %w", method, lexicon.ErrUnknown)
	}
	return m.CheckOutput(object{{list, encodeArray(views)}}.encode())
}
