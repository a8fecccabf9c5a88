package main

import (
	"context"
	"encoding/json"
	"net/url"

	atid "github.com/bluesky-social/indigo/atproto/identity"
	"github.com/bluesky-social/indigo/atproto/syntax"
	"github.com/prometheus/client_golang/prometheus"

	"troupe/actors/identity"
	"troupe/actors/mailbox"
	"troupe/actors/repo"
	"troupe/http/upstream"
	"troupe/sequencing"
)

// newUpstream makes the client of other services. Tokens are signed by the repo
// actor of the account that asks.
func (s *Server) newUpstream(ids mailbox.Address[*identity.Identities]) *upstream.Client {
	c := s.config
	up := upstream.New(upstream.Options{
		AppView: upstream.Named(c.AppView), Moderation: upstream.Named(c.ModService), Reports: upstream.Named(c.ReportService),
		Sign: func(ctx context.Context, did syntax.DID, m repo.SignServiceAuth) (string, error) {
			return mailbox.Ask(ctx, s.repos.Of(did.String()), m)
		},
		Resolve: func(ctx context.Context, did syntax.DID) (*atid.DIDDocument, error) {
			return mailbox.Ask(ctx, ids, identity.ResolveDID{DID: did})
		},
		Takendown: func(did syntax.DID) bool {
			a, _ := s.index.ByDID(did)
			return a.Status == sequencing.StatusTakendown || a.Status == sequencing.StatusSuspended
		},
		ServiceAudience: c.Proxy.ServiceAudience, HeadersTimeout: c.Proxy.HeadersTimeout, BodyTimeout: c.Proxy.BodyTimeout,
		MaxResponse: c.Proxy.MaxResponse, Retries: c.Proxy.Retries, HTTP2: c.Proxy.HTTP2, PreferCompressed: c.Proxy.PreferCompressed,
		AllowPrivate: c.AllowPrivate, AllowHTTP: c.AllowPrivate, Metrics: prometheus.DefaultRegisterer,
	})
	s.closer.add("upstream", func(context.Context) error { up.Close(); return nil })
	return up
}

// askHandle asks the app view where a handle points.
func askHandle(up *upstream.Client) func(context.Context, syntax.Handle) (syntax.DID, error) {
	if _, ok := up.AppView(); !ok {
		return nil
	}
	return func(ctx context.Context, h syntax.Handle) (syntax.DID, error) {
		answer, err := up.Get(ctx, "", "com.atproto.identity.resolveHandle", url.Values{"handle": {h.String()}})
		if err != nil {
			return "", err
		}
		var out struct {
			DID string `json:"did"`
		}
		if err := json.Unmarshal(answer, &out); err != nil {
			return "", err
		}
		return syntax.ParseDID(out.DID)
	}
}
