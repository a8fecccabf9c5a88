package bsky

import (
	"context"
	"encoding/json"
	"slices"
	"time"

	"github.com/bluesky-social/indigo/atproto/syntax"
)

// page is how a feed was asked for.
type page struct {
	first bool            // not continued by a cursor
	last  bool            // nothing comes after it
	keep  func(post) bool // which of the account's posts belong into it; nil: none
}

// feedItem is one place in a feed.
type feedItem struct {
	raw    json.RawMessage
	author string
	uri    string
	at     time.Time // what the feed is ordered by
	pinned bool      // it stands on top whatever its age
}

// feedAnswer is a feed in which the account's own profile is as it is now, and
// its new posts stand where they will.
func (v *viewer) feedAnswer(ctx context.Context, body []byte, p page) ([]byte, error) {
	answer, err := parseObject(body)
	if err != nil {
		return nil, err
	}
	items, err := parseFeed(answer.get("feed"))
	if err != nil {
		return nil, err
	}
	changed, err := v.refresh(items)
	if err != nil {
		return nil, err
	}
	p.last = answer.get("cursor") == nil
	items, inserted, err := v.insert(ctx, items, p)
	if err != nil || !changed && !inserted {
		return nil, err
	}
	raw := make([]json.RawMessage, len(items))
	for i := range items {
		raw[i] = items[i].raw
	}
	answer.put("feed", encodeArray(raw))
	return answer.encode(), nil
}

func parseFeed(feed json.RawMessage) ([]feedItem, error) {
	var raw []json.RawMessage
	if err := json.Unmarshal(feed, &raw); err != nil {
		return nil, err
	}
	items := make([]feedItem, len(raw))
	for i, r := range raw {
		var read struct {
			Post struct {
				URI    string `json:"uri"`
				Author struct {
					DID string `json:"did"`
				} `json:"author"`
				IndexedAt string `json:"indexedAt"`
			} `json:"post"`
			Reason struct {
				typed
				IndexedAt string `json:"indexedAt"`
			} `json:"reason"`
		}
		if err := json.Unmarshal(r, &read); err != nil {
			return nil, err
		}
		at := read.Post.IndexedAt
		if read.Reason.Type == "app.bsky.feed.defs#reasonRepost" {
			at = read.Reason.IndexedAt
		}
		when, err := syntax.ParseDatetimeLenient(at)
		if err != nil {
			return nil, errShape
		}
		items[i] = feedItem{
			raw: r, author: read.Post.Author.DID, uri: read.Post.URI, at: when.Time(),
			pinned: read.Reason.Type == "app.bsky.feed.defs#reasonPin",
		}
	}
	return items, nil
}

// refresh brings the account's profile in its own posts up to date.
func (v *viewer) refresh(items []feedItem) (changed bool, err error) {
	if !v.local.fresh {
		return false, nil
	}
	for i := range items {
		if items[i].author != v.did.String() {
			continue
		}
		item, err := parseObject(items[i].raw)
		if err != nil {
			return false, err
		}
		post, err := parseObject(item.get("post"))
		if err != nil {
			return false, err
		}
		author, err := v.mine(post.get("author"))
		if err != nil {
			return false, err
		}
		if err := v.basic(&author); err != nil {
			return false, err
		}
		post.put("author", author.encode())
		item.put("post", post.encode())
		items[i].raw, changed = item.encode(), true
	}
	return changed, nil
}

// insert puts the account's new posts in their places. What is older than the
// last item belongs on a later page if there is one, and what is newer than the first of
// a page that is not the first one has been on an earlier one.
func (v *viewer) insert(ctx context.Context, items []feedItem, p page) ([]feedItem, bool, error) {
	if p.keep == nil {
		return items, false, nil
	}
	top := 0
	for top < len(items) && items[top].pinned {
		top++
	}
	type placed struct {
		post
		at int // before this item
	}
	var fitting []placed
	for _, own := range v.local.posts {
		if !p.keep(own) || slices.ContainsFunc(items, func(i feedItem) bool { return i.uri == own.uri && !i.pinned }) {
			continue
		}
		at := top
		for at < len(items) && !items[at].at.Before(own.indexedAt) {
			at++
		}
		if at == len(items) && at > top && !p.last || at == top && !p.first {
			continue
		}
		fitting = append(fitting, placed{own, at})
	}
	if fitting == nil {
		return items, false, nil
	}
	var posts []post
	for _, f := range fitting {
		posts = append(posts, f.post)
	}
	views, err := v.posts(ctx, posts)
	if err != nil {
		return nil, false, err
	}
	slices.SortStableFunc(fitting, func(a, b placed) int { return b.indexedAt.Compare(a.indexedAt) }) // newest first
	out := make([]feedItem, 0, len(items)+len(fitting))
	next := 0
	for _, f := range fitting {
		out = append(out, items[next:f.at]...)
		next = f.at
		out = append(out, feedItem{raw: object{{"post", views[f.uri]}}.encode()})
	}
	return append(out, items[next:]...), true, nil
}

// filters are the posts that a kind of author feed shows, by the name that its
// parameter has. One that is not here shows all.
func filter(name string, did syntax.DID) func(post) bool {
	own := func(uri string) bool { return uri == "" || hasAuthority(uri, did) }
	switch name {
	case "posts_no_replies":
		return func(p post) bool { return p.Reply == nil }
	case "posts_and_author_threads":
		return func(p post) bool { return own(p.root()) && own(p.parent()) }
	case "posts_with_media":
		return func(p post) bool { return mediaOf(p.Embed) != "" && mediaOf(p.Embed) != embedExternal }
	case "posts_with_video":
		return func(p post) bool { return mediaOf(p.Embed) == embedVideo }
	}
	return func(post) bool { return true }
}

// mediaOf is the type of what an embed shows of its own.
func mediaOf(embed json.RawMessage) string {
	switch typ := typeOf(embed); typ {
	case embedBoth:
		var both struct {
			Media json.RawMessage `json:"media"`
		}
		_ = json.Unmarshal(embed, &both)
		return typeOf(both.Media)
	case embedRecord:
		return ""
	default:
		return typ
	}
}

func hasAuthority(uri string, did syntax.DID) bool {
	prefix := "at://" + did.String() + "/"
	return len(uri) > len(prefix) && uri[:len(prefix)] == prefix
}
