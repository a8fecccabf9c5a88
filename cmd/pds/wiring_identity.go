package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	nethttp "net/http"

	"github.com/bluesky-social/indigo/atproto/syntax"

	"troupe/actors/identity"
	"troupe/actors/identity/plc"
	"troupe/actors/mailbox"
	"troupe/actors/outbound"
	"troupe/actors/repo"
	"troupe/http/web"
	"troupe/storage/keys"
)

// maxReserved is how many signing keys may be reserved at a time: anybody may ask.
const maxReserved = 10_000

func (s *Server) startIdentities(system *mailbox.System, vault *keys.Vault) (mailbox.Address[*identity.Identities], error) {
	c := s.config
	s.reserved = vault.Reserved(c.Actors, maxReserved)
	s.hosts = &web.Identities{DID: c.DID, URL: c.URL, Handles: c.Handles, Index: s.index, Key: s.signingKey}
	// The operator named the directory; handles and did:web hosts are strangers'.
	s.directory = plc.NewDirectory(c.PLC, outbound.NewClient(outbound.Options{AllowPrivate: true, AllowHTTP: true}))
	client := outbound.NewClient(outbound.Options{AllowPrivate: c.AllowPrivate, AllowHTTP: c.Dev, Timeout: c.ResolverTimeout, MaxBody: c.FetchLimit})
	client.Transport = ownDocuments{s.hosts, client.Transport}
	o := identity.Options{
		Path: c.DIDCache, PLC: s.directory, Web: client, MaxDocument: c.FetchLimit, Dev: c.Dev,
		Handles: outbound.NewClient(outbound.Options{AllowPrivate: c.AllowPrivate, AllowHTTP: c.Dev, Timeout: c.ResolverTimeout, Redirects: 3, CrossHost: true}),
		Fresh:   c.CacheFresh, Stale: c.CacheStale, Timeout: c.ResolverTimeout, Log: s.log,
	}
	for _, n := range c.Nameservers {
		o.Backup = append(o.Backup, identity.NameServer(n))
	}
	h, err := mailbox.Spawn(system, "identities", 4096, func(self mailbox.Self) *identity.Identities { return identity.New(self, o) })
	if err != nil {
		return mailbox.Address[*identity.Identities]{}, fmt.Errorf("identities: %w", err)
	}
	s.closer.add("identities", h.Stop)
	return h.Address(), nil
}

// signingKey is the did:key of an account.
func (s *Server) signingKey(ctx context.Context, did syntax.DID) (string, error) {
	return mailbox.Ask(ctx, s.repos.Of(did.String()), repo.SigningKey{})
}

func (s *Server) reserveKey(did syntax.DID) (string, error) {
	key, err := s.reserved.Reserve(did)
	if err != nil {
		return "", err
	}
	return key.DIDKey(), nil
}

// ownDocuments answers for the did:web documents of this server's own hosts without
// the network, which need not lead here: behind a proxy, or in development, a server
// cannot always reach itself by its public names.
type ownDocuments struct {
	hosts *web.Identities
	next  nethttp.RoundTripper
}

// RoundTrip implements http.RoundTripper.
func (o ownDocuments) RoundTrip(r *nethttp.Request) (*nethttp.Response, error) {
	host := r.URL.Hostname()
	// A port says that it is somebody else's, or can be asked.
	if r.URL.Path != "/.well-known/did.json" || r.URL.Port() != "" || !o.hosts.Handles.Ours(syntax.Handle(host)) && syntax.DID("did:web:"+host) != o.hosts.DID {
		return o.next.RoundTrip(r)
	}
	doc, err := o.hosts.Document(r.Context(), host)
	status := nethttp.StatusOK
	if errors.Is(err, web.ErrNoDocument) {
		err, status = nil, nethttp.StatusNotFound
	}
	if err != nil {
		return nil, err
	}
	body, err := json.Marshal(doc)
	return &nethttp.Response{
		StatusCode: status, Status: nethttp.StatusText(status), Proto: "HTTP/1.1", ProtoMajor: 1, ProtoMinor: 1,
		Header: nethttp.Header{"Content-Type": {"application/json"}}, Body: io.NopCloser(bytes.NewReader(body)),
		ContentLength: int64(len(body)), Request: r,
	}, err
}
