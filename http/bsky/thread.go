package bsky

import (
	"context"
	"encoding/json"
	"net/url"
	"slices"
	"strconv"

	"github.com/bluesky-social/indigo/atproto/syntax"
)

const threadViewPost = "app.bsky.feed.defs#threadViewPost"

// branches are the account's new replies that belong into a thread.
type branches struct {
	views   map[string]json.RawMessage // of the posts, by URI
	replies map[string][]string        // by parent, newest first; one that was placed is gone
	placed  bool
}

// branchesOf collects the replies under one of the given roots, and renders them.
func (v *viewer) branchesOf(ctx context.Context, roots ...string) (*branches, error) {
	b := branches{replies: map[string][]string{}}
	var posts []post
	for _, p := range v.local.posts {
		for _, root := range roots {
			if root != "" && p.root() == root {
				posts = append(posts, p)
				b.replies[p.parent()] = append([]string{p.uri}, b.replies[p.parent()]...)
				break
			}
		}
	}
	var err error
	b.views, err = v.posts(ctx, posts)
	return &b, err
}

// threadAnswer is a thread with the account's new replies in their places.
func (v *viewer) threadAnswer(ctx context.Context, body []byte, depth int) ([]byte, error) {
	answer, err := parseObject(body)
	if err != nil {
		return nil, err
	}
	thread := answer.get("thread")
	if typeOf(thread) != threadViewPost {
		return nil, nil
	}
	var top struct {
		Post struct {
			URI    string `json:"uri"`
			Record post   `json:"record"`
		} `json:"post"`
	}
	if err := json.Unmarshal(thread, &top); err != nil {
		return nil, err
	}
	b, err := v.branchesOf(ctx, top.Post.URI, top.Post.Record.root())
	if err != nil || len(b.views) == 0 {
		return nil, err
	}
	if thread, err = b.graft(thread, depth); err != nil || !b.placed {
		return nil, err
	}
	answer.put("thread", thread)
	return answer.encode(), nil
}

// graft adds the new replies below a post of a thread that is shown to the given
// depth below it.
func (b *branches) graft(node json.RawMessage, depth int) (json.RawMessage, error) {
	if depth <= 0 || len(b.replies) == 0 || typeOf(node) != threadViewPost {
		return node, nil
	}
	o, err := parseObject(node)
	if err != nil {
		return nil, err
	}
	var at struct {
		Post    strongRef         `json:"post"`
		Replies []json.RawMessage `json:"replies"`
	}
	if err := json.Unmarshal(node, &at); err != nil {
		return nil, err
	}
	there := map[string]bool{}
	for i, reply := range at.Replies {
		var r struct {
			Post strongRef `json:"post"`
		}
		_ = json.Unmarshal(reply, &r) // one that cannot be shown has no post
		there[r.Post.URI] = true
		if at.Replies[i], err = b.graft(reply, depth-1); err != nil {
			return nil, err
		}
	}
	fresh := b.under(at.Post.URI, there, depth)
	if len(fresh) == 0 && len(at.Replies) == 0 {
		return node, nil
	}
	o.put("replies", encodeArray(append(fresh, at.Replies...)))
	return o.encode(), nil
}

// under is what is new below a post, without what is there already, each with
// what is new below it. Every post is placed once, so that a reply to itself ends.
func (b *branches) under(parent string, there map[string]bool, depth int) (fresh []json.RawMessage) {
	uris := b.replies[parent]
	delete(b.replies, parent)
	if depth <= 0 {
		return nil
	}
	for _, uri := range uris {
		if there[uri] {
			continue
		}
		b.placed = true
		node := object{{"$type", json.RawMessage(`"` + threadViewPost + `"`)}, {"post", b.views[uri]}}
		if below := b.under(uri, nil, depth-1); len(below) > 0 {
			node.put("replies", encodeArray(below))
		}
		fresh = append(fresh, node.encode())
	}
	return fresh
}

// drop takes a post out that stands elsewhere in the thread.
func (b *branches) drop(p post) {
	b.replies[p.parent()] = slices.DeleteFunc(b.replies[p.parent()], func(uri string) bool { return uri == p.uri })
}

// ownThread is the thread of a new post that the app view does not know: the
// post, the account's new replies below it, and above it what is to be had. nil:
// the post is not new.
func (v *viewer) ownThread(ctx context.Context, uri string, depth, height int) ([]byte, error) {
	p := v.own(uri)
	if p == nil {
		return nil, nil
	}
	b, err := v.branchesOf(ctx, uri, p.root())
	if err != nil {
		return nil, err
	}
	line := v.line(*p, height)
	views, err := v.posts(ctx, line)
	if err != nil {
		return nil, err
	}
	for _, above := range line {
		b.drop(above)
	}
	thread := object{{"$type", json.RawMessage(`"` + threadViewPost + `"`)}, {"post", views[uri]}}
	parent, err := v.above(ctx, *p, views, height, map[string]bool{uri: true})
	if err != nil {
		return nil, err
	}
	thread.put("parent", parent)
	if replies := b.under(uri, nil, depth); len(replies) > 0 {
		thread.put("replies", encodeArray(replies))
	}
	return object{{"thread", thread.encode()}}.encode(), nil
}

// line is a post and those above it that are new as well.
func (v *viewer) line(p post, height int) []post {
	line := []post{p}
	for seen := map[string]bool{p.uri: true}; height > 0 && !seen[p.parent()]; height-- {
		up := v.own(p.parent())
		if up == nil {
			break
		}
		p = *up
		seen[p.uri] = true
		line = append(line, p)
	}
	return line
}

// above is the part of a thread above a post: the account's own new posts from
// here, and what they answer from the app view. Without it the thread is shown
// all the same.
func (v *viewer) above(ctx context.Context, p post, views map[string]json.RawMessage, height int, seen map[string]bool) (json.RawMessage, error) {
	parent := p.parent()
	if parent == "" || height <= 0 || seen[parent] {
		return nil, nil
	}
	seen[parent] = true
	if view := views[parent]; view != nil {
		node := object{{"$type", json.RawMessage(`"` + threadViewPost + `"`)}, {"post", view}}
		up, err := v.above(ctx, *v.own(parent), views, height-1, seen)
		if err != nil {
			return nil, err
		}
		node.put("parent", up)
		return node.encode(), nil
	}
	const method syntax.NSID = "app.bsky.feed.getPostThread"
	body, err := v.ask(ctx, method, url.Values{
		"uri": {parent}, "parentHeight": {strconv.Itoa(height - 1)}, "depth": {"0"},
	})
	if err != nil {
		return nil, nil // absent or out of reach: clients can tell from the record that there is more
	}
	answer, err := parseObject(body)
	if err != nil {
		return nil, nil
	}
	return answer.get("thread"), nil
}
