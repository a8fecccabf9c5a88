package xrpc

import "net/http"

// exposed are the response headers that browsers show to scripts of other origins.
// It is shared by all answers: header values are replaced, never changed in place.
var exposed = []string{"DPoP-Nonce, WWW-Authenticate, RateLimit-Limit, RateLimit-Remaining, RateLimit-Reset, " +
	"RateLimit-Policy, Retry-After, Atproto-Repo-Rev, Atproto-Content-Labelers, Atproto-Upstream-Lag, X-Request-Id"}

var everyOrigin = []string{"*"}

// CORS opens a handler to scripts of every origin: the API uses no cookies, so there is nothing to protect. It answers
// preflight requests itself. Routes that use cookies (the OAuth pages) must not be wrapped.
func CORS(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if !cors(w.Header(), r) {
			next.ServeHTTP(w, r)
			return
		}
		w.WriteHeader(http.StatusNoContent)
	})
}

// cors sets the headers, and reports whether the request was a preflight that wants no more than these.
func cors(h http.Header, r *http.Request) (preflight bool) {
	h["Access-Control-Allow-Origin"] = everyOrigin
	if r.Method != http.MethodOptions {
		h["Access-Control-Expose-Headers"] = exposed
		return false
	}
	h.Set("Access-Control-Allow-Methods", "GET, HEAD, POST")
	if wanted := r.Header.Get("Access-Control-Request-Headers"); wanted != "" {
		h.Set("Access-Control-Allow-Headers", wanted)
		h.Add("Vary", "Access-Control-Request-Headers")
	}
	h.Set("Access-Control-Max-Age", "86400")
	return true
}
