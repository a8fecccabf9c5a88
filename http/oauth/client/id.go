package client

import (
	"net/netip"
	"net/url"
	"path"
	"strings"
)

// loopback begins the names of clients that describe themselves.
const loopback = "http://localhost"

// Refusal refuses a client or its request. Code is the OAuth error code.
type Refusal struct{ Code, Description string }

func (e Refusal) Error() string { return e.Code + ": " + e.Description }

func badMetadata(description string) error { return Refusal{"invalid_client_metadata", description} }
func badRedirect(description string) error { return Refusal{"invalid_redirect_uri", description} }
func badClient(description string) error   { return Refusal{"invalid_client", description} }

// isLoopback reports whether a client describes itself.
func isLoopback(id string) bool { return strings.HasPrefix(id, loopback) }

// describeItself reads the description out of a client_id on localhost. Only
// scope and redirect_uri may be in it.
func describeItself(id string) (Metadata, error) {
	rest := strings.TrimPrefix(strings.TrimPrefix(id, loopback), "/")
	query, isQuery := strings.CutPrefix(rest, "?")
	if strings.Contains(id, "#") || rest != "" && !isQuery {
		return Metadata{}, badMetadata(`Invalid loopback client ID: only a query is allowed after "http://localhost"`)
	}
	values, err := url.ParseQuery(query)
	if err != nil {
		return Metadata{}, badMetadata("Invalid loopback client ID: malformed query")
	}
	m := Metadata{
		ClientID: id, Scope: "atproto", RedirectURIs: []string{"http://127.0.0.1/", "http://[::1]/"},
		ResponseTypes: []string{"code"}, GrantTypes: []string{"authorization_code", "refresh_token"},
		AuthMethod: "none", ApplicationType: "native", DPoPBound: true,
	}
	for key, all := range values {
		switch {
		case key == "redirect_uri":
			m.RedirectURIs = all
		case key == "scope" && len(all) == 1:
			m.Scope = all[0]
		default:
			return Metadata{}, badMetadata("Invalid loopback client ID: unexpected or repeated query parameter " + key)
		}
	}
	for _, u := range m.RedirectURIs {
		if p, err := url.Parse(u); err != nil || p.Scheme != "http" || !isLoopbackIP(p.Hostname()) {
			return Metadata{}, badMetadata("Invalid loopback client ID: redirect_uri must be on http://127.0.0.1 or http://[::1]")
		}
	}
	return m, nil
}

// checkID holds a client_id to the form of an address that a description may
// be at.
func checkID(id string) (*url.URL, error) {
	u, err := url.Parse(id)
	switch {
	case err != nil || u.Scheme != "https" || u.Host == "" || u.Opaque != "":
		return nil, badMetadata("client_id must be an https URL")
	case u.User != nil:
		return nil, badMetadata("client_id must not contain credentials")
	case strings.Contains(id, "#"):
		return nil, badMetadata("client_id must not contain a fragment")
	case u.Path == "" || u.Path == "/":
		return nil, badMetadata(`client_id must contain a path (e.g. "/client-metadata.json")`)
	case strings.HasSuffix(u.Path, "/"):
		return nil, badMetadata("client_id must not end with a slash")
	case isIP(u.Hostname()):
		return nil, badMetadata("client_id must not be at an IP address")
	case isLocal(u.Hostname()):
		return nil, badMetadata("client_id must not be at a local host name")
	case dotted(u.EscapedPath()) || strings.ContainsAny(id, "\\ \t\r\n"):
		return nil, badMetadata("client_id must be in canonical form")
	}
	return u, nil
}

// dotted reports whether a path has dot segments, written in whatever way.
func dotted(escaped string) bool {
	plain, err := url.PathUnescape(escaped)
	if err != nil {
		return true
	}
	for segment := range strings.SplitSeq(plain, "/") {
		if segment == "." || segment == ".." {
			return true
		}
	}
	return false
}

func isIP(host string) bool {
	_, err := netip.ParseAddr(host)
	return err == nil
}

func isLoopbackIP(host string) bool { return host == "127.0.0.1" || host == "::1" }

// isLocal recognises names that no public host has.
func isLocal(host string) bool {
	host = strings.ToLower(strings.TrimSuffix(host, "."))
	i := strings.LastIndexByte(host, '.')
	if i < 0 {
		return true
	}
	switch host[i+1:] {
	case "test", "local", "localhost", "invalid", "example":
		return true
	}
	return false
}

// parentOf reports whether a page is the path itself, or above it.
func parentOf(page, of string) bool {
	if page == "" {
		page = "/"
	}
	return page == of || strings.HasPrefix(of, strings.TrimSuffix(path.Clean(page), "/")+"/")
}
