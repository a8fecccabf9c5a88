package upstream

import (
	"context"
	"errors"
	"net/http"
	"strings"

	atid "github.com/bluesky-social/indigo/atproto/identity"
	"github.com/bluesky-social/indigo/atproto/syntax"

	"troupe/actors/mailbox"
	"troupe/http/xrpc"
)

// Service is one service of an identity.
type Service struct {
	DID syntax.DID
	ID  string // in the DID document, without the #

	url   string
	named bool // by the operator
}

// String is the service as clients name it.
func (s Service) String() string { return s.DID.String() + "#" + s.ID }

// Identifiers of services.
const (
	idAppView       = "bsky_appview"
	idLabeler       = "atproto_labeler"
	idFeedGenerator = "bsky_fg"
	idNotifications = "bsky_notif"

	typeNotifications = "BskyNotificationService"
)

// MethodCreateReport goes to whoever takes reports, and a taken-down account may
// call it: that is how one appeals.
const MethodCreateReport syntax.NSID = "com.atproto.moderation.createReport"

// AppView is the service that calls are for when nobody says otherwise; false if
// the operator named none.
func (c *Client) AppView() (Service, bool) {
	return service(c.options.AppView, idAppView), c.options.AppView != Named{}
}

// IsAppView says whether a service is the configured app view.
func (c *Client) IsAppView(s Service) bool {
	view, ok := c.AppView()
	return ok && s.DID == view.DID && s.ID == view.ID
}

func service(n Named, id string) Service {
	return Service{DID: n.DID, ID: id, url: n.URL, named: true}
}

// Target is whom a call is for: what the header atproto-proxy names, or else the
// one that takes methods of this name. The answer is a *xrpc.Error (400) if that
// is nobody. It may ask the network for a DID document: verify the caller before.
func (c *Client) Target(ctx context.Context, call *xrpc.Call) (Service, error) {
	s, err := c.Named(call)
	if err != nil || s.url != "" {
		return s, err
	}
	return c.find(ctx, s)
}

// Named is Target without its questions to the network: a service that must
// still be looked up is returned by its name alone.
func (c *Client) Named(call *xrpc.Call) (Service, error) {
	if header := strings.Join(call.Request.Header["Atproto-Proxy"], ", "); header != "" {
		return c.parse(header)
	}
	s := c.usual(call.NSID)
	if s.DID == "" {
		return s, refuse("No service configured for " + call.NSID.String())
	}
	return s, nil
}

// usual is whom a method goes to without a header.
func (c *Client) usual(method syntax.NSID) Service {
	switch {
	case ozone[method]:
		return service(c.options.Moderation, idLabeler)
	case method == MethodCreateReport:
		return service(c.options.Reports, idLabeler)
	}
	return service(c.options.AppView, idAppView)
}

// parse reads a header. The sentences are those that clients know.
func (c *Client) parse(header string) (Service, error) {
	did, id, found := strings.Cut(header, "#")
	switch {
	case found && did == "":
		return Service{}, refuse("no did specified in proxy header")
	case id == "":
		return Service{}, refuse("no service id specified in proxy header")
	case strings.Contains(id, "#"):
		return Service{}, refuse("invalid proxy header format")
	case strings.Contains(header, " "):
		return Service{}, refuse("proxy header cannot contain spaces")
	}
	parsed, err := syntax.ParseDID(did)
	if err != nil || len(header) > maxProxyHeader || !plain(id) {
		return Service{}, refuse("could not resolve proxy did")
	}
	s := Service{DID: parsed, ID: id}
	if c.IsAppView(s) {
		return service(c.options.AppView, idAppView), nil
	}
	return s, nil
}

// maxProxyHeader leaves room for any DID that this server resolves.
const maxProxyHeader = 512

// plain reports whether a service id is printable ASCII.
func plain(id string) bool {
	return strings.IndexFunc(id, func(r rune) bool { return r <= ' ' || r > '~' }) < 0
}

// find looks a service up in the document of its DID.
func (c *Client) find(ctx context.Context, s Service) (Service, error) {
	doc, err := c.options.Resolve(ctx, s.DID)
	if errors.Is(err, mailbox.ErrBusy) || ctx.Err() != nil {
		return s, err
	}
	if err != nil {
		e := refuse("could not resolve proxy did")
		e.Cause = err
		return s, e
	}
	if s.url = endpoint(doc, s.ID, ""); s.url == "" {
		return s, refuse("could not resolve proxy did service url")
	}
	return s, nil
}

// Notifications finds the service that sends push messages for did, which its
// document must declare as one.
func (c *Client) Notifications(ctx context.Context, did syntax.DID) (Service, error) {
	if view, ok := c.AppView(); ok && did == view.DID {
		return service(c.options.AppView, idNotifications), nil
	}
	s := Service{DID: did, ID: idNotifications}
	doc, err := c.options.Resolve(ctx, did)
	if errors.Is(err, mailbox.ErrBusy) || ctx.Err() != nil {
		return s, err
	}
	if err != nil {
		e := refuse("could not resolve did document: " + did.String())
		e.Cause = err
		return s, e
	}
	if s.url = endpoint(doc, s.ID, typeNotifications); s.url == "" {
		return s, refuse("invalid notification service details in did document: " + did.String())
	}
	return s, nil
}

// endpoint is the URL of the first service of that id, which a document may
// spell with or without its own DID; "" if that has another type or no web URL.
func endpoint(doc *atid.DIDDocument, id, kind string) string {
	for _, s := range doc.Service {
		if s.ID != "#"+id && s.ID != doc.DID.String()+"#"+id {
			continue
		}
		if kind != "" && s.Type != kind || !strings.HasPrefix(s.ServiceEndpoint, "https://") && !strings.HasPrefix(s.ServiceEndpoint, "http://") {
			return ""
		}
		return s.ServiceEndpoint
	}
	return ""
}

func refuse(message string) *xrpc.Error {
	return &xrpc.Error{Status: http.StatusBadRequest, Message: message}
}

// ozone is every method that goes to the moderation service by itself. It is
// the reference's list: a method that is newer than it goes by header.
var ozone = map[syntax.NSID]bool{
	"tools.ozone.communication.createTemplate":      true,
	"tools.ozone.communication.deleteTemplate":      true,
	"tools.ozone.communication.listTemplates":       true,
	"tools.ozone.communication.updateTemplate":      true,
	"tools.ozone.moderation.cancelScheduledActions": true,
	"tools.ozone.moderation.emitEvent":              true,
	"tools.ozone.moderation.getAccountTimeline":     true,
	"tools.ozone.moderation.getEvent":               true,
	"tools.ozone.moderation.getRecord":              true,
	"tools.ozone.moderation.getRepo":                true,
	"tools.ozone.moderation.listScheduledActions":   true,
	"tools.ozone.moderation.queryEvents":            true,
	"tools.ozone.moderation.queryStatuses":          true,
	"tools.ozone.moderation.scheduleAction":         true,
	"tools.ozone.moderation.searchRepos":            true,
	"tools.ozone.safelink.addRule":                  true,
	"tools.ozone.safelink.queryEvents":              true,
	"tools.ozone.safelink.queryRules":               true,
	"tools.ozone.safelink.removeRule":               true,
	"tools.ozone.safelink.updateRule":               true,
	"tools.ozone.team.addMember":                    true,
	"tools.ozone.team.deleteMember":                 true,
	"tools.ozone.team.listMembers":                  true,
	"tools.ozone.team.updateMember":                 true,
	"tools.ozone.verification.grantVerifications":   true,
	"tools.ozone.verification.listVerifications":    true,
	"tools.ozone.verification.revokeVerifications":  true,
}
