package client

import (
	"fmt"
	"net/url"
	"slices"
	"strings"
)

// checkRedirect judges one address that a description wants people sent to. own
// is the client_id; nil for a client that describes itself.
func (m Metadata) checkRedirect(redirect string, own *url.URL) error {
	u, err := url.Parse(redirect)
	switch {
	case err != nil || u.Scheme == "" || strings.ContainsAny(redirect, "\\ \t\r\n"):
		return badRedirect("redirect_uri is not a URL")
	case u.User != nil:
		return badRedirect("redirect_uri must not contain credentials")
	case u.Hostname() == "localhost":
		return badRedirect("Loopback redirect URI is not allowed on localhost (use explicit IPs instead)")
	case isLoopbackIP(u.Hostname()):
		switch {
		case m.ApplicationType != "native":
			return badRedirect("Loopback redirect URIs are only allowed for native apps")
		case u.Scheme != "http":
			return badRedirect("Loopback redirect URI must use HTTP")
		}
	case u.Scheme == "http":
		return badRedirect(`Only loopback redirect URIs are allowed to use the "http" scheme`)
	case u.Scheme == "https":
		if u.Host == "" || isLocal(u.Hostname()) {
			return badRedirect("Redirect URI's domain name must not be a local hostname")
		}
	case strings.Contains(u.Scheme, "."):
		switch {
		case m.ApplicationType != "native":
			return badRedirect("Private-Use URI Scheme redirect URI are only allowed for native apps")
		case own != nil && u.Scheme != reversed(own.Hostname()):
			return badRedirect("Private-Use URI Scheme redirect URI must be the domain name of the client_id in reverse order (" + reversed(own.Hostname()) + ":)")
		case u.Host != "" || !strings.HasPrefix(u.Path, "/"):
			return badRedirect("Private-Use URI Scheme must be followed by a single slash and a path")
		}
	default:
		return badRedirect(fmt.Sprintf("Invalid redirect URI scheme %q", u.Scheme))
	}
	return nil
}

func reversed(host string) string {
	labels := strings.Split(strings.ToLower(host), ".")
	slices.Reverse(labels)
	return strings.Join(labels, ".")
}

// Redirect is the address that a request is answered to: the one it names, which
// must be registered, or the only one there is.
func (c *Client) Redirect(requested string) (string, error) {
	if requested == "" {
		if len(c.RedirectURIs) == 1 {
			return c.RedirectURIs[0], nil
		}
		return "", Refusal{"invalid_request", "redirect_uri is required"}
	}
	for _, registered := range c.RedirectURIs {
		if registered == requested || samePlace(registered, requested) {
			return requested, nil
		}
	}
	return "", Refusal{"invalid_request", "Invalid redirect_uri"}
}

// samePlace compares loopback addresses without the port, if it was left open.
func samePlace(registered, requested string) bool {
	a, err := url.Parse(registered)
	if err != nil || !isLoopbackIP(a.Hostname()) || a.Port() != "" {
		return false
	}
	b, err := url.Parse(requested)
	if err != nil || b.Host != a.Host && b.Host != a.Host+":"+b.Port() {
		return false
	}
	if b.Path == "" { // http://127.0.0.1 is http://127.0.0.1/
		b.Path = "/"
	}
	if a.Path == "" {
		a.Path = "/"
	}
	b.Host = a.Host
	return a.String() == b.String()
}
