package bsky

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"runtime/debug"
	"strconv"
	"strings"
	"time"

	"github.com/bluesky-social/indigo/atproto/syntax"

	"troupe/actors/mailbox"
	"troupe/actors/repo"
	"troupe/http/upstream"
	"troupe/http/xrpc"
)

// change makes an answer of the app view's: nil leaves it as it is.
type change func(ctx context.Context, v *viewer, body body) ([]byte, error)

// body reads the app view's answer, once somebody wants to change it.
type body func() ([]byte, error)

// maxChanged is the largest answer that is changed, in bytes: changing takes a
// few times its size, and pages are a few hundred kilobytes.
const maxChanged = 4 << 20

// patience is how long an answer may be kept back for what is to be added to it.
const patience = 10 * time.Second

func (b body) change(fn func([]byte) ([]byte, error)) ([]byte, error) {
	text, err := b()
	if err != nil || len(text) > maxChanged {
		return nil, err
	}
	return fn(text)
}

// overlay passes the call under way on to the app view, and adds to what it
// answers what the account has written since the app view last looked. An answer
// to which nothing is to be added is handed through as it comes, and one that
// cannot be changed as it came.
func (s *Service) overlay(ctx context.Context, did syntax.DID, fn change) (xrpc.Stream, error) {
	answer, err := s.Upstream.Forward(ctx, did)
	if err != nil {
		return xrpc.Stream{}, err
	}
	if !jsonBody(answer.Header) || callOf(ctx).Request.Method == http.MethodHead {
		return answer.Stream(), nil
	}
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	v := s.viewer(ctx, did, answer.Header.Get("Atproto-Repo-Rev"))
	if v == nil {
		return answer.Stream(), nil
	}
	var unread error
	made, err := s.make(ctx, did, func() ([]byte, error) {
		return fn(ctx, v, func() (text []byte, err error) {
			text, unread = answer.Body()
			return text, unread
		})
	})
	switch {
	case unread != nil: // half an answer is none
		return xrpc.Stream{}, unread
	case err != nil:
		return answer.Stream(), nil
	case made == nil:
		out := answer.Stream()
		out.Header = lagging(out.Header, v.local)
		return out, nil
	}
	answer.Close()
	return answerOf(made, answer.Header, v.local), nil
}

// make runs what changes an answer. What goes wrong is logged, a mistake of this
// program included: the account's timeline must not depend on it.
func (s *Service) make(ctx context.Context, did syntax.DID, fn func() ([]byte, error)) (made []byte, err error) {
	defer func() {
		if v := recover(); v != nil {
			s.Logger.Error("panic while an answer was changed", "did", did, "request", callOf(ctx).RequestID, "panic", v, "stack", string(debug.Stack()))
			made, err = nil, fmt.Errorf("panic: %v", v)
		}
	}()
	if made, err = fn(); err != nil && !errors.Is(ctx.Err(), context.Canceled) {
		s.Logger.Warn("an answer of the app view is shown as it came", "did", did, "nsid", callOf(ctx).NSID, "request", callOf(ctx).RequestID, "err", err)
	}
	return made, err
}

// viewer looks up what the account wrote since a rev; nil: nothing.
func (s *Service) viewer(ctx context.Context, did syntax.DID, rev string) *viewer {
	since, err := syntax.ParseTID(rev)
	if err != nil {
		return nil
	}
	found, err := mailbox.Ask(ctx, s.repo(did), repo.ReadRecent{
		Since: since, Collection: postCollection, Limit: maxRecent, Profile: repo.RecordName{Collection: profileCollection, RKey: "self"},
	})
	if err != nil {
		if !errors.Is(ctx.Err(), context.Canceled) {
			s.Logger.Warn("what an account wrote lately could not be read", "did", did, "err", err)
		}
		return nil
	}
	local := localOf(did, found, s.Lexicons)
	if len(local.posts) == 0 && !local.fresh {
		return nil
	}
	v := &viewer{did: did, handle: syntax.HandleInvalid, local: local, urls: s.URLs, catalog: s.Lexicons}
	if a, ok := s.Index.ByDID(did); ok && a.Handle != "" {
		v.handle = a.Handle
	}
	v.ask = func(ctx context.Context, method syntax.NSID, query url.Values) ([]byte, error) {
		text, err := s.Upstream.Get(ctx, did, method, query)
		var refused *upstream.Refusal
		if errors.As(err, &refused) && (refused.Status == http.StatusBadRequest || refused.Status == http.StatusNotFound) {
			return nil, errAbsent
		}
		return text, err
	}
	return v
}

func jsonBody(h http.Header) bool {
	media, _, _ := strings.Cut(strings.ToLower(h.Get("Content-Type")), ";")
	media = strings.TrimSpace(media)
	return media == "" || media == "application/json" || strings.HasPrefix(media, "application/") && strings.HasSuffix(media, "+json")
}

// answerOf is an answer that was made here, with what the app view's header says
// about what it showed.
func answerOf(text []byte, from http.Header, l local) xrpc.Stream {
	h := http.Header{}
	for _, name := range []string{"Atproto-Repo-Rev", "Atproto-Content-Labelers", "Content-Language"} {
		if v := from.Values(name); len(v) > 0 {
			h[name] = v
		}
	}
	return xrpc.Stream{
		ContentType: "application/json; charset=utf-8", Header: lagging(h, l),
		Write: func(_ context.Context, w io.Writer) error {
			_, err := w.Write(text)
			return err
		},
	}
}

// lagging tells how many milliseconds the app view is behind.
func lagging(h http.Header, l local) http.Header {
	if h == nil {
		h = http.Header{}
	}
	h.Set("Atproto-Upstream-Lag", strconv.FormatInt(max(0, time.Since(l.oldest).Milliseconds()), 10))
	return h
}
