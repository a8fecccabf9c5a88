package proxy

import (
	"context"
	"encoding/json"
	"net/url"

	"github.com/bluesky-social/indigo/atproto/syntax"

	"troupe/http/auth"
	"troupe/http/upstream"
	"troupe/http/xrpc"
)

// Feed holds app.bsky.feed.getFeed.
type Feed struct{ Upstream *upstream.Client }

// GetFeedIn holds the parameters of app.bsky.feed.getFeed, as far as they matter
// here; all are passed on.
type GetFeedIn struct {
	Feed syntax.ATURI `query:"feed"`
}

const (
	methodGetFeedSkeleton syntax.NSID = "app.bsky.feed.getFeedSkeleton"
	methodGetRecord       syntax.NSID = "com.atproto.repo.getRecord"
)

// GetFeed passes a query for a feed on to the app view, with a token for the
// generator of that feed: the app view asks it in the reader's name.
func (h Feed) GetFeed(ctx context.Context, who auth.Session, in GetFeedIn) (xrpc.Stream, error) {
	generator, err := h.generator(ctx, in.Feed)
	if err != nil {
		return xrpc.Stream{}, err
	}
	answer, err := h.Upstream.Forward(ctx, who.DID, h.Upstream.AsFeedGenerator(generator, methodGetFeedSkeleton))
	if err != nil {
		return xrpc.Stream{}, err
	}
	return answer.Stream(), nil
}

// generator is the DID of the service that makes a feed, by the record that
// declares it.
func (h Feed) generator(ctx context.Context, feed syntax.ATURI) (syntax.DID, error) {
	if feed.Collection() == "" || feed.RecordKey() == "" {
		return "", errUnknownFeed
	}
	text, err := h.Upstream.Get(ctx, "", methodGetRecord, url.Values{
		"repo": {feed.Authority().String()}, "collection": {feed.Collection().String()}, "rkey": {feed.RecordKey().String()},
	})
	if err != nil {
		return "", err
	}
	var record struct {
		Value struct {
			DID any `json:"did"`
		} `json:"value"`
	}
	if err := json.Unmarshal(text, &record); err != nil {
		return "", errUnknownFeed
	}
	name, _ := record.Value.DID.(string)
	did, err := syntax.ParseDID(name)
	if err != nil {
		return "", errUnknownFeed
	}
	return did, nil
}

var errUnknownFeed = invalid("UnknownFeed", "could not resolve feed did")
