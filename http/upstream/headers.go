package upstream

import (
	"net/http"
	"strings"
)

// What leaves of a client's request, and nothing else does. Accept-Encoding is
// set by whoever asks.
var (
	requestHeaders = []string{"Accept-Language", "Atproto-Accept-Labelers", "X-Bsky-Topics"}
	bodyHeaders    = []string{"Content-Type", "Content-Encoding"} // and Content-Length, which is the request's own
	// requestPrefix opens the names that are forwarded whatever follows.
	requestPrefix = "X-Atproto-"
)

// What arrives of an upstream's answer. Of an error only the latter: its body is
// told anew.
var (
	contentHeaders = []string{"Content-Length", "Content-Encoding", "Content-Type", "Content-Language"}
	answerHeaders  = []string{"Atproto-Repo-Rev", "Atproto-Content-Labelers", "Retry-After"}
)

// forwarded is what leaves of a client's headers. A header that Connection names
// was meant for this server alone (RFC 9110 §7.6.1).
func forwarded(from http.Header, body bool) http.Header {
	to := make(http.Header, 6)
	add := func(name string) {
		if values := from[name]; len(values) > 0 && !hop(from, name) {
			to[name] = []string{join(values)}
		}
	}
	for _, name := range requestHeaders {
		add(name)
	}
	if body {
		for _, name := range bodyHeaders {
			add(name)
		}
	}
	for name := range from {
		if strings.HasPrefix(name, requestPrefix) {
			add(name)
		}
	}
	return to
}

// hop says whether a header is for the next hop only.
func hop(h http.Header, name string) bool {
	for _, line := range h["Connection"] {
		for token := range strings.SplitSeq(line, ",") {
			if strings.EqualFold(strings.TrimSpace(token), name) {
				return true
			}
		}
	}
	return false
}

// answered is what arrives of an upstream's headers.
func answered(from http.Header, lists ...[]string) http.Header {
	to := make(http.Header, 6)
	for _, list := range lists {
		for _, name := range list {
			if values := from[name]; len(values) > 0 && values[0] != "" {
				to[name] = []string{strings.Join(values, ",")}
			}
		}
	}
	return to
}

// join makes one line of several, as a list is to be read.
func join(values []string) string { return strings.Join(values, ", ") }
