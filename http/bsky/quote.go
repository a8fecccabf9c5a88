package bsky

import (
	"context"
	"encoding/json"
	"errors"
	"net/url"
	"slices"
	"strings"

	"github.com/bluesky-social/indigo/atproto/syntax"
)

// fetch asks the app view on behalf of the account. errAbsent: it knows nothing
// of what was asked for.
type fetch func(ctx context.Context, method syntax.NSID, query url.Values) ([]byte, error)

var errAbsent = errors.New("the app view has no such thing")

// quotable is what a post may quote: how the app view is asked for it, and what
// its answer is called inside of the quoting post.
var quotable = []struct {
	collection syntax.NSID
	method     syntax.NSID
	param      string
	list       string // member of the answer that holds views, for all that were asked for at a time
	single     string // or the one view
	view       string
}{
	{collection: postCollection, method: "app.bsky.feed.getPosts", param: "uris", list: "posts", view: embedRecord + "#viewRecord"},
	{collection: "app.bsky.feed.generator", method: "app.bsky.feed.getFeedGenerator", param: "feed", single: "view", view: "app.bsky.feed.defs#generatorView"},
	{collection: "app.bsky.graph.list", method: "app.bsky.graph.getList", param: "list", single: "list", view: "app.bsky.graph.defs#listView"},
	{collection: "app.bsky.graph.starterpack", method: "app.bsky.graph.getStarterPacks", param: "uris", list: "starterPacks", view: "app.bsky.graph.defs#starterPackViewBasic"},
}

// fetchQuotes collects the views of quoted records, each kind in one call where
// the app view offers one. What it does not know is left out.
func fetchQuotes(ctx context.Context, ask fetch, uris []string) (map[string]json.RawMessage, error) {
	quotes := map[string]json.RawMessage{}
	for _, kind := range quotable {
		var wanted []string
		for _, uri := range uris {
			if collectionOf(uri) == kind.collection && !slices.Contains(wanted, uri) {
				wanted = append(wanted, uri)
			}
		}
		var batches [][]string
		if kind.list != "" && len(wanted) > 0 {
			batches = [][]string{wanted}
		} else {
			for _, uri := range wanted {
				batches = append(batches, []string{uri})
			}
		}
		for _, batch := range batches {
			query := url.Values{kind.param: batch}
			if kind.method == "app.bsky.graph.getList" {
				query.Set("limit", "1") // of its members, who are not shown
			}
			body, err := ask(ctx, kind.method, query)
			if errors.Is(err, errAbsent) {
				continue
			}
			if err != nil {
				return nil, err
			}
			views, err := viewsIn(body, kind.list, kind.single)
			if err != nil {
				return nil, err
			}
			for _, view := range views {
				if err := addQuote(quotes, view, kind.view); err != nil {
					return nil, err
				}
			}
		}
	}
	return quotes, nil
}

func viewsIn(body []byte, list, single string) (views []json.RawMessage, err error) {
	answer, err := parseObject(body)
	if err != nil {
		return nil, err
	}
	if single != "" {
		return []json.RawMessage{answer.get(single)}, nil
	}
	return views, json.Unmarshal(answer.get(list), &views)
}

func addQuote(quotes map[string]json.RawMessage, view json.RawMessage, typ string) error {
	o, err := parseObject(view)
	if err != nil {
		return err
	}
	var ref strongRef
	if err := json.Unmarshal(view, &ref); err != nil {
		return err
	}
	if typ == embedRecord+"#viewRecord" {
		o = quotedPost(o)
	}
	name, err := encode(typ)
	if err != nil {
		return err
	}
	o.put("$type", name)
	quotes[ref.URI] = o.encode()
	return nil
}

// quotedPost makes the view of a post into what a post that quotes it shows.
func quotedPost(view object) object {
	var out object
	for _, name := range []string{"uri", "cid", "author"} {
		out.put(name, view.get(name))
	}
	out.put("value", view.get("record"))
	for _, name := range []string{"labels", "replyCount", "repostCount", "likeCount", "quoteCount"} {
		out.put(name, view.get(name))
	}
	if embed := view.get("embed"); embed != nil {
		out.put("embeds", encodeArray([]json.RawMessage{embed}))
	}
	out.put("indexedAt", view.get("indexedAt"))
	return out
}

// collectionOf is the collection that an at-uri names; "" if it names none.
func collectionOf(uri string) syntax.NSID {
	parts := strings.Split(strings.TrimPrefix(uri, "at://"), "/")
	if len(parts) < 2 {
		return ""
	}
	return syntax.NSID(parts[1])
}
