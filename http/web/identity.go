package web

import (
	"context"
	"errors"
	"net"
	nethttp "net/http"
	"strings"

	"github.com/bluesky-social/indigo/atproto/syntax"
	"github.com/labstack/echo/v4"

	"troupe/actors/account"
	"troupe/actors/identity/plc"
)

// Identities answers for the hosts that this server is: its own, and those of its
// accounts under its handle domains.
type Identities struct {
	DID     syntax.DID
	URL     string // public, without a trailing slash
	Handles account.HandleRules
	Index   *account.Index
	// Key is the did:key that an account signs with.
	Key func(context.Context, syntax.DID) (string, error)
}

// Document is a DID document.
type Document struct {
	Context             []string             `json:"@context"`
	ID                  syntax.DID           `json:"id"`
	AlsoKnownAs         []string             `json:"alsoKnownAs,omitempty"`
	VerificationMethods []VerificationMethod `json:"verificationMethod,omitempty"`
	Services            []DocumentService    `json:"service"`
}

// VerificationMethod is a key in a DID document.
type VerificationMethod struct {
	ID         string     `json:"id"`
	Type       string     `json:"type"`
	Controller syntax.DID `json:"controller"`
	Multibase  string     `json:"publicKeyMultibase"`
}

// DocumentService is a service in a DID document.
type DocumentService struct {
	ID       string `json:"id"`
	Type     string `json:"type"`
	Endpoint string `json:"serviceEndpoint"`
}

// ErrNoDocument: the host is nobody's did:web here.
var ErrNoDocument = errors.New("web: no DID document for this host")

// Document describes the did:web of a host: the server itself, or an account that
// was made with a did:web here, whatever its state and whatever handle it has now.
// ErrNoDocument.
func (i *Identities) Document(ctx context.Context, host string) (Document, error) {
	self := Document{
		Context:  []string{"https://www.w3.org/ns/did/v1"},
		ID:       i.DID,
		Services: []DocumentService{{"#" + plc.ServiceID, plc.ServiceType, i.URL}},
	}
	did := syntax.DID("did:web:" + host)
	switch {
	case did == i.DID:
		return self, nil
	case !i.Handles.Ours(syntax.Handle(host)): // what else leads here is the server by another name
		if i.DID.Method() != "web" {
			return Document{}, ErrNoDocument
		}
		return self, nil
	}
	a, ok := i.Index.ByDID(did)
	if !ok {
		return Document{}, ErrNoDocument
	}
	key, err := i.Key(ctx, did)
	if err != nil {
		return Document{}, err
	}
	doc := Document{
		Context: []string{"https://www.w3.org/ns/did/v1", "https://w3id.org/security/multikey/v1"},
		ID:      did,
		VerificationMethods: []VerificationMethod{{
			did.String() + "#" + plc.SigningMethodID, "Multikey", did, strings.TrimPrefix(key, "did:key:"),
		}},
		Services: self.Services,
	}
	if a.Handle != "" {
		doc.AlsoKnownAs = []string{plc.Alias(a.Handle)}
	}
	return doc, nil
}

// hostOf is the host that is asked, without its port. X-Forwarded-Host is not
// believed: behind a cache, whoever may send it could have another DID kept under a
// handle's own name.
func hostOf(r *nethttp.Request) string {
	host := r.Host
	if h, _, err := net.SplitHostPort(host); err == nil {
		host = h
	}
	return strings.ToLower(host)
}

// wellKnownDID proves that a handle of this server's domains belongs to an account:
// the handle is the host that is asked (atproto.com/specs/handle, "HTTPS
// well-known Method").
func (i *Identities) wellKnownDID(c echo.Context) error {
	host := syntax.Handle(hostOf(c.Request()))
	if a, ok := i.Index.ByHandle(host); ok && a.Active() && i.Handles.Ours(host) {
		return c.String(nethttp.StatusOK, a.DID.String())
	}
	return c.String(nethttp.StatusNotFound, "User not found")
}

func (i *Identities) didDocument(c echo.Context) error {
	doc, err := i.Document(c.Request().Context(), hostOf(c.Request()))
	switch {
	case errors.Is(err, ErrNoDocument):
		return c.String(nethttp.StatusNotFound, "Not found")
	case err != nil:
		c.Response().Header().Set("Retry-After", "1")
		return c.String(nethttp.StatusServiceUnavailable, "Service Unavailable")
	}
	return c.JSON(nethttp.StatusOK, doc)
}

// tlsCheck tells a reverse proxy for which hosts it may get a certificate: this
// server's own, those of active accounts, and those that a did:web here names. Without
// it anybody could have it ask for names without end.
func (i *Identities) tlsCheck(c echo.Context) error {
	domain := strings.ToLower(c.QueryParam("domain"))
	refuse := func(status int, name, message string) error {
		return c.JSON(status, map[string]string{"error": name, "message": message})
	}
	own := strings.TrimPrefix(i.URL, "https://")
	if domain != "" && domain == own {
		return c.JSON(nethttp.StatusOK, map[string]bool{"success": true})
	}
	h, err := syntax.ParseHandle(domain)
	if err != nil || !i.Handles.Ours(h) {
		return refuse(nethttp.StatusBadRequest, "InvalidRequest", "handles are not provided on this domain")
	}
	a, ok := i.Index.ByHandle(h)
	if !ok || !a.Active() {
		a, ok = i.Index.ByDID(i.Handles.HostedDID(h))
	}
	if !ok || !a.Active() {
		return refuse(nethttp.StatusNotFound, "NotFound", "handle not found for this domain")
	}
	return c.JSON(nethttp.StatusOK, map[string]bool{"success": true})
}
