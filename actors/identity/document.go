package identity

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"net/http"

	atid "github.com/bluesky-social/indigo/atproto/identity"
	"github.com/bluesky-social/indigo/atproto/syntax"

	"troupe/actors/identity/plc"
	"troupe/actors/outbound"
)

const maxDocument = 128 << 10

// document is one DID document in both of its forms. It is never changed.
type document struct {
	parsed *atid.DIDDocument
	raw    json.RawMessage
}

// parseDocument reads a document and checks that it is about did.
func parseDocument(did syntax.DID, raw []byte) (document, error) {
	var doc atid.DIDDocument
	if err := json.Unmarshal(raw, &doc); err != nil {
		return document{}, fmt.Errorf("%w: %w", ErrDocument, err)
	}
	if doc.DID != did {
		return document{}, fmt.Errorf("%w: asked for %s, it is about %q", ErrDocument, did, doc.DID)
	}
	return document{parsed: &doc, raw: raw}, nil
}

// fetchDocument asks the network. It blocks and runs outside turns.
func (o *Options) fetchDocument(ctx context.Context, did syntax.DID) (document, error) {
	var raw []byte
	var err error
	switch f, host := form(did, o.Dev); f {
	case formPLC:
		raw, err = o.fetchPLC(ctx, did)
	case formWeb:
		raw, err = o.fetchWeb(ctx, "https://"+host)
	case formWebLocal:
		raw, err = o.fetchWeb(ctx, "http://"+host)
	default:
		err = ErrUnsupported
	}
	if err != nil {
		return document{}, err
	}
	return parseDocument(did, raw)
}

func (o *Options) fetchPLC(ctx context.Context, did syntax.DID) ([]byte, error) {
	raw, err := o.PLC.Document(ctx, did)
	switch {
	case err == nil:
		return raw, nil
	case errors.Is(err, plc.ErrGone):
		return nil, fmt.Errorf("%w: %w", ErrDeactivated, err)
	case errors.Is(err, plc.ErrNotFound):
		return nil, fmt.Errorf("%w: %w", ErrNotFound, err)
	}
	return nil, fmt.Errorf("%w: %w", ErrUnavailable, err)
}

func (o *Options) fetchWeb(ctx context.Context, origin string) ([]byte, error) {
	resp, err := get(ctx, o.Web, origin+"/.well-known/did.json", "application/did+ld+json, application/json")
	if notFoundName(err) {
		return nil, fmt.Errorf("%w: %w", ErrNotFound, err)
	}
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrUnavailable, err)
	}
	raw, err := outbound.ReadAll(resp, o.MaxDocument)
	switch {
	case resp.StatusCode == http.StatusGone:
		return nil, fmt.Errorf("%w: status %d", ErrDeactivated, resp.StatusCode)
	case resp.StatusCode == http.StatusNotFound:
		return nil, fmt.Errorf("%w: status %d", ErrNotFound, resp.StatusCode)
	case resp.StatusCode != http.StatusOK:
		return nil, fmt.Errorf("%w: status %d", ErrUnavailable, resp.StatusCode)
	case err != nil:
		return nil, fmt.Errorf("%w: %w", ErrUnavailable, err)
	}
	return raw, nil
}

func get(ctx context.Context, c *http.Client, url, accept string) (*http.Response, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		return nil, err
	}
	req.Header.Set("Accept", accept)
	return c.Do(req)
}

// notFoundName reports whether err is the DNS saying that there is no such name.
func notFoundName(err error) bool {
	var dns *net.DNSError
	return errors.As(err, &dns) && dns.IsNotFound
}
