package bsky

import (
	"context"
	"errors"
	"strings"

	"github.com/bluesky-social/indigo/atproto/syntax"

	"troupe/http/auth"
	"troupe/http/upstream"
	"troupe/http/xrpc"
)

// GetActorLikes shows what somebody likes; the caller's profile in it as it is now.
func (h Feed) GetActorLikes(ctx context.Context, who auth.Session, _ xrpc.None) (xrpc.Stream, error) {
	return h.feed(ctx, who.DID, page{})
}

// GetAuthorFeedIn holds the parameters of app.bsky.feed.getAuthorFeed that matter here.
type GetAuthorFeedIn struct {
	Actor  syntax.AtIdentifier `query:"actor"`
	Cursor string              `query:"cursor"`
	Filter string              `query:"filter"`
}

// GetAuthorFeed shows somebody's posts; the caller's own with those that are new.
func (h Feed) GetAuthorFeed(ctx context.Context, who auth.Session, in GetAuthorFeedIn) (xrpc.Stream, error) {
	p := page{first: in.Cursor == ""}
	if h.did(in.Actor.String()) == who.DID {
		p.keep = filter(in.Filter, who.DID)
	}
	return h.feed(ctx, who.DID, p)
}

// GetTimelineIn holds the parameter of app.bsky.feed.getTimeline that matters here.
type GetTimelineIn struct {
	Cursor string `query:"cursor"`
}

// GetTimeline shows the caller's timeline with his own new posts.
func (h Feed) GetTimeline(ctx context.Context, who auth.Session, in GetTimelineIn) (xrpc.Stream, error) {
	return h.feed(ctx, who.DID, page{first: in.Cursor == "", keep: filter("", who.DID)})
}

func (h Feed) feed(ctx context.Context, did syntax.DID, p page) (xrpc.Stream, error) {
	return h.overlay(ctx, did, func(ctx context.Context, v *viewer, body body) ([]byte, error) {
		if !v.local.fresh && (p.keep == nil || len(v.local.posts) == 0) {
			return nil, nil
		}
		return body.change(func(b []byte) ([]byte, error) { return v.feedAnswer(ctx, b, p) })
	})
}

// GetPostThreadIn holds the parameters of app.bsky.feed.getPostThread.
type GetPostThreadIn struct {
	URI          string `query:"uri"`
	Depth        int    `query:"depth"`
	ParentHeight int    `query:"parentHeight"`
}

// GetPostThread shows a thread with the caller's new replies in it. The thread of
// a post of his that the app view does not know yet is made here.
func (h Feed) GetPostThread(ctx context.Context, who auth.Session, in GetPostThreadIn) (xrpc.Stream, error) {
	stream, err := h.overlay(ctx, who.DID, func(ctx context.Context, v *viewer, body body) ([]byte, error) {
		if len(v.local.posts) == 0 {
			return nil, nil
		}
		return body.change(func(b []byte) ([]byte, error) { return v.threadAnswer(ctx, b, in.Depth) })
	})
	var refused *upstream.Refusal
	if !errors.As(err, &refused) || refused.Name != "NotFound" {
		return stream, err
	}
	authority, path, _ := strings.Cut(strings.TrimPrefix(in.URI, "at://"), "/")
	if h.did(authority) != who.DID {
		return stream, err
	}
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	v := h.viewer(ctx, who.DID, refused.Header.Get("Atproto-Repo-Rev"))
	if v == nil {
		return stream, err
	}
	made, failed := h.make(ctx, who.DID, func() ([]byte, error) {
		return v.ownThread(ctx, "at://"+who.DID.String()+"/"+path, in.Depth, in.ParentHeight)
	})
	if failed != nil || made == nil {
		return stream, err
	}
	return answerOf(made, refused.Header, v.local), nil
}

// did is the account of this server that a DID or a handle names, or "".
func (s *Service) did(name string) syntax.DID {
	at, err := syntax.ParseAtIdentifier(name)
	if err != nil {
		return ""
	}
	if did, err := at.AsDID(); err == nil {
		return did
	}
	handle, err := at.AsHandle()
	if err != nil {
		return ""
	}
	a, _ := s.Index.ByHandle(handle.Normalize())
	return a.DID
}
