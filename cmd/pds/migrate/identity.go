package migrate

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"time"

	"github.com/bluesky-social/indigo/atproto/atcrypto"
	"github.com/bluesky-social/indigo/atproto/identity"
	"github.com/bluesky-social/indigo/atproto/syntax"

	"troupe/actors/identity/plc"
	"troupe/actors/outbound"
)

// directory is where identities are looked up: the PLC directory, and the web.
type directory struct {
	plc    *plc.Directory
	base   identity.BaseDirectory
	client *http.Client
}

func newDirectory(plcURL string) *directory {
	// Addresses come from the user and from documents that the user vouches for.
	client := outbound.NewClient(outbound.Options{AllowPrivate: true, AllowHTTP: true, Timeout: 30 * time.Second, UserAgent: "troupe-pds-account"})
	return &directory{
		plc:    plc.NewDirectory(plcURL, client),
		base:   identity.BaseDirectory{PLCURL: plcURL, HTTPClient: *client, SkipHandleVerification: true},
		client: client,
	}
}

// document is a DID document, as it is and taken apart.
type document struct {
	raw      json.RawMessage
	endpoint string
	key      atcrypto.PublicKey // nil: it names none
}

// document fetches the present document of a DID.
func (d *directory) document(ctx context.Context, did syntax.DID) (document, error) {
	raw, err := d.fetch(ctx, did)
	if err != nil {
		return document{}, fmt.Errorf("the DID document of %s could not be read: %w", did, err)
	}
	var doc identity.DIDDocument
	if err := json.Unmarshal(raw, &doc); err != nil || doc.DID != did {
		return document{}, fmt.Errorf("the DID document of %s is not one of it", did)
	}
	id := identity.ParseIdentity(&doc)
	out := document{raw: raw, endpoint: strings.TrimRight(id.PDSEndpoint(), "/")}
	out.key, _ = id.PublicKey()
	return out, nil
}

func (d *directory) fetch(ctx context.Context, did syntax.DID) ([]byte, error) {
	if did.Method() == "plc" {
		return d.plc.Document(ctx, did)
	}
	address, err := webAddress(did)
	if err != nil {
		return nil, err
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, address, nil)
	if err != nil {
		return nil, err
	}
	res, err := d.client.Do(req)
	if err != nil {
		return nil, err
	}
	b, err := outbound.ReadAll(res, 1<<20)
	if err == nil && res.StatusCode != http.StatusOK {
		err = fmt.Errorf("%s: %s", address, res.Status)
	}
	return b, err
}

// webAddress is where the document of a did:web lies.
func webAddress(did syntax.DID) (string, error) {
	host := did.Identifier()
	if did.Method() != "web" || strings.ContainsAny(host, ":/") {
		return "", fmt.Errorf("%s is neither a did:plc nor a did:web of a host", did)
	}
	host = strings.ReplaceAll(host, "%3A", ":")
	scheme := "https"
	if name, _, _ := strings.Cut(host, ":"); name == "localhost" {
		scheme = "http"
	}
	return scheme + "://" + host + "/.well-known/did.json", nil
}

// find turns what a user calls an account into its DID, without asking a PDS.
func (d *directory) find(ctx context.Context, name string) (syntax.DID, error) {
	if did, err := syntax.ParseDID(name); err == nil {
		return did, nil
	}
	handle, err := syntax.ParseHandle(strings.TrimPrefix(name, "@"))
	if err != nil {
		return "", &Problem{What: fmt.Sprintf("%q is neither a DID nor a handle", name), Do: "To sign in with an e-mail address, say which server: --server or --old"}
	}
	return d.base.ResolveHandle(ctx, handle.Normalize())
}
